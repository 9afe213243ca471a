"""From a face's box to its aligned crop: 68 landmarks, five points, one similarity transform.

The landmarks come from a dlib shape predictor (Kazemi and Sullivan 2014) and are numbered as in
iBUG 300-W.
"""

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
