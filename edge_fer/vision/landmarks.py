"""The 68 landmarks of a face with a dlib shape predictor (Kazemi and Sullivan 2014).

The points are numbered as in iBUG 300-W.
"""

from pathlib import Path

import dlib
import numpy as np

from edge_fer.errors import ModelError
from edge_fer.types import Box, Luma, Points

LANDMARK_PLACES = (
    Path("/usr/share/dlib/shape_predictor_68_face_landmarks.dat"),
    Path("/usr/share/libdlib-data/shape_predictor_68_face_landmarks.dat"),
)
"""Where Debian's libdlib-data puts the file."""

_HEADER = bytes([1, 1, 0x81, 2 * 68, 0x81, 1])
"""Version 1, 136 rows, 1 column."""


class Landmarker:
    """The 68 landmarks of a face in a box.

    Raises:
        ModelError: the file is missing, damaged, or predicts another number of points.
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
        """(68, 2) float32 in pixels of the frame; points may lie outside it."""
        shape = self._predictor(luma, rectangle(box))
        return np.array([(point.x, point.y) for point in shape.parts()], np.float32)


def rectangle(box: Box) -> dlib.rectangle:
    """Return the box as dlib's rectangle, whose last row and column belong to it."""
    return dlib.rectangle(box.left, box.top, box.left + box.width - 1, box.top + box.height - 1)


def _check_header(path: Path) -> None:
    """Look at the start of the file, since dlib aborts the process on one that only looks right.

    It is a version, then the mean shape's rows and columns as dlib's matrices store them:
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
    """The landmark file: ``path``, or where Debian puts it.

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
