"""Train the fp32 parent of a recipe: ``python -m training.train ultralight``."""

import inspect
import sys

import torch
from torch import nn

from edge_fer.errors import ConfigError
from training.command import make_parser, run
from training.data import read_split
from training.fit import fit, load_module
from training.nets import NETS
from training.nets.blocks import Classifier
from training.recipe import RUNS, Recipe, read_recipe, suggestion


def train(recipe: Recipe) -> nn.Module:
    """Train, or load if it is trained already, the recipe's parent network."""
    return fit(
        new_net(recipe), read_split("train"), read_split("public"), recipe.fit,
        RUNS / recipe.name / "parent", seed=recipe.seed, teacher=load_teacher(recipe),
    )  # fmt: skip


def new_net(recipe: Recipe) -> Classifier:
    """The recipe's network with random weights, which its seed decides.

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


def load_teacher(recipe: Recipe) -> nn.Module | None:
    """The teacher's averaged network; its own recipe is trained first where needed."""
    if recipe.teacher is None:
        return None
    final = RUNS / recipe.teacher / "parent" / "final.pt"
    teacher = load_module(final) if final.exists() else train(read_recipe(recipe.teacher))
    ready: nn.Module = teacher.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return ready


def main() -> int:
    """Run from the command line and return the exit code."""
    return run(make_parser(__doc__), lambda recipe, _: train(recipe))


if __name__ == "__main__":
    sys.exit(main())
