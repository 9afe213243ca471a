"""Find the parents, the fp32 networks that pruning starts from, committed as half-precision.

A parent takes hours to train and a few minutes to prune, so its weights are kept in
training/parents/ (`training.weights`). ``python -m training.parents NAME`` writes those of a
finished run; where the recipe begins with another one's network, the pruned one, for a third
recipe to begin with.
"""

import sys

from torch import nn

from edge_fer.errors import DataError
from training.budget import keep_budget
from training.command import make_parser, run
from training.fit import load_module
from training.recipe import RUNS, Recipe, origin
from training.train import train
from training.weights import place, read_parent, write_parent


def find_parent(recipe: Recipe) -> nn.Module:
    """Return the parent to prune: the committed one, or the run's, trained if necessary.

    Raises:
        DataError: the recipe begins with a pruned network, and that is not committed; one line.
    """
    source = origin(recipe)
    path = place(source.name)
    if path.exists():
        return read_parent(source)
    if source.parent is not None:
        raise DataError(
            f"{path}: no such file; make it with python -m training.parents {source.name}"
        )
    return train(source)


def finished(recipe: Recipe) -> nn.Module:
    """Return the network that the recipe's run provides: its parent, or its pruned network.

    Raises:
        DataError: the network is not pruned yet; one line.
    """
    if recipe.parent is None or recipe.prune is None:
        return train(recipe)
    stage = f"pruned{recipe.prune.steps}" if recipe.prune.polish is None else "polished"
    path = RUNS / recipe.name / stage / "final.pt"
    if not path.exists():
        raise DataError(
            f"{path}: no such file; make it with python -m training.prune {recipe.name}"
        )
    return load_module(path)


def commit(recipe: Recipe) -> None:
    """Write the weights to be committed, and what they took."""
    write_parent(finished(recipe), place(recipe.name))
    keep_budget(recipe)


def main() -> int:
    """Run from the command line and return the exit code."""
    return run(make_parser(__doc__), lambda recipe, _: commit(recipe))


if __name__ == "__main__":
    sys.exit(main())
