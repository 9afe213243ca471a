"""Load FER-2013 as tensors for training, with the reader of edge_fer."""

import dataclasses
import os
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from edge_fer.emotion.card import Input
from edge_fer.emotion.session import to_tensor
from edge_fer.errors import DataError
from edge_fer.evaluation.dataset import Dataset, load

SPEC = Input(sizes=[48], mean=128.0, std=64.0)
"""Input of all our networks; INT8 represents it without loss at this scaling."""


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class Split:
    """One split on tensors."""

    chips: torch.Tensor
    """(N, 1, 48, 48) float32."""
    labels: torch.Tensor
    """(N,) int64; -1 if a picture has only soft labels."""
    votes: torch.Tensor
    """(N, 8) FER+ vote shares; a row of zeros without votes."""
    guide: torch.Tensor | None = None
    """(N, 7 + 8) logarithms of an ensemble's scores (`training.soften`), to learn from."""
    aligned: torch.Tensor | None = None
    """(N, 1, 48, 48) the same faces as the run-time aligner cuts them (`training.aligned`)."""

    def __len__(self) -> int:
        return len(self.labels)


def data_path() -> Path:
    """Return the data set: fer2013.npz or fer2013.csv in ``$EDGE_FER_DATA``, or that path itself.

    Raises:
        DataError: there is no such place.
    """
    place = Path(os.environ.get("EDGE_FER_DATA", "data"))
    if not place.exists():
        raise DataError(f"{place}: no data; name the folder of fer2013.npz in EDGE_FER_DATA")
    files = [place / name for name in ("fer2013.npz", "fer2013.csv")]
    return next((file for file in files if file.is_file()), place)


def read_split(name: str) -> Split:
    """Read one split as tensors."""
    return to_split(load(data_path(), name))


def resize(chips: torch.Tensor, size: int) -> torch.Tensor:
    """Resize chips (N, 1, S, S) to another side in px as `edge_fer.evaluation.evaluate` does."""
    if size == chips.shape[-1]:
        return chips
    shrink = size < chips.shape[-1]
    return F.interpolate(chips, size=(size, size), mode="bilinear", antialias=shrink)


def to_split(data: Dataset) -> Split:
    """Scale the pictures and turn votes into shares over the eight emotions."""
    votes = np.zeros((len(data), 8)) if data.votes is None else data.votes[:, :8].astype(float)
    total = votes.sum(axis=1, keepdims=True)
    shares = np.divide(votes, total, out=np.zeros_like(votes), where=total > 0)
    return Split(
        chips=torch.from_numpy(to_tensor(data.images, SPEC)),
        labels=torch.from_numpy(data.labels.astype(np.int64)),
        votes=torch.from_numpy(shares.astype(np.float32)),
    )
