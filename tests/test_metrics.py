"""Figures of merit, checked against numbers worked out by hand."""

import numpy as np
import pytest
from tiny_model import write_tiny_model

from edge_fer.emotion.labels import LABELS
from edge_fer.measure.evaluate import evaluate, spread
from edge_fer.measure.metrics import confusion, ece, macro_f1, per_class, summarise


def one_hot(columns, confidence=1.0):
    rest = (1 - confidence) / 7
    table = np.full((len(columns), 8), rest, np.float32)
    table[np.arange(len(columns)), columns] = confidence
    return table


def test_accuracy_counts_duplicates_apart():
    labels = np.array([0, 0, 3, 3], np.uint8)
    duplicate = np.array([True, False, False, False])
    figures = summarise(one_hot([0, 3, 3, 0]), labels, duplicate)
    assert 0.5 == figures["accuracy"]
    assert pytest.approx(1 / 3, abs=1e-4) == figures["accuracy_no_duplicates"]
    assert summarise(one_hot([0]), labels[:1], None)["accuracy_no_duplicates"] is None


def test_macro_f1_is_the_mean_over_labels_that_occur():
    table = confusion(np.array([0, 0, 1, 1], np.uint8), np.array([0, 1, 1, 1]), 8)
    classes = per_class(table, LABELS)
    assert {"precision": 1.0, "recall": 0.5, "f1": 0.66667, "n": 2} == classes["angry"]
    assert pytest.approx((2 / 3 + 0.8) / 2, abs=1e-4) == macro_f1(classes)


def test_a_label_that_is_only_predicted_is_listed_but_not_averaged():
    classes = per_class(confusion(np.array([0], np.uint8), np.array([7]), 8), LABELS)
    assert 0 == classes["contempt"]["n"]
    assert 0.0 == macro_f1(classes)


def test_confidence_that_comes_true_has_no_calibration_error():
    labels = np.array([0] * 8 + [1] * 2, np.uint8)
    assert pytest.approx(0, abs=1e-6) == ece(one_hot([0] * 10, 0.8), labels)
    assert pytest.approx(0.2, abs=1e-6) == ece(one_hot([0] * 10, 1.0), labels)


def test_spread_puts_columns_where_the_vocabulary_has_them():
    row = spread(np.array([[0.25, 0.75]], np.float32), ["sad", "happy"])
    assert [0, 0, 0, 0.75, 0.25, 0, 0, 0] == row[0].tolist()


def test_a_model_is_evaluated_on_pictures_of_another_size(tmp_path):
    model = write_tiny_model(tmp_path, size=64)
    images = np.stack([np.full((48, 48), value, np.uint8) for value in (0, 255, 0)])
    np.savez(
        tmp_path / "d.npz", images=images, label=np.array([0, 6, 6]), usage=np.array([1, 1, 1]),
        ferplus_votes=np.zeros((3, 10)), id=np.arange(3), duplicate=np.zeros(3, bool),
    )  # fmt: skip
    figures = evaluate(model, tmp_path / "d.npz", "public")
    assert pytest.approx(2 / 3, abs=1e-4) == figures["accuracy"]
    assert {
        "n", "accuracy", "accuracy_no_duplicates", "macro_f1", "per_class", "ece", "model",
        "precision", "seconds",
    } == set(figures)  # fmt: skip
