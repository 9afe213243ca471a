"""Read own pictures as training, validation and test sets with their labels."""

import dataclasses
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_fer.emotion.card import Framing
from edge_fer.errors import DataError
from edge_fer.evaluation.chips import Kind, cutter
from edge_fer.evaluation.dataset import Dataset, copies, load, splits_in
from training.data import SPEC

HELD_OUT = 0.1
"""Share of each label's pictures held out for validation if the data has no such split."""


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class Sets:
    """Chips; all three sets have the training set's labels, in the same order."""

    train: Dataset
    valid: Dataset
    test: Dataset | None
    """None if the data has no test split, or it was not requested."""

    def __str__(self) -> str:
        counts = np.bincount(self.train.labels)
        each = ", ".join(f"{name} {n}" for name, n in zip(self.train.names, counts, strict=True))
        faceless = sum(one.faceless for one in (self.train, self.valid, self.test) if one)
        left = f"; {faceless} without a face left out" if faceless else ""
        return (
            f"{len(self.train)} pictures to train on ({each}), {len(self.valid)} to validate{left}"
        )


def read_sets(path: Path, own_labels: Sequence[str], kind: Kind, *, seed: int, test: bool) -> Sets:
    """Read the data at ``path`` and mark copies of training pictures in the other sets.

    Raises:
        DataError: the data cannot be read, or is too little to train on.
        ModelError: ``kind`` needs the landmark file, which is missing.
    """
    splits = splits_in(path, own_labels)
    read = partial(load, path, own_labels=own_labels, cut=cutter(kind, SPEC.sizes[0], Framing()))
    train = read("train")
    names = tuple(train.names[index] for index in np.unique(train.labels))
    if len(names) < 2:
        raise DataError(f"{path}: only {names[0]}, must have pictures of two labels or more")
    if "public" in splits:
        valid = read("public")
    else:
        train, valid = hold_out(train, seed)
    if test and "private" not in splits:
        raise DataError(f"{path}: has no test split, so --final has nothing to measure")
    train = renamed(train, names)
    others = [renamed(one, names) for one in (valid, *([read("private")] if test else []))]
    marked = [
        dataclasses.replace(one, duplicate=copies(one.images, train.images)) for one in others
    ]
    return Sets(train, marked[0], marked[1] if test else None)


def hold_out(data: Dataset, seed: int) -> tuple[Dataset, Dataset]:
    """Split off `HELD_OUT` of each label, at least one picture, chosen by the seed.

    Raises:
        DataError: a label has only one picture.
    """
    draw = np.random.RandomState(seed)  # its stream is frozen for good, unlike default_rng
    held = np.zeros(len(data), bool)
    for index in np.unique(data.labels):
        places = draw.permutation(np.flatnonzero(data.labels == index))
        if len(places) < 2:
            raise DataError(f"label {data.names[index]}: 1 picture, must be 2 or more")
        held[places[-max(1, round(HELD_OUT * len(places))) :]] = True
    return _taken(data, ~held), _taken(data, held)


def _taken(data: Dataset, which: NDArray[np.bool_]) -> Dataset:
    return dataclasses.replace(
        data,
        images=data.images[which],
        labels=data.labels[which],
        ids=data.ids[which],
        duplicate=None,
        votes=None if data.votes is None else data.votes[which],
    )


def renamed(data: Dataset, names: tuple[str, ...]) -> Dataset:
    """Return ``data`` with labels that index ``names``.

    Raises:
        DataError: it has a label that is not among them.
    """
    place = np.zeros(len(data.names), np.uint8)
    for index in np.unique(data.labels):
        if data.names[index] not in names:
            raise DataError(f"label {data.names[index]}: has no pictures in the training split")
        place[index] = names.index(data.names[index])
    return dataclasses.replace(data, labels=place[data.labels], names=names)
