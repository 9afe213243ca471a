"""Assign each training picture to a fold, by a seed; near copies share a fold.

A teacher that was trained on a copy of a picture was trained on the picture. Two pictures are
copies if they correlate strongly, directly or mirrored.
"""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from edge_fer.errors import DataError

COUNT = 5
SEED = 20
ALIKE = 0.97
"""Minimum correlation of two copies."""
FILE = Path(__file__).parent / "folds.npz"
_CHUNK = 1024


def groups_of(images: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return for each of ``images`` (N, H, W) the index of its first copy, or its own index."""
    flat = _normalized(images)
    mirrored = _normalized(images[:, :, ::-1])
    parent = np.arange(len(flat))
    for start in range(0, len(flat), _CHUNK):
        rows = flat[start : start + _CHUNK]
        alike = torch.maximum(rows @ flat.T, rows @ mirrored.T) > ALIKE
        for row, column in (alike.nonzero() + torch.tensor([start, 0])).tolist():
            if column < row:
                _join(parent, row, column)
    return np.array([_root(parent, number) for number in range(len(flat))])


def _normalized(images: NDArray[np.uint8]) -> torch.Tensor:
    flat = torch.from_numpy(images.reshape(len(images), -1).astype(np.float32))
    flat -= flat.mean(1, keepdim=True)
    return flat / flat.square().sum(1, keepdim=True).sqrt().clamp(min=1e-6)


def _root(parent: NDArray[np.int64], number: int) -> int:
    while parent[number] != number:
        parent[number] = parent[parent[number]]
        number = int(parent[number])
    return number


def _join(parent: NDArray[np.int64], one: int, other: int) -> None:
    first, second = sorted((_root(parent, one), _root(parent, other)))
    parent[second] = first


def draw_folds(ids: NDArray[np.int64], groups: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return the fold (N,) of each picture: a hash of the id of its group's first picture."""
    keys = ids[groups].astype(np.uint64) + np.uint64(SEED) * np.uint64(1 << 32)
    with np.errstate(over="ignore"):  # splitmix64 (Steele, Lea and Flood 2014)
        keys += np.uint64(0x9E3779B97F4A7C15)
        keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        keys ^= keys >> np.uint64(31)
    return (keys % np.uint64(COUNT)).astype(np.uint8)


def folds_of(ids: NDArray[np.int64], images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the fold (N,) of each training picture; use the committed folds if the ids match.

    Raises:
        DataError: the committed file cannot be read.
    """
    try:
        with np.load(FILE) as held:
            known_ids, folds = held["ids"], held["folds"]
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{FILE}: must hold ids and folds ({error})") from error
    if np.array_equal(known_ids, ids):
        return np.asarray(folds, np.uint8)
    return draw_folds(ids, groups_of(images))
