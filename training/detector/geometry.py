"""Square face boxes as arrays, in the convention of dlib's HOG detector.

A box is (centre x, centre y, side) in px, from the brows to the chin. Continuous coordinates:
the first pixel reaches from 0 to 1.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge_fer.types import Luma

Array = NDArray[np.floating[Any]]


def floats(values: ArrayLike) -> NDArray[np.float32]:
    """Return float32 numbers."""
    return np.asarray(values, np.float32)


def pixels(values: ArrayLike) -> Luma:
    """Return uint8 luma."""
    return np.asarray(values, np.uint8)


FLIPPED = (1, 0, 2, 4, 3)
"""Order of eyes, nose tip and mouth corners in a mirrored picture."""

FLIPPED_68 = (
    *range(16, -1, -1),
    *range(26, 16, -1),
    *range(27, 31),
    *range(35, 30, -1),
    45,
    44,
    43,
    42,
    47,
    46,
    39,
    38,
    37,
    36,
    41,
    40,
    *range(54, 47, -1),
    *range(59, 54, -1),
    *range(64, 59, -1),
    *range(67, 64, -1),
)
"""Order of the 68 landmarks of iBUG 300-W in a mirrored picture."""


def overlaps(boxes: Array, others: Array) -> Array:
    """Return the IoU (n, m) of square boxes (n, 3) and (m, 3)."""
    shared = np.ones((len(boxes), len(others)), np.float32)
    for axis in (0, 1):
        half, half_other = boxes[:, None, 2] / 2, others[None, :, 2] / 2
        low = np.maximum(boxes[:, None, axis] - half, others[None, :, axis] - half_other)
        high = np.minimum(boxes[:, None, axis] + half, others[None, :, axis] + half_other)
        shared *= np.maximum(high - low, 0)
    union = boxes[:, None, 2] ** 2 + others[None, :, 2] ** 2 - shared
    return floats(shared / np.maximum(union, 1e-6))


def clusters(boxes: Array, order: Sequence[int], overlap: float) -> list[list[int]]:
    """Group boxes (n, 3): each joins the first group whose leader it overlaps by IoU ``overlap``.

    Groups are led by the boxes in ``order``, the surest first.
    """
    groups: list[list[int]] = []
    table = overlaps(boxes, boxes)
    for number in order:
        for group in groups:
            if table[number, group[0]] >= overlap:
                group.append(number)
                break
        else:
            groups.append([number])
    return groups


def moved(points: Array, matrix: Array) -> Array:
    """Apply an affine map (2, 3) to points (..., 2)."""
    return floats(points @ matrix[:, :2].T + matrix[:, 2])
