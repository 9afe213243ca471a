"""Read the pictures that teachers are trained on and score."""

import dataclasses
from collections.abc import Callable

import numpy as np
import torch

from edge_fer.emotion.session import to_tensor
from edge_fer.evaluation.dataset import load
from training.aligned import write_aligned
from training.data import SPEC, Split, data_path, to_split
from training.teachers import folds, wild
from training.teachers.weights import runs


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class Wild:
    """Hold faces of photographs: chips (M, 1, 64, 64), scaled, and labels (M,), -1 if unknown."""

    chips: torch.Tensor
    labels: torch.Tensor
    fold: torch.Tensor


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class Work:
    """Hold the pictures that a fold is trained on and scores."""

    train: Split
    folds: torch.Tensor
    public: Split
    counts: torch.Tensor
    """(N, 8) number of FER+ votes of the training pictures."""
    wild: Callable[[], Wild | None] = lambda: None
    """Read when needed: the faces may still be cut when a fold starts."""


def read_work(share: float, *, aligned: bool) -> Work:
    """Read both splits, the folds, and the faces of photographs if `wild` has cut them."""
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
