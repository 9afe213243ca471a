"""Committed parents: the fp32 networks that pruning starts from, as half-precision numbers.

A parent takes hours to train and a few minutes to prune, so its weights are kept in
training/parents/. ``python -m training.parents NAME`` writes those of a finished run.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

from edge_fer.errors import DataError
from training.command import make_parser, run
from training.recipe import Recipe, origin
from training.train import new_net, train

FOLDER = Path(__file__).parent / "parents"


def write_parent(net: nn.Module, path: Path) -> None:
    """Write the weights and running statistics of ``net``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    state = {name: value.cpu().numpy() for name, value in net.state_dict().items()}
    halves = {
        name: value.astype(np.float16) if value.dtype == np.float32 else value
        for name, value in state.items()
    }
    np.savez_compressed(path, **halves)


def read_parent(recipe: Recipe, path: Path | None = None) -> nn.Module:
    """The recipe's network with the committed weights, in evaluation mode.

    Raises:
        DataError: there is no such file, or it is of another network; one line.
    """
    path = path or FOLDER / f"{recipe.name}.npz"
    net = new_net(recipe)
    try:
        with np.load(path) as arrays:
            net.load_state_dict({name: torch.from_numpy(arrays[name]) for name in arrays.files})
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path}: must hold the weights of {recipe.name} ({reason})") from error
    return net.eval()


def find_parent(recipe: Recipe) -> nn.Module:
    """The parent to prune: the committed one, or else that of the run, trained if need be."""
    recipe = origin(recipe)
    if (FOLDER / f"{recipe.name}.npz").exists():
        return read_parent(recipe)
    return train(recipe)


def main() -> int:
    """Run from the command line and return the exit code."""
    return run(
        make_parser(__doc__),
        lambda recipe, _: write_parent(train(recipe), FOLDER / f"{recipe.name}.npz"),
    )


if __name__ == "__main__":
    sys.exit(main())
