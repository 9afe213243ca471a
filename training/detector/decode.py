"""From the network's rows to faces: numpy alone, so that a daemon may run it."""

import functools
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.detector.geometry import Array, floats, overlaps

STRIDES: Final = (8, 16, 32)
"""Px between the cells of each level."""

SIZE: Final = 4.0
"""Side in strides that a cell's size of 0 means."""

REACH: Final = 2.0
"""Strides that one unit of a point's place means."""

SAME: Final = 0.3
"""IoU from which a box is of the face of a better one."""

ALIKE: Final = 0.6
"""IoU from which it has a say in where that face's box lies: a mean of several is steadier."""


@functools.lru_cache(maxsize=64)
def grid(height: int, width: int) -> tuple[Array, Array]:
    """Return the centres (n, 2) of all cells in px, and their strides (n,)."""
    places, strides = [], []
    for stride in STRIDES:
        y, x = np.mgrid[: height // stride, : width // stride].astype(np.float32)
        places.append(np.stack([x.ravel(), y.ravel()], 1) * stride + stride / 2)
        strides.append(np.full(x.size, stride, np.float32))
    return np.concatenate(places), np.concatenate(strides)


def decode(
    rows: NDArray[np.float32], size: tuple[int, int], threshold: float
) -> tuple[Array, Array, Array]:
    """Return boxes (k, 3), scores (k,) and points (k, 5, 2) of faces, the best first.

    ``rows`` (n, 14) are the network's values for a picture of ``size`` (H, W), sides multiples
    of 32, with scores from 0 to 1.
    """
    picked = np.flatnonzero(rows[:, 0] > threshold)
    if not len(picked):
        nothing = np.zeros((0, 3), np.float32)
        return nothing, np.zeros(0, np.float32), np.zeros((0, 5, 2), np.float32)
    places, strides = grid(*size)
    rows, place, stride = rows[picked], places[picked], strides[picked, None]
    boxes = np.column_stack(
        [place + rows[:, 1:3] * stride, SIZE * stride * np.exp(np.minimum(rows[:, 3:4], 4))]
    )
    points = place[:, None] + rows[:, 4:].reshape(-1, 5, 2) * (REACH * stride[:, None])
    return merged(boxes, rows[:, 0], points)


def merged(boxes: Array, scores: Array, points: Array) -> tuple[Array, Array, Array]:
    """Return one box, score and points for each face, the best first."""
    table = overlaps(boxes, boxes)
    left = np.ones(len(scores), bool)
    found = []
    for number in np.argsort(-scores, kind="stable"):
        if not left[number]:
            continue
        near = table[number]
        alike = left & (near >= ALIKE)
        weights = scores[alike] / scores[alike].sum()
        found.append(
            (weights @ boxes[alike], scores[number], np.tensordot(weights, points[alike], 1))
        )
        left &= near < SAME
    faces, best, places = zip(*found, strict=True)
    return floats(faces), floats(best), floats(places)
