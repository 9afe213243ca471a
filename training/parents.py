"""Committed parents: the fp32 networks that pruning starts from, as half-precision numbers.

A parent takes hours to train and a few minutes to prune, so its weights are kept in
training/parents/. ``python -m training.parents NAME`` writes those of a finished run; where
the recipe begins with another one's network, the pruned one, for a third recipe to begin with.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

from edge_fer.errors import DataError
from training.command import make_parser, run
from training.fit import load_module
from training.recipe import RUNS, Recipe, origin
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
    """The recipe's network with the committed weights, as wide as they are, in evaluation mode.

    Raises:
        DataError: there is no such file, or it is of another network; one line.
    """
    path = path or FOLDER / f"{recipe.name}.npz"
    net = new_net(recipe)
    try:
        with np.load(path) as arrays:
            state = {name: torch.from_numpy(arrays[name]) for name in arrays.files}
        _narrow(net, state)
        net.load_state_dict(state)
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path}: must hold the weights of {recipe.name} ({reason})") from error
    return net.eval()


def _narrow(net: nn.Module, state: dict[str, torch.Tensor]) -> None:
    """Give the layers of ``net`` the widths of the weights in ``state``, as pruning left them."""
    for name, layer in net.named_modules():
        if not isinstance(layer, nn.Conv2d | nn.BatchNorm2d | nn.Linear):
            continue
        for kind in ("weight", "bias", "running_mean", "running_var"):
            held = getattr(layer, kind, None)
            if held is not None:
                held.data = held.data.new_empty(state[f"{name}.{kind}"].shape)
        outputs, *rest = layer.weight.shape
        if isinstance(layer, nn.Conv2d):
            layer.groups = outputs if layer.groups > 1 else 1
            layer.out_channels, layer.in_channels = outputs, rest[0] * layer.groups
        elif isinstance(layer, nn.BatchNorm2d):
            layer.num_features = outputs
        else:
            layer.out_features, layer.in_features = outputs, rest[0]


def find_parent(recipe: Recipe) -> nn.Module:
    """The parent to prune: the committed one, or else that of the run, trained if need be.

    Raises:
        DataError: the recipe begins with a pruned network, and that is not committed; one line.
    """
    source = origin(recipe)
    path = FOLDER / f"{source.name}.npz"
    if path.exists():
        return read_parent(source)
    if source.parent is not None:
        raise DataError(f"{path}: no such file; make it with python -m training.parents "
                        f"{source.name}")  # fmt: skip
    return train(source)


def finished(recipe: Recipe) -> nn.Module:
    """What the recipe's run has to lend: its parent, or where it has none its pruned network.

    Raises:
        DataError: the network is not pruned yet; one line.
    """
    if recipe.parent is None or recipe.prune is None:
        return train(recipe)
    stage = f"pruned{recipe.prune.steps}" if recipe.prune.polish is None else "polished"
    path = RUNS / recipe.name / stage / "final.pt"
    if not path.exists():
        raise DataError(f"{path}: no such file; make it with python -m training.prune "
                        f"{recipe.name}")  # fmt: skip
    return load_module(path)


def main() -> int:
    """Run from the command line and return the exit code."""
    return run(
        make_parser(__doc__),
        lambda recipe, _: write_parent(finished(recipe), FOLDER / f"{recipe.name}.npz"),
    )


if __name__ == "__main__":
    sys.exit(main())
