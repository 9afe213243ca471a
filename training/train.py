"""Train the fp32 parent of a recipe: ``python -m training.train ultralight``."""

import dataclasses
import inspect
import sys

import torch
from torch import nn

from edge_fer.errors import ConfigError
from training.aligned import read_aligned
from training.command import make_parser, run
from training.data import Split, read_split
from training.fit import fit
from training.nets import NETS
from training.nets.blocks import Classifier
from training.recipe import RUNS, Recipe, fits, suggestion
from training.soften import read_soft


def train(recipe: Recipe) -> nn.Module:
    """Train, or load if it is trained already, the recipe's parent network."""
    return fit(
        new_net(recipe), training_split(recipe), read_split("public"), recipe.fit,
        RUNS / recipe.name / "parent", seed=recipe.seed,
    )  # fmt: skip


def training_split(recipe: Recipe) -> Split:
    """The training pictures, with soft labels and aligned chips as far as the recipe asks."""
    split = read_split("train")
    guide = None if recipe.soft is None else read_soft(recipe.soft, len(split))
    aligned = read_aligned("train") if any(fit.aligned for fit in fits(recipe)) else None
    return dataclasses.replace(split, guide=guide, aligned=aligned)


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


def main() -> int:
    """Run from the command line and return the exit code."""
    return run(make_parser(__doc__), lambda recipe, _: train(recipe))


if __name__ == "__main__":
    sys.exit(main())
