"""From a face's box to its landmarks, and from these to the aligned crop and the steady box.

The landmarks come from a dlib shape predictor (Kazemi and Sullivan 2014) and are numbered as in
iBUG 300-W.
"""

import math
from collections.abc import Sequence
from pathlib import Path

import dlib
import numpy as np
from numpy.typing import NDArray

from edge_fer.errors import ModelError
from edge_fer.types import Box, Luma, Points
from edge_fer.vision.pixels import warp

LANDMARK_PLACES = (
    Path("/usr/share/dlib/shape_predictor_68_face_landmarks.dat"),
    Path("/usr/share/libdlib-data/shape_predictor_68_face_landmarks.dat"),
)
"""Where Debian's libdlib-data installs the file."""

_HEADER = bytes([1, 1, 0x81, 2 * 68, 0x81, 1])
"""Version 1, 136 rows, 1 column."""

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
"""(3,): x and y of the centre and the width of a face, in px."""


class Landmarker:
    """Locates the 68 landmarks of a face in a box.

    Raises:
        ModelError: the file is missing or damaged, or predicts another number of points.
    """

    def __init__(self, path: str = "") -> None:
        self.path = find_landmarks(path)
        _check_header(self.path)
        try:
            self._predictor = dlib.shape_predictor(str(self.path))
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1].strip()
            raise ModelError(
                f"{self.path}: dlib cannot read it ({reason}); is the file complete?"
            ) from error

    def locate(self, luma: Luma, box: Box) -> Points:
        """Return (68, 2) float32 in px of the frame; points may lie outside it."""
        shape = self._predictor(luma, rectangle(box))
        return np.array([(point.x, point.y) for point in shape.parts()], np.float32)


def rectangle(box: Box) -> dlib.rectangle:
    """Return the box as dlib's rectangle, which includes its last row and column."""
    return dlib.rectangle(box.left, box.top, box.left + box.width - 1, box.top + box.height - 1)


def _check_header(path: Path) -> None:
    """Check the start of the file, since dlib aborts the process on a similar but wrong file.

    The header is a version, then rows and columns of the mean shape as dlib stores them:
    negative, each a length byte with the sign in its top bit, then the bytes.
    """
    try:
        with path.open("rb") as file:
            start = file.read(len(_HEADER))
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from error
    if start != _HEADER:
        raise ModelError(f"{path}: not a dlib file of 68 landmarks")


def find_landmarks(path: str = "") -> Path:
    """Return the landmark file: ``path``, or the place where Debian installs it.

    Raises:
        ModelError: there is none.
    """
    if path:
        if not Path(path).is_file():
            raise ModelError(f"vision.landmarks = {path}: no such file")
        return Path(path)
    for place in LANDMARK_PLACES:
        if place.is_file():
            return place
    raise ModelError(
        "no landmark file: install Debian's libdlib-data, or name a dlib 68-landmark file in "
        "vision.landmarks"
    )


class Aligner:
    """Cuts aligned face crops of (size, size) px.

    ``points`` are the places of eyes, nose tip and mouth corners (see `five_points`) in the crop,
    as fractions of its side.
    """

    def __init__(self, points: Sequence[tuple[float, float]], size: int) -> None:
        self.points, self.size = tuple(points), size
        # A fraction counts from the edge of the first pixel, OpenCV from its centre.
        self._template = np.array(points, np.float64) * size - 0.5

    def chip(self, luma: Luma, landmarks: Points) -> Luma:
        """Return the face with these landmarks (68, 2), upright; (size, size) uint8."""
        return warp(luma, similarity(five_points(landmarks), self._template), self.size)


def five_points(landmarks: Points) -> NDArray[np.float64]:
    """Return eye centres, nose tip and mouth corners (5, 2) of the 68 landmarks (68, 2)."""
    points = landmarks.astype(np.float64)
    return np.stack(
        [points[36:42].mean(0), points[42:48].mean(0), points[30], points[48], points[54]]
    )


def similarity(source: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rotation, scale and shift (2, 3) that bring source (n, 2) closest to target.

    Least squares in closed form: with points as complex numbers it is one division.
    """
    origin, aim = source.mean(0), target.mean(0)
    centred = (source - origin) @ np.array([1, 1j])
    wanted = (target - aim) @ np.array([1, 1j])
    turn = np.vdot(centred, wanted) / max(float(np.vdot(centred, centred).real), 1e-9)
    linear = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
    return np.column_stack([linear, aim - linear @ origin])


class SteadyBox:
    """The box of one track as it is published: still on a still face. Times are stream seconds.

    A detector's box jumps between the steps of its image pyramid even if nothing moves; the spread
    of the landmarks of brows, eyes and nose does not. The filter is the One-Euro filter (Casiez,
    Roussel and Vogel 2012), a low-pass whose cutoff frequency rises with the speed; a dead band
    follows it.
    """

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
