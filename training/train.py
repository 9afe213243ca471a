"""Train the fp32 parent of a recipe: ``python -m training.train ultralight``."""

import dataclasses
import sys

import numpy as np
import torch
from torch import nn

from edge_fer.emotion.session import to_tensor
from edge_fer.errors import ConfigError, DataError
from training.aligned import read_aligned
from training.command import make_parser, run
from training.data import SPEC, Split, read_split, resize
from training.fit import fit
from training.grow import grow
from training.nets import new_net
from training.recipe import RUNS, Recipe, fits, inner
from training.soften import FOLDER as SOFT
from training.soften import read_soft
from training.teachers import wild
from training.teachers.weights import runs
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


def with_photographs(split: Split, soft: str | None) -> Split:
    """Append the faces of photographs, which have only soft labels.

    Raises:
        ConfigError: the recipe names no soft labels.
        DataError: the faces are missing, or the soft labels belong to others.
    """
    path = runs() / wild.FILE
    if soft is None or split.guide is None:
        raise ConfigError("wild = true: needs soft labels; name them in soft")
    if not path.exists():
        raise DataError(f"{path}: no such file; run python -m training.teachers.wild")
    with np.load(path) as held:
        faces, pictures = held["chips"], held["picture"]
    guide = read_soft(f"{soft}-wild", len(faces))
    with np.load(SOFT / f"{soft}-wild.npz") as held:
        if not np.array_equal(held["picture"], pictures):
            raise DataError(f"{path}: contains other faces than {soft}-wild.npz")
    chips = resize(torch.from_numpy(to_tensor(faces, SPEC)), split.chips.shape[-1])
    return Split(
        chips=torch.cat([split.chips, chips]),
        labels=torch.cat([split.labels, torch.full((len(chips),), -1)]),
        votes=torch.cat([split.votes, torch.zeros(len(chips), 8)]),
        guide=torch.cat([split.guide, guide]),
        aligned=None if split.aligned is None else torch.cat([split.aligned, chips]),
    )


def training_split(recipe: Recipe) -> Split:
    """Return the training pictures, with soft labels and aligned chips if the recipe uses them."""
    split = read_split("train")
    guide = None if recipe.soft is None else read_soft(recipe.soft, len(split))
    aligned = read_aligned("train") if any(fit.aligned for fit in fits(recipe)) else None
    split = dataclasses.replace(split, guide=guide, aligned=aligned)
    return with_photographs(split, recipe.soft) if recipe.wild else split


def main() -> int:
    """Run from the command line and return the exit code."""
    return run(make_parser(__doc__), lambda recipe, _: train(recipe))


if __name__ == "__main__":
    sys.exit(main())
