"""What teachers learn from and are asked about."""

import dataclasses
from collections.abc import Callable

import numpy as np
import torch

from edge_fer.emotion.tensor import to_tensor
from edge_fer.measure.dataset import load
from training.aligned import write_aligned
from training.data import SPEC, Split, data_path, to_split
from training.teachers import folds, wild
from training.teachers.weights import runs


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class Wild:
    """Faces of photographs: chips (M, 1, 64, 64) as the networks take them, labels or -1."""

    chips: torch.Tensor
    labels: torch.Tensor
    fold: torch.Tensor


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class Work:
    """What a fold learns from and is asked about."""

    train: Split
    folds: torch.Tensor
    public: Split
    counts: torch.Tensor
    """(N, 8) FER+ votes of the training pictures."""
    wild: Callable[[], Wild | None] = lambda: None
    """Reads them when they are needed; they may still be cut when a fold begins."""


def read_work(share: float, *, aligned: bool) -> Work:
    """Both splits, the folds, and the wild faces where `wild` has cut them."""
    data = load(data_path(), "train")
    fold = torch.from_numpy(folds.folds_of(data.ids, data.images).astype(np.int64))
    train, public = to_split(data), to_split(load(data_path(), "public"))
    counts = torch.zeros(len(train), 8)
    if data.votes is not None:
        counts = torch.from_numpy(data.votes[:, :8].astype(np.float32))
    if aligned:
        path = runs() / "aligned.npz"
        cut = np.load(path) if path.exists() else write_aligned(path)
        train = dataclasses.replace(train, aligned=torch.from_numpy(to_tensor(cut["train"], SPEC)))
    if share < 1:
        some = torch.randperm(len(train), generator=torch.Generator().manual_seed(0))
        some = some[: round(share * len(train))].sort().values
        train, fold, counts = _part(train, some), fold[some], counts[some]
        public = _part(public, torch.arange(round(share * len(public))))
    return Work(train, fold, public, counts, lambda: _read_wild(share))


def _part(split: Split, some: torch.Tensor) -> Split:
    aligned = None if split.aligned is None else split.aligned[some]
    return Split(split.chips[some], split.labels[some], split.votes[some], aligned=aligned)


def _read_wild(share: float) -> Wild | None:
    path = runs() / wild.FILE
    if not path.exists():
        print(f"{path}: no such file; no scores for faces of photographs")
        return None
    with np.load(path) as arrays:
        count = round(share * len(arrays["label"]))
        chips, labels = arrays["chips"][:count], arrays["label"][:count].astype(np.int64)
    fold = torch.arange(count) % folds.COUNT
    return Wild(torch.from_numpy(to_tensor(chips, SPEC)), torch.from_numpy(labels), fold)
