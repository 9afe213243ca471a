"""Landmarks to an upright chip: five points, one similarity transform, one warp."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge_fer.types import Luma, Points
from edge_fer.vision.pixels import warp


class Aligner:
    """Cuts chips of (size, size) px to a framing.

    ``points`` are where eyes, nose tip and mouth corners (see `five_points`) belong in the chip,
    as fractions of its side.
    """

    def __init__(self, points: Sequence[tuple[float, float]], size: int) -> None:
        self.points, self.size = tuple(points), size
        # A fraction counts from the edge of the first pixel, OpenCV from its centre.
        self._template = np.array(points, np.float64) * size - 0.5

    def chip(self, luma: Luma, landmarks: Points) -> Luma:
        """The face with these landmarks (68, 2), upright; (size, size) uint8."""
        return warp(luma, similarity(five_points(landmarks), self._template), self.size)


def five_points(landmarks: Points) -> NDArray[np.float64]:
    """Eye centres, nose tip and mouth corners (5, 2) of the 68 landmarks (68, 2)."""
    points = landmarks.astype(np.float64)
    return np.stack(
        [points[36:42].mean(0), points[42:48].mean(0), points[30], points[48], points[54]]
    )


def similarity(source: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """The rotation, scale and shift (2, 3) that bring source (n, 2) closest to target.

    Least squares in closed form: with points as complex numbers it is one division.
    """
    origin, aim = source.mean(0), target.mean(0)
    centred = (source - origin) @ np.array([1, 1j])
    wanted = (target - aim) @ np.array([1, 1j])
    turn = np.vdot(centred, wanted) / max(float(np.vdot(centred, centred).real), 1e-9)
    linear = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
    return np.column_stack([linear, aim - linear @ origin])
