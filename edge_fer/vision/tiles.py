"""How a frame is cut into tiles that can be scanned one at a time, each for faces of one octave.

A scan of the whole frame would make that frame many times as dear as the others. So it is cut:
for each octave of face sizes the frame is scaled such that the smallest face has just the size
the detector needs, and where that is still large, it is cut into overlapping tiles.
"""

import dataclasses
import math

from edge_fer.types import Box, Luma
from edge_fer.vision.pixels import rescale

TILE_PX = 180_000
"""Most scaled pixels of a tile: a third of what 640x480 px have at the default min_face_px."""

OVERLAP = 1.1
"""Tiles share this many times the octave's largest face: one at a seam lies wholly in one."""

MOST_ROWS = 100
"""Enough for the largest frame and the smallest face that settings allow."""

OCTAVE = 2.0
"""The largest face of an octave in terms of its smallest."""


@dataclasses.dataclass(slots=True)
class Tile:
    """A part of the frame, for faces from some size on."""

    area: Box
    """In px of the frame."""
    scale: float
    face_px: float
    """The smallest face it is scanned for."""
    scanned: float = -math.inf
    """Stream time of the last scan."""

    def cut(self, luma: Luma, small: Luma | None = None) -> Luma:
        """The tile's scaled pixels, out of ``small`` where that need not be enlarged for it."""
        box, done = self.area, 1.0
        if small is not None and self.scale <= small.shape[1] / luma.shape[1]:
            luma, done = small, small.shape[1] / luma.shape[1]
            box = scaled_box(box, done, 0, 0)
        part = luma[box.top : box.top + box.height, box.left : box.left + box.width]
        return rescale(part, self.scale / done)

    def to_frame(self, box: Box) -> Box:
        """A box in px of what `cut` gave to one in px of the frame."""
        return scaled_box(box, 1 / self.scale, self.area.left, self.area.top)


def scaled_box(box: Box, factor: float, left: int, top: int) -> Box:
    """``box`` scaled about the origin and moved."""
    return Box(
        left + round(box.left * factor),
        top + round(box.top * factor),
        round(box.width * factor),
        round(box.height * factor),
    )


def plan_tiles(shape: tuple[int, ...], min_face_px: int, smallest_px: int) -> list[Tile]:
    """Tiles of a frame (H, W) that together find every face of ``min_face_px`` or more.

    ``smallest_px`` is the smallest face that the detector finds in what it is given.
    """
    height, width = shape
    tiles: list[Tile] = []
    face = float(min_face_px)
    while True:
        scale = smallest_px / face
        if height * width * scale**2 <= TILE_PX:
            return [*tiles, Tile(Box(0, 0, width, height), scale, face)]
        tiles += _grid(height, width, face, scale)
        face *= OCTAVE


def _grid(height: int, width: int, face: float, scale: float) -> list[Tile]:
    """Tiles of at most `TILE_PX` scaled pixels each, and of as few as possible together."""
    overlap = round(OVERLAP * OCTAVE * face)
    most = TILE_PX / scale**2
    grids = []
    for rows in range(1, MOST_ROWS):
        high = _side(height, rows, overlap)
        widest = most / high
        if widest >= width:
            grids.append((rows * high * width, rows, 1))
        elif widest > overlap + 1:
            columns = math.ceil((width - overlap) / (int(widest) - overlap))
            grids.append((rows * high * columns * _side(width, columns, overlap), rows, columns))
    _, rows, columns = min(grids)
    return [
        Tile(Box(left, top, wide, high), scale, face)
        for top, high in _spans(height, rows, overlap)
        for left, wide in _spans(width, columns, overlap)
    ]


def _side(length: int, count: int, overlap: int) -> int:
    """Of each of ``count`` tiles that cover ``length`` with that overlap."""
    return min(length, math.ceil((length + (count - 1) * overlap) / count))


def _spans(length: int, count: int, overlap: int) -> list[tuple[int, int]]:
    """Starts and sizes of ``count`` tiles, spread evenly from end to end."""
    side = _side(length, count, overlap)
    return [(round(k * (length - side) / max(1, count - 1)), side) for k in range(count)]
