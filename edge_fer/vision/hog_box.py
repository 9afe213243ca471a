"""Where dlib's HOG boxes end, the same on every processor.

A box found on a smaller picture of dlib's pyramid is brought back by ``x * 6/5 + 0.3`` a level,
then rounded to whole px. On the first level, one position in five comes to half a pixel exactly,
and the side it falls to hangs on whether the processor rounds after the multiplication and after
the addition, as dlib's wheels for x86 have it do, or once, as those for arm64 do (a fused
multiply-add). The followed face is looked for around its box, so a pixel there is soon several.
Python's own arithmetic rounds twice everywhere.
"""

import math

from edge_fer.types import Box

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
