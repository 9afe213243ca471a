"""Store weights as half-precision numbers, small enough to commit."""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from edge_fer.errors import DataError
from training.nets import new_net
from training.recipe import Recipe

FOLDER = Path(__file__).parent / "parents"


def place(name: str) -> Path:
    """Return the path of the committed weights of the recipe ``name``."""
    return FOLDER / f"{name}.npz"


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
    """Return the recipe's network with the committed weights, in their width, in evaluation mode.

    Raises:
        DataError: there is no such file, or it is of another network; one line.
    """
    path = path or place(recipe.name)
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
