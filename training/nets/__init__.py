"""Make the networks by their names in recipes."""

import inspect
from collections.abc import Callable
from typing import Final

import torch

from edge_fer.errors import ConfigError
from training.nets.blocks import Classifier
from training.nets.resnet import resnet
from training.nets.ultralight import ultralight
from training.nets.vgg import vgg
from training.nets.xception import xception
from training.recipe import Recipe, suggestion

NETS: Final[dict[str, Callable[..., Classifier]]] = {
    "ultralight": ultralight,
    "xception": xception,
    "resnet": resnet,
    "vgg": vgg,
}


def new_net(recipe: Recipe) -> Classifier:
    """Return the recipe's network with random weights from its seed.

    Raises:
        ConfigError: there is no such network, or it has no such option; one line.
    """
    if recipe.net not in NETS:
        near = suggestion(recipe.net, NETS)
        raise ConfigError(
            f"{recipe.name}: net = {recipe.net}: must be one of {', '.join(NETS)}{near}"
        )
    known = inspect.signature(NETS[recipe.net]).parameters
    for option in recipe.options:
        if option not in known:
            raise ConfigError(
                f"{recipe.name}: options.{option}: no such key, must be one of "
                f"{', '.join(known)}{suggestion(option, known)}"
            )
    torch.manual_seed(recipe.seed)
    return NETS[recipe.net](**recipe.options)
