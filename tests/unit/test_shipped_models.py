"""Each model in models/ is what its card says, and small and whole enough to ship."""

import pytest

from edge_fer.emotion.card import FER2013_LABELS, read_card
from edge_fer.emotion.classify import Classifier
from edge_fer.evaluation.dataset import FERPLUS_EMOTIONS
from edge_fer.evaluation.evaluate import evaluate
from tests.support.onnx_operators import (
    FLOAT_CONVOLUTIONS,
    U8_ACTIVATIONS_S8_WEIGHTS,
    optimized,
    quantized_types,
    written,
)
from tests.support.shipped import SHIPPED

LARGEST_BYTES = {"ultralight": 1_000_000, "xception": 3_000_000}
"""Of an INT8 file; its fp32 twin, where there is one, is as large as its card says."""

LARGEST_DROP, LEAST_SAME = 0.005, 0.97
"""Of the accuracy when the pruned network is quantized; share of pictures with the same label."""

LABELS_OF = {"fer2013": FER2013_LABELS, "ferplus": FERPLUS_EMOTIONS}
TRUTH_OF = {"fer2013": "own", "ferplus": "ferplus"}
TOLERANCE = 1e-3
"""Of an accuracy or F1: INT8 kernels round differently from one CPU to another."""


@pytest.fixture(scope="module", params=SHIPPED)
def model(request):
    return request.param


@pytest.fixture(scope="module")
def card(model):
    return read_card(model)


@pytest.fixture(scope="module")
def public(model, card, data):
    truth, _ = card.figures("public")
    return evaluate(Classifier(model), data / "fer2013.npz", "public", truth=TRUTH_OF[truth])


def test_the_name_says_network_and_precision(card, model):
    assert model.stem == card.name
    assert card.name.startswith(f"{card.network}-")
    assert card.name.endswith(f"-{card.precision}")


def test_it_loads_and_the_golden_vectors_hold(model):
    assert Classifier(model).card.golden


def test_its_card_leaves_nothing_open(card, model):
    truth, _ = card.figures("public")
    assert list(LABELS_OF[truth]) == card.labels
    assert model.stat().st_size == card.bytes
    assert card.parameters
    assert card.macs
    assert card.limits
    assert "licence" in card.data
    command, _, recipe = card.command.partition("=")
    assert "make model NET" == command
    assert card.name.startswith(f"{recipe}-p")
    assert truth == card.figures("private")[0]


def test_its_accuracy_is_known_at_every_size(card):
    assert [] == [size for size in card.input.sizes if card.accuracy_at(size) is None]


def test_it_is_small(card, model):
    if card.precision != "int8":
        pytest.skip(f"{model.name} is {card.precision}")
    assert model.stat().st_size <= LARGEST_BYTES[card.network]


def test_quantizing_cost_next_to_nothing(card, model):
    if card.precision != "int8":
        pytest.skip(f"{model.name} is {card.precision}")
    _, public = card.figures("public")
    _, pruned = card.figures("public, fp32 pruned")
    assert pruned["accuracy"] - public["accuracy"] <= LARGEST_DROP
    assert pruned["same_top1_as_int8"] >= LEAST_SAME


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
    _, noted = card.figures("public")
    assert noted[figure] == pytest.approx(public[figure], abs=TOLERANCE)


def test_public_test_was_seen_whole_but_for_pictures_without_a_majority(card):
    _, noted = card.figures("public")
    assert 3589 == noted["n"] + noted.get("left_out", 0)
