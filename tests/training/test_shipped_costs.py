"""The shipped models are physically smaller than the networks they were cut from."""

import pytest

from edge_fer.emotion.card import read_card
from tests.support.shipped import SHIPPED
from training.export import costs, export
from training.nets import new_net
from training.recipe import read_recipe


@pytest.fixture(scope="module", params=SHIPPED)
def card(request):
    return read_card(request.param)


@pytest.fixture(scope="module")
def recipe(card):
    return read_recipe(card.command.partition("NET=")[2])


@pytest.fixture(scope="module")
def parent(card, recipe, tmp_path_factory):
    file = tmp_path_factory.mktemp("parent") / "parent.onnx"
    return costs(export(new_net(recipe), file, recipe.sizes), card.input.sizes[0])


def test_the_share_of_the_recipe_is_no_longer_computed(card, recipe, parent):
    # `cut` counts norms as well, which the file has folded away.
    assert card.macs <= 1.02 * (1 - recipe.prune.macs) * parent[1]


def test_parameters_went_with_the_channels(card, parent):
    assert card.parameters < 0.9 * parent[0]


def test_the_name_tells_the_share(card, recipe):
    assert card.name.endswith(f"-p{100 * recipe.prune.macs:.0f}-{card.precision}")
