"""dlib's frontal HOG face detector (Dalal and Triggs 2005; King 2009).

It finds faces from 80 px on, and its cost grows with the pixels scanned: `search.py` decides
which those are.

dlib scales a box found on a smaller picture of its pyramid back by ``x * 6/5 + 0.3`` a level, then
rounds it to whole px. On the first level, one position in five lands on exactly half a pixel. The
side it falls to depends on whether the processor rounds after the multiplication and after the
addition (dlib's wheels for x86) or once (those for arm64, by a fused multiply-add). The followed
face is searched around its box, so a difference of one pixel soon grows. Python's own arithmetic
rounds twice everywhere, so `settled` repeats the rounding here.
"""

import math

import dlib
import numpy as np

from edge_fer.types import Box, Detection, Luma

SMALLEST_PX = 80
"""Side of the smallest face the HOG detector can find."""


class HogDetector:
    """dlib's frontal face detector: five linear filters over HOG cells of 8 px.

    Each of ``upsample`` times it doubles the picture first, and finds faces half as large.
    """

    def __init__(self, *, upsample: int = 0) -> None:
        self.smallest_px, self.zoom = SMALLEST_PX >> upsample, 1.1
        self._upsample = upsample
        self._detector = dlib.get_frontal_face_detector()

    def find(self, luma: Luma, threshold: float) -> list[Detection]:
        """Faces of `smallest_px` or more in a picture (H, W), the best score first."""
        boxes, scores, _ = self._detector.run(np.ascontiguousarray(luma), self._upsample, threshold)
        found = [Box(box.left(), box.top(), box.width(), box.height()) for box in boxes]
        if not self._upsample:
            found = [settled(box) for box in found]
        return [Detection(box, float(score)) for box, score in zip(found, scores, strict=True)]


STEP, SHIFT = 6 / 5, 0.3
"""dlib's `pyramid_down<6>::point_up`."""

WINDOW = 72
"""From the first to the last px of a box on its own level, where it does not reach beyond the
picture; there it may be 80."""


def settled(box: Box) -> Box:
    """``box``, as dlib gave it, with ends that come to half a pixel rounded as on x86."""
    level = math.floor(math.log(min(box.width, box.height) / WINDOW, STEP))
    if level < 1:
        return box  # It was not scaled.
    left, top = _settled(box.left, level), _settled(box.top, level)
    right = _settled(box.left + box.width - 1, level)
    bottom = _settled(box.top + box.height - 1, level)
    return Box(left, top, right - left + 1, bottom - top + 1)


def brought_back(place: float, level: int) -> int:
    """A place on a level of the pyramid, in whole px of the picture; halves go away from 0."""
    for _ in range(level):
        place = place * STEP + SHIFT
    return int(math.copysign(math.floor(abs(place) + 0.5), place))


def _settled(end: int, level: int) -> int:
    """Do the rounding of ``end`` anew where it came of half a pixel."""
    for half in (end - 0.5, end + 0.5):
        place = half
        for _ in range(level):
            place = (place - SHIFT) / STEP
        # Places are whole px of their level, and no two as near as the two halves.
        if abs(place - round(place)) < 1e-6:
            return brought_back(round(place), level)
    return end
