"""Each model in models/ is what its card says, and small and whole enough to ship."""

import pytest
from operators import (
    FLOAT_CONVOLUTIONS,
    U8_ACTIVATIONS_S8_WEIGHTS,
    optimized,
    quantized_types,
    written,
)
from shipped import SHIPPED

from edge_fer.emotion.card import read_card
from edge_fer.emotion.classify import Classifier
from edge_fer.emotion.labels import FER2013_LABELS
from edge_fer.measure.evaluate import evaluate

LARGEST_BYTES = {"ultralight": 1_440_000, "xception": 5_000_000}
TOLERANCE = 1e-3
"""Of an accuracy or F1: INT8 kernels round differently from one CPU to another."""


@pytest.fixture(scope="module", params=SHIPPED)
def model(request):
    return request.param


@pytest.fixture(scope="module")
def card(model):
    return read_card(model)


@pytest.fixture(scope="module")
def public(model, data):
    return evaluate(model, data / "fer2013.npz", "public")


def test_the_name_says_network_and_precision(card, model):
    assert model.stem == card.name
    assert card.name.startswith(f"{card.network}-")
    assert card.name.endswith(f"-{card.precision}")


def test_it_loads_and_the_golden_vectors_hold(model):
    assert Classifier(model).card.golden


def test_its_card_leaves_nothing_open(card, model):
    assert list(FER2013_LABELS) == card.labels
    assert model.stat().st_size == card.bytes
    assert card.parameters
    assert card.macs
    assert card.limits
    assert "licence" in card.data
    assert f"make model NET={card.network}" == card.command
    assert {"fer2013-public", "fer2013-private"} <= card.metrics.keys()


def test_it_is_small(card, model):
    assert model.stat().st_size <= LARGEST_BYTES[card.network]


def test_int8_means_unsigned_activations_and_signed_weights_per_channel(card, model):
    if card.precision != "int8":
        pytest.skip(f"{model.name} is {card.precision}")
    assert written(model)["QuantizeLinear"] > written(model)["Conv"]
    assert U8_ACTIVATIONS_S8_WEIGHTS == quantized_types(model)


def test_no_convolution_is_left_to_floats(card, model, tmp_path):
    if card.precision != "int8":
        pytest.skip(f"{model.name} is {card.precision}")
    operators = optimized(model, tmp_path)
    assert written(model)["Conv"] == operators["QLinearConv"]
    assert not FLOAT_CONVOLUTIONS & operators.keys()


@pytest.mark.parametrize("figure", ["accuracy", "accuracy_no_duplicates", "macro_f1"])
def test_public_test_gives_what_the_card_says(card, public, figure):
    noted = card.metrics["fer2013-public"][figure]
    assert noted == pytest.approx(public[figure], abs=TOLERANCE)


def test_public_test_was_seen_whole(card):
    assert 3589 == card.metrics["fer2013-public"]["n"]
