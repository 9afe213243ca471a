"""Train the fp32 parent of a recipe: ``python -m training.train ultralight``."""

import dataclasses
import sys

from torch import nn

from training.aligned import read_aligned
from training.command import make_parser, run
from training.data import Split, read_split
from training.fit import fit
from training.grow import grow
from training.nets import new_net
from training.recipe import RUNS, Recipe, fits, inner
from training.soften import read_soft
from training.weights import read_parent


def train(recipe: Recipe) -> nn.Module:
    """Return the recipe's parent network; train it if necessary."""
    net = new_net(recipe)
    within = inner(recipe)
    if within is not None:
        grow(net, read_parent(within))
    return fit(
        net,
        training_split(recipe),
        read_split("public"),
        recipe.fit,
        RUNS / recipe.name / "parent",
        seed=recipe.seed,
    )


def training_split(recipe: Recipe) -> Split:
    """Return the training pictures, with soft labels and aligned chips if the recipe uses them."""
    split = read_split("train")
    guide = None if recipe.soft is None else read_soft(recipe.soft, len(split))
    aligned = read_aligned("train") if any(fit.aligned for fit in fits(recipe)) else None
    return dataclasses.replace(split, guide=guide, aligned=aligned)


def main() -> int:
    """Run from the command line and return the exit code."""
    return run(make_parser(__doc__), lambda recipe, _: train(recipe))


if __name__ == "__main__":
    sys.exit(main())
