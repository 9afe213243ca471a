"""Figures of merit, checked against numbers worked out by hand."""

import numpy as np
import pytest

from edge_fer.emotion.card import FER2013_LABELS, LABELS
from edge_fer.emotion.classify import Classifier
from edge_fer.evaluation.evaluate import (
    confusion,
    ece,
    evaluate,
    macro_f1,
    paired,
    per_class,
    reliability,
    spread,
    summarise,
)
from tests.support.tiny_model import write_tiny_model


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
    expected = {"precision": 1.0, "recall": 0.5, "f1": 0.66667, "n": 2, "said": 1}
    assert expected == classes["angry"]
    assert pytest.approx((2 / 3 + 0.8) / 2, abs=1e-4) == macro_f1(classes)


def test_a_label_that_is_only_predicted_is_listed_but_not_averaged():
    classes = per_class(confusion(np.array([0], np.uint8), np.array([7]), 8), LABELS)
    assert 0 == classes["contempt"]["n"]
    assert 0.0 == macro_f1(classes)


def test_confidence_that_comes_true_has_no_calibration_error():
    labels = np.array([0] * 8 + [1] * 2, np.uint8)
    assert pytest.approx(0, abs=1e-6) == ece(one_hot([0] * 10, 0.8), labels)
    assert pytest.approx(0.2, abs=1e-6) == ece(one_hot([0] * 10, 1.0), labels)


def test_reliability_sets_accuracy_beside_confidence_bin_by_bin():
    labels = np.array([0, 1, 1, 2], np.uint8)
    bins = reliability(np.concatenate([one_hot([0, 1], 0.9), one_hot([0, 0], 0.3)]), labels)
    assert [0, 2, 0, 2] == [bins["n"][k] for k in (0, 4, 12, 13)]
    assert [None, 0.0, 1.0] == [bins["accuracy"][k] for k in (0, 4, 13)]
    assert [None, 0.3, 0.9] == [bins["confidence"][k] for k in (0, 4, 13)]
    assert 15 == len(bins["n"])


def test_a_paired_difference_rests_on_what_only_one_side_has_right():
    first = np.array([True] * 60 + [False] * 40)
    second = first.copy()
    second[:5], second[60:75] = False, True
    found = paired(first, second)
    assert (0.6, 0.7, 10.0) == (found["first"], found["second"], found["difference"])
    # sqrt(5 + 15 - 100 * 0.1²) / 100 * 1.96 = 8.543 points
    assert (1.457, 18.543) == (found["low"], found["high"])
    assert {"first": 0.6, "second": 0.6, "difference": 0.0, "low": 0.0, "high": 0.0} == paired(
        first, first
    )


def test_spread_puts_columns_where_the_vocabulary_has_them():
    row = spread(np.array([[0.25, 0.75]], np.float32), ["sad", "happy"])
    assert [0, 0, 0, 0.75, 0.25, 0, 0, 0] == row[0].tolist()


def write_data(path, values, labels, votes):
    """An npz whose PublicTest is plain pictures of the brightness ``values``."""
    count = len(values)
    np.savez(
        path,
        images=np.stack([np.full((48, 48), value, np.uint8) for value in values]),
        label=np.array(labels),
        usage=np.ones(count, int),
        ferplus_votes=np.array(votes),
        id=np.arange(count),
        duplicate=np.zeros(count, bool),
    )
    return path


def test_a_model_is_evaluated_on_pictures_of_another_size(tmp_path):
    model = write_tiny_model(tmp_path, size=64)
    data = write_data(tmp_path / "d.npz", (0, 255, 0), (0, 6, 6), np.zeros((3, 10), int))
    figures = evaluate(Classifier(model), data, "public")
    assert pytest.approx(2 / 3, abs=1e-4) == figures["accuracy"]
    assert {
        "n",
        "accuracy",
        "accuracy_no_duplicates",
        "macro_f1",
        "per_class",
        "ece",
        "reliability",
        "model",
        "precision",
        "seconds",
        "confusion",
        "labels",
    } == set(figures)


@pytest.mark.parametrize(("labels", "accuracy"), [(FER2013_LABELS, 0.5), (LABELS, 0.75)])
def test_ferplus_judges_models_with_and_without_contempt(tmp_path, labels, accuracy):
    """Bright pictures get the model's last label, dark ones angry."""
    votes = np.zeros((4, 10), np.uint8)
    votes[[0, 1, 2, 3], [4, 0, 7, 7]] = 10  # anger, neutral, contempt, contempt
    data = write_data(tmp_path / "d.npz", (0, 255, 255, 255), (0, 0, 0, 0), votes)
    model = write_tiny_model(tmp_path, labels=labels)
    figures = evaluate(Classifier(model), data, "public", truth="ferplus")
    assert (4, 0, accuracy) == (figures["n"], figures["left_out"], figures["accuracy"])
    assert "more than half" in figures["rule"]
