"""Build a teacher by name, with a head for FER-2013's seven labels and FER+'s eight."""

from collections.abc import Callable

import torch
from torch import nn

from edge_fer.errors import ConfigError
from training.data import SPEC
from training.teachers.dlib_net import DlibNet
from training.teachers.faceres import FaceRes, read_arrays
from training.teachers.weights import fetch

OUTPUTS = 7 + 8


class Teacher(nn.Module):
    """Put one linear layer for both heads on a trunk with ``width`` features."""

    def __init__(self, trunk: nn.Module, width: int, *, dropout: float = 0.2) -> None:
        super().__init__()
        self.trunk, self.dropout = trunk, nn.Dropout(dropout)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, OUTPUTS)
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.zeros_(self.head.bias)

    def forward(self, chips: torch.Tensor) -> torch.Tensor:
        """Return logits (N, 7 + 8) of chips (N, 1, S, S), scaled as in `training.data`."""
        logits: torch.Tensor = self.head(self.dropout(self.norm(self.trunk(chips))))
        return logits


def _faceres() -> Teacher:
    graph, content = fetch("faceres")
    trunk = FaceRes(read_arrays(graph, content), mean=SPEC.mean, std=SPEC.std)
    return Teacher(trunk, trunk.width)


def _dlib() -> Teacher:
    [content] = fetch("dlib")
    trunk = DlibNet(content, mean=SPEC.mean, std=SPEC.std)
    return Teacher(trunk, trunk.width)


NETS: dict[str, Callable[[], Teacher]] = {"faceres": _faceres, "dlib": _dlib}


def new_teacher(name: str) -> Teacher:
    """Return the network ``name`` with the published weights and new heads.

    Raises:
        ConfigError: there is no such network.
        DataError: the weights cannot be downloaded.
    """
    if name not in NETS:
        raise ConfigError(f"teacher = {name}: must be one of {', '.join(NETS)}")
    return NETS[name]()
