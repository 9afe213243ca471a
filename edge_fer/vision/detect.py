"""Finding faces and their 68 landmarks with dlib; the only file that imports dlib.

The detector is dlib's frontal HOG one (Dalal and Triggs 2005; King 2009). It finds faces from
80 px on, so the frame is scaled such that `min_face_px` becomes 80 px; its cost grows with the
pixels scanned. The landmarks are those of Kazemi and Sullivan 2014 in iBUG 300-W's numbering.
"""

from pathlib import Path

import dlib
import numpy as np

from edge_fer.errors import ModelError
from edge_fer.types import Box, Detection, Luma, Points
from edge_fer.vision.pixels import rescale

SMALLEST_PX = 80
"""Side of the smallest face the HOG detector can find."""

LANDMARK_PLACES = (
    Path("/usr/share/dlib/shape_predictor_68_face_landmarks.dat"),
    Path("/usr/share/libdlib-data/shape_predictor_68_face_landmarks.dat"),
)
"""Where Debian's libdlib-data puts the file."""

_HEADER = bytes([1, 1, 0x81, 2 * 68, 0x81, 1])
"""Version 1, 136 rows, 1 column."""


class HogDetector:
    """Faces of at least ``min_face_px`` whose HOG score exceeds ``threshold``."""

    def __init__(self, *, min_face_px: int, threshold: float) -> None:
        self._scale = SMALLEST_PX / min_face_px
        self._threshold = threshold
        self._detector = dlib.get_frontal_face_detector()

    def detect(self, luma: Luma) -> list[Detection]:
        """All faces in the frame (H, W), the best score first."""
        scaled = rescale(luma, self._scale)
        boxes, scores, _ = self._detector.run(np.ascontiguousarray(scaled), 0, self._threshold)
        return [
            Detection(self._to_frame(box), float(score))
            for box, score in zip(boxes, scores, strict=True)
        ]

    def _to_frame(self, box: dlib.rectangle) -> Box:
        left, top = (round(value / self._scale) for value in (box.left(), box.top()))
        width, height = (round(value / self._scale) for value in (box.width(), box.height()))
        return Box(left, top, width, height)


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
            reason = str(error).strip().splitlines()[-1]
            raise ModelError(
                f"{self.path}: dlib cannot read it ({reason}); is the file complete?"
            ) from error

    def locate(self, luma: Luma, box: Box) -> Points:
        """(68, 2) float32 in pixels of the frame; points may lie outside it."""
        rectangle = dlib.rectangle(
            box.left, box.top, box.left + box.width - 1, box.top + box.height - 1
        )
        shape = self._predictor(luma, rectangle)
        return np.array([(point.x, point.y) for point in shape.parts()], np.float32)


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
