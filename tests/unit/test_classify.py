"""The network: what goes in, what comes out, and that any ONNX with a card will do."""

import numpy as np
import pytest

from edge_fer.emotion.card import Golden, Input
from edge_fer.emotion.classify import Classifier, softmax
from edge_fer.emotion.session import drawn_chip, to_tensor
from tests.support.tiny_model import write_tiny_model

SIX = ("angry", "happy", "sad", "surprise", "neutral", "contempt")


def chip(value, size=48):
    return np.full((size, size), value, np.uint8)


def test_scores_are_probabilities_over_the_cards_labels(tmp_path):
    classifier = Classifier(write_tiny_model(tmp_path))
    (scores,) = classifier.classify([chip(90)])
    assert classifier.card.labels == list(scores)
    assert pytest.approx(1) == sum(scores.values())


def test_a_batch_gives_what_each_chip_gives_alone(tmp_path):
    classifier = Classifier(write_tiny_model(tmp_path))
    chips = [chip(value) for value in (0, 100, 255)]
    alone = [classifier.classify([one])[0] for one in chips]
    for expected, scores in zip(alone, classifier.classify(chips), strict=True):
        assert pytest.approx(expected, abs=1e-5) == scores


def test_no_chips_give_no_scores(tmp_path):
    assert [] == Classifier(write_tiny_model(tmp_path)).classify([])


def test_the_temperature_softens_the_scores(tmp_path):
    sharp = Classifier(write_tiny_model(tmp_path, "sharp")).classify([chip(0)])[0]
    soft = Classifier(write_tiny_model(tmp_path, "soft", temperature=2.0)).classify([chip(0)])[0]
    assert max(soft.values()) < max(sharp.values())
    assert max(soft, key=soft.get) == max(sharp, key=sharp.get)


def test_a_model_of_six_labels_at_128_px_with_three_channels_works_without_code(tmp_path):
    model = write_tiny_model(tmp_path, "other-fp32", labels=SIX, size=128, channels=3)
    classifier = Classifier(model)
    assert 128 == classifier.size
    dark, bright = classifier.classify([chip(0, 128), chip(255, 128)])
    assert ("angry", "contempt") == (max(dark, key=dark.get), max(bright, key=bright.get))


def test_golden_vectors_that_fit_are_accepted(tmp_path):
    first = Classifier(write_tiny_model(tmp_path, "first"))
    scores = first.classify([drawn_chip((3, 5, 0), 48)])[0]
    golden = [Golden(pattern=(3, 5, 0), scores=scores)]
    Classifier(write_tiny_model(tmp_path, "second", golden=golden))


def test_pixels_are_scaled_once_and_luma_is_replicated():
    spec = Input(sizes=[2], mean=128, std=64, channels=3)
    tensor = to_tensor(np.array([[[0, 128], [192, 255]]], np.uint8), spec)
    assert (1, 3, 2, 2) == tensor.shape
    assert np.float32 == tensor.dtype
    assert [[-2, 0], [1, pytest.approx(1.984375)]] == tensor[0, 2].tolist()


def test_a_channels_last_layout_is_filled_as_asked():
    spec = Input(sizes=[2], mean=0, std=1, channels=3, layout="NHWC")
    assert (4, 2, 2, 3) == to_tensor(np.zeros((4, 2, 2), np.uint8), spec).shape


def test_drawn_chips_are_the_same_anywhere():
    assert [[0, 3, 6], [5, 10, 15]] == drawn_chip((3, 5, 2), 3)[:2].tolist()


def test_softmax_survives_large_logits():
    assert [[1.0, 0.0]] == softmax(np.array([[1e4, -1e4]], np.float32)).tolist()
