"""dlib's frontal HOG face detector (Dalal and Triggs 2005; King 2009).

It finds faces of 80 px and more. Its cost grows with the pixels scanned; `search.py` decides
which those are.

dlib scales a box found on a smaller level of its pyramid back by ``x * 6/5 + 0.3`` per level and
then rounds it to whole px. On the first level, one position in five lands on exactly half a
pixel. The rounding direction then depends on whether the processor rounds after the
multiplication and after the addition (dlib's wheels for x86) or once (the wheels for arm64, by a
fused multiply-add). A tracked face is searched for around its box, so a difference of one pixel
soon grows. Python's own arithmetic rounds twice everywhere, so `round_as_x86` repeats the
rounding here.
"""

import math

import dlib
import numpy as np

from edge_fer.types import Box, Detection, Luma

SMALLEST_PX = 80
"""Side of the smallest face the HOG detector can find."""

STEP, SHIFT = 6 / 5, 0.3
"""dlib's `pyramid_down<6>::point_up`."""

WINDOW = 72
"""Px from the first to the last of a box on its own level, where it lies within the picture;
at the picture's edge it may be 80."""


class HogDetector:
    """dlib's frontal face detector: five linear filters over HOG cells of 8 px.

    ``upsample`` is how many times it doubles the picture first; each time it finds faces half as
    large.
    """

    def __init__(self, *, upsample: int = 0) -> None:
        self.smallest_px, self.zoom = SMALLEST_PX >> upsample, 1.1
        self._upsample = upsample
        self._detector = dlib.get_frontal_face_detector()

    def find(self, luma: Luma, threshold: float) -> list[Detection]:
        """Return faces of `smallest_px` or more in a picture (H, W), the best score first."""
        boxes, scores, _ = self._detector.run(np.ascontiguousarray(luma), self._upsample, threshold)
        found = [Box(box.left(), box.top(), box.width(), box.height()) for box in boxes]
        if not self._upsample:
            found = [round_as_x86(box) for box in found]
        return [Detection(box, float(score)) for box, score in zip(found, scores, strict=True)]


def round_as_x86(box: Box) -> Box:
    """Return dlib's ``box`` with the ends that came to half a pixel rounded as on x86."""
    level = math.floor(math.log(min(box.width, box.height) / WINDOW, STEP))
    if level < 1:
        return box  # Level 0 is not scaled.
    left, top = _round_end(box.left, level), _round_end(box.top, level)
    right = _round_end(box.left + box.width - 1, level)
    bottom = _round_end(box.top + box.height - 1, level)
    return Box(left, top, right - left + 1, bottom - top + 1)


def scale_back(place: float, level: int) -> int:
    """Convert a place on a pyramid level to whole px of the picture; halves round away from 0."""
    for _ in range(level):
        place = place * STEP + SHIFT
    return int(math.copysign(math.floor(abs(place) + 0.5), place))


def _round_end(end: int, level: int) -> int:
    """Repeat the rounding of ``end`` if it came from half a pixel."""
    for half in (end - 0.5, end + 0.5):
        place = half
        for _ in range(level):
            place = (place - SHIFT) / STEP
        # Places are whole px of their level, and no two are as close as the two halves.
        if abs(place - round(place)) < 1e-6:
            return scale_back(round(place), level)
    return end
