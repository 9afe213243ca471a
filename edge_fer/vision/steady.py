"""Hold the box that is published: from the landmarks, filtered over time, still on a still face.

A detector's box jumps between the steps of its image pyramid even if nothing moves; the spread of
the landmarks of brows, eyes and nose does not. The filter is the One-Euro filter (Casiez,
Roussel and Vogel 2012): a low-pass whose cutoff frequency rises with the speed.
"""

import math

import numpy as np
from numpy.typing import NDArray

from edge_fer.types import Box, Points

RIGID = slice(17, 48)
"""Brows, nose and eyes of the 68 landmarks; mouth and jaw move when a person talks."""

WIDTH, BELOW = 4.1, 0.75
"""Width of the box, and how far its centre is below that of the points, in units of their root
mean square distance from their centre: the mean over HOG's boxes."""

LIKE = 0.4
"""IoU of the detector's box and that of the landmarks, below which the landmarks are wrong."""

CUTOFF_HZ, SPEED_HZ = 0.4, 1.0
"""Cutoff frequencies of the filter on a still face, and of the one that measures the speed."""

RISE = 8.0
"""How much the cutoff frequency rises, in Hz per face width per second."""

DEAD_BAND = 0.015
"""Share of the face's width by which centre and width must differ before the box follows."""

Geometry = NDArray[np.float64]
"""(3,): x and y of the centre and the width, in px."""


class SteadyBox:
    """The filtered box of one track. Times are stream seconds."""

    def __init__(self) -> None:
        self._time = 0.0
        self._smooth: Geometry | None = None
        self._speed = np.zeros(3)
        self._shown = np.zeros(3)

    def update(self, found: Box, landmarks: Points, time: float) -> None:
        """Add the detector's box and the landmarks (68, 2) in it."""
        new = _geometry(found, landmarks)
        if self._smooth is None:
            self._smooth, self._shown, self._time = new, new.copy(), time
            return
        passed, self._time = max(time - self._time, 1e-3), time
        width = self._smooth[2]
        self._speed += _gain(SPEED_HZ, passed) * ((new - self._smooth) / passed - self._speed)
        # One speed for both axes: a diagonal movement is not slower than its parts.
        across = float(np.hypot(*self._speed[:2]))
        speeds = np.array([across, across, abs(self._speed[2])]) / width
        cutoffs = CUTOFF_HZ + RISE * speeds
        self._smooth = self._smooth + _gain(cutoffs, passed) * (new - self._smooth)
        band = DEAD_BAND * width
        self._shown = self._shown + _beyond(self._smooth - self._shown, band)

    @property
    def box(self) -> Box | None:
        """The box; None before the first update."""
        if self._smooth is None:
            return None
        x, y, width = (float(value) for value in self._shown)
        side = round(width)
        return Box(round(x - width / 2), round(y - width / 2), side, side)


def landmark_box(landmarks: Points) -> Geometry:
    """Return centre and width of the face box that belongs to landmarks (68, 2)."""
    points = landmarks[RIGID].astype(np.float64)
    centre = points.mean(0)
    spread = math.sqrt(float(((points - centre) ** 2).sum(1).mean()))
    right = landmarks[42:48].mean(0) - landmarks[36:42].mean(0)
    length = float(np.hypot(*right)) or 1.0
    down = np.array([-right[1], right[0]]) / length
    x, y = centre + BELOW * spread * down
    return np.array([x, y, WIDTH * spread])


def _geometry(found: Box, landmarks: Points) -> Geometry:
    """Return the landmarks' box, or the detector's if the landmarks do not lie in it."""
    x, y, width = new = landmark_box(landmarks)
    side = round(width)
    if Box(round(x - width / 2), round(y - width / 2), side, side).iou(found) >= LIKE:
        return new
    middle = (found.left + found.width / 2, found.top + found.height / 2)
    return np.array([*middle, found.width], np.float64)


def _gain(cutoff_hz: float | Geometry, passed: float) -> Geometry:
    """Return the weight of a new value after ``passed`` seconds."""
    return np.asarray(1.0 - np.exp(-2 * math.pi * np.asarray(cutoff_hz) * passed))


def _beyond(change: Geometry, band: float) -> Geometry:
    """Return the part of a change that lies outside the dead band."""
    return np.sign(change) * np.maximum(np.abs(change) - band, 0.0)
