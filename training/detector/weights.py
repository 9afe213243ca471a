"""Weights as a small file for git: half precision, one array a tensor."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn


def save_weights(net: nn.Module, path: Path) -> None:
    """Write the network's weights and batch norm statistics as fp16 in a .npz file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {
        name: value.cpu().numpy().astype(np.float16 if value.is_floating_point() else np.int64)
        for name, value in net.state_dict().items()
    }
    np.savez_compressed(path, **arrays)


def load_weights(path: Path) -> dict[str, Tensor]:
    """Read what `save_weights` wrote, as fp32."""
    with np.load(path) as data:
        arrays = {name: data[name] for name in data.files}
    return {
        name: torch.from_numpy(value.astype(np.float32) if value.dtype == np.float16 else value)
        for name, value in arrays.items()
    }
