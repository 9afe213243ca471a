"""Search for new faces tile by tile: often where something moves, rarely elsewhere.

A scan of the whole frame would make that frame many times as expensive as the others, so it is
split. For each octave of face sizes the frame is scaled so that the smallest face has just the
size the detector needs; where the result is still large, it is cut into overlapping tiles.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge_fer.config.settings import Vision
from edge_fer.types import Box, Detection, Luma
from edge_fer.vision.detector import Detector
from edge_fer.vision.pixels import rescale, shrink

COLUMNS = 80
"""Most motion cells in a row; a cell has at least 8 px, so that the noise of pixels averages
out."""

LEVELS = 12
"""Difference of a cell's mean luma from its last value at which the cell has changed."""

CUT_SHARE, CUT_LIKENESS = 0.5, 0.7
"""A cut changes more than this share of all cells and leaves less correlation than this; a change
of light or a panning camera leaves more."""

TILE_PX = 180_000
"""Most scaled pixels of a tile: a third of what 640x480 px have at the default min_face_px."""

OVERLAP = 1.1
"""Overlap of tiles in units of the octave's largest face: a face at a seam lies wholly in one."""

MOST_ROWS = 100
"""Enough for the largest frame and the smallest face that the settings allow."""

OCTAVE = 2.0
"""Largest face of an octave relative to its smallest."""

LINGER_S = 1.0
"""Seconds for which a tile still counts as moving after the last motion in it, so that a person
who walked in too fast to be detected is found after stopping."""

FACE_SHARE = 0.25
"""Changed area, relative to a tile's smallest face, from which the tile counts as moving."""

HEAD, BODY = 0.6, 3.0
"""Extent of a tracked person: the head beyond the box on each side, in box sizes, and the body
with arms below it, from the middle, in box widths."""

BODY_RATE = 0.25
"""Scan rate, relative to a moving tile, where only a tracked person's head or body moves."""

MOST = 3
"""Most tiles scanned in one frame. On a slow device frames are far apart, and scanning more per
frame would make it slower still."""

PATIENCE = 1.25
"""Periods that a tile may wait while tracked faces are being searched for."""

SAME_IOU, SAME_PART = 0.3, 0.6
"""Two boxes are of one face if their IoU, or the share of one inside the other, is above this."""

Cells = NDArray[np.bool_]
"""(rows, columns) bool: the cells that have changed."""


@dataclasses.dataclass(slots=True)
class Tile:
    """A part of the frame that is scanned for faces of ``face_px`` and more."""

    area: Box
    """In px of the frame."""
    scale: float
    face_px: float
    """The smallest face it is scanned for."""
    scanned: float = -math.inf
    """Stream time of the last scan."""

    def cut(self, luma: Luma, small: Luma | None = None) -> Luma:
        """Return the tile's scaled pixels, from ``small`` if that need not be enlarged."""
        box, done = self.area, 1.0
        if small is not None and self.scale <= small.shape[1] / luma.shape[1]:
            luma, done = small, small.shape[1] / luma.shape[1]
            box = scaled_box(box, done, 0, 0)
        part = luma[box.top : box.top + box.height, box.left : box.left + box.width]
        return rescale(part, self.scale / done)

    def to_frame(self, box: Box) -> Box:
        """Convert a box in px of the picture from `cut` to px of the frame."""
        return scaled_box(box, 1 / self.scale, self.area.left, self.area.top)


def scaled_box(box: Box, factor: float, left: int, top: int) -> Box:
    """Return ``box`` scaled about the origin, then moved."""
    return Box(
        left + round(box.left * factor),
        top + round(box.top * factor),
        round(box.width * factor),
        round(box.height * factor),
    )


def plan_tiles(shape: tuple[int, ...], min_face_px: int, smallest_px: int) -> list[Tile]:
    """Return tiles of a frame (H, W) that together find every face of ``min_face_px`` or more.

    ``smallest_px`` is the smallest face that the detector finds in a picture.
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
    """Return tiles of at most `TILE_PX` scaled pixels with the smallest total area."""
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
    """Return the side of ``count`` tiles that cover ``length`` with that overlap."""
    return min(length, math.ceil((length + (count - 1) * overlap) / count))


def _spans(length: int, count: int, overlap: int) -> list[tuple[int, int]]:
    """Return starts and sizes of ``count`` tiles, spread evenly from end to end."""
    side = _side(length, count, overlap)
    return [(round(k * (length - side) / max(1, count - 1)), side) for k in range(count)]


class Motion:
    """Finds the parts of the picture that have changed, in frames of one size.

    A cell is compared with its value at its own last change, not with the frame before, so slow
    changes are found too.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        height, width = shape
        side = max(8.0, width / COLUMNS)
        self.grid = (max(1, round(height / side)), max(1, round(width / side)))
        """Rows and columns."""
        self._per_px = (self.grid[0] / height, self.grid[1] / width)
        self._known: NDArray[np.int16] | None = None
        self.cut = True
        """True if the last frame shows another scene than the one before it."""

    def update(self, luma: Luma) -> Cells | None:
        """Return the cells that have changed, or None if none has; set `cut`."""
        # Every other row is enough: 32 px a cell average the noise at half the cost.
        cells = shrink(luma[::2], self.grid).astype(np.int16)
        if self._known is None:
            self._known = cells
            return np.ones(self.grid, bool)
        changed: Cells = np.abs(cells - self._known) > LEVELS
        count = np.count_nonzero(changed)
        self.cut = False
        if not count:
            return None
        if count > CUT_SHARE * changed.size:
            self.cut = _correlation(cells, self._known) < CUT_LIKENESS
        self._known[changed] = cells[changed]
        return changed

    def cells_of(self, box: Box, margin: float = 0.0) -> tuple[slice, slice]:
        """Return the cells that a box touches, grown by ``margin`` of its size on each side."""
        by_row, by_column = self._per_px
        high, wide = margin * box.height, margin * box.width
        top = int(max(0.0, (box.top - high) * by_row))
        left = int(max(0.0, (box.left - wide) * by_column))
        bottom = int(max(0.0, (box.top + box.height + high) * by_row)) + 1
        right = int(max(0.0, (box.left + box.width + wide) * by_column)) + 1
        return slice(top, bottom), slice(left, right)

    def count(self, px: float) -> float:
        """Return the number of cells in a square of side ``px``."""
        return px * px * self._per_px[0] * self._per_px[1]


def _correlation(a: NDArray[np.int16], b: NDArray[np.int16]) -> float:
    """Return the correlation of two pictures, -1 to 1; 0 if one of them is flat."""
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float((a * b).sum()) / norm if norm else 0.0


class ScanThrottle(Protocol):
    """Slows the scans down: their periods are ``scan`` times as long."""

    scan: int


class Scanner:
    """Scans the tiles of frames of one size, spread over time.

    The schedule depends on the frames, their times and the throttle alone, never on the machine's
    speed.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        detector: Detector,
        options: Vision,
        throttle: ScanThrottle | None = None,
    ) -> None:
        self._detector, self._options, self._throttle = detector, options, throttle
        self._frame_time: float | None = None
        self._time = 0.0
        """Stream time, slower while the throttle is on: all periods are then longer."""
        self._tiles = plan_tiles(shape, options.min_face_px, detector.smallest_px)
        self._motion = Motion(shape)
        self._height = shape[0]
        self._changed = np.full(self._motion.grid, -math.inf)
        """Stream time of the last change of each cell, not slowed."""
        self._moved = self._changed.copy()
        self._stirred = self._moved.copy()
        self._cells = [self._motion.cells_of(tile.area) for tile in self._tiles]
        self._before = 0.0
        self._last_motion = -math.inf
        self._whole = False

    def scan(
        self,
        luma: Luma,
        time: float,
        known: Sequence[Box],
        *,
        busy: bool,
        small: Luma | None = None,
    ) -> list[Detection]:
        """Return new faces in the tiles that are due; ``known`` are the tracked boxes.

        ``busy`` is True if tracked faces were searched for in this frame; tiles then wait a
        little longer. ``small`` is the frame's, see `Frame`.
        """
        changed = self._motion.update(luma if small is None else small)
        if changed is not None:
            self._changed[changed] = time
        time = self._slowed(time)
        if self._motion.cut or self._whole:
            return self._scan_all(luma, time)
        if changed is not None:
            self._last_motion = time
            self._record_motion(changed, time, known)
        found = [
            Detection(tile.to_frame(one.box), one.score)
            for tile in self._due(time, busy=busy)
            for one in self._scan_tile(tile, luma, time, small)
        ]
        return distinct(found)

    def rescan(self) -> None:
        """Scan the next frame as a whole, unless the load is reduced."""
        self._whole = self._throttle is None or self._throttle.scan == 1

    def unchanged(self, box: Box, since: float) -> bool:
        """Return True if no cell that the box touches has changed after ``since``."""
        return bool((self._changed[self._motion.cells_of(box)] <= since).all())

    def stir(self, box: Box) -> None:
        """Count the box as moving in the last frame, so that its tiles are scanned soon."""
        cells = self._motion.cells_of(box, HEAD)
        self._moved[cells] = self._stirred[cells] = self._last_motion = self._time

    def _slowed(self, time: float) -> float:
        step = 0.0 if self._frame_time is None else time - self._frame_time
        self._frame_time = time
        self._time += step / (self._throttle.scan if self._throttle else 1)
        return self._time

    def _scan_all(self, luma: Luma, time: float) -> list[Detection]:
        """Scan the whole frame at once, for a new scene."""
        self._before, self._whole = time, False
        for tile in self._tiles:
            tile.scanned = time
        self._moved.fill(-math.inf)
        # A face that was narrowly missed gets a second scan, even if nothing moves.
        self._stirred.fill(time)
        self._last_motion = time
        return find_whole(
            self._detector,
            luma,
            min_face_px=self._options.min_face_px,
            threshold=self._options.threshold,
        )

    def _scan_tile(
        self, tile: Tile, luma: Luma, time: float, small: Luma | None
    ) -> list[Detection]:
        tile.scanned = time
        return self._detector.find(tile.cut(luma, small), self._options.threshold)

    def _record_motion(self, changed: Cells, time: float, known: Sequence[Box]) -> None:
        """Record the time of change of each cell outside the tracked faces."""
        for box in known:
            changed[self._motion.cells_of(box)] = False
        self._stirred[changed] = time
        for box in known:
            changed[self._motion.cells_of(box, HEAD)] = False
            changed[self._motion.cells_of(_body(box, self._height))] = False
        self._moved[changed] = time

    def _due(self, time: float, *, busy: bool) -> list[Tile]:
        """Return the tiles that have waited longest relative to their periods."""
        step = time - self._before
        self._before = time
        wanted = round(len(self._tiles) * step / self._options.scan_s)
        share = min(max(1, wanted), MOST)
        patience = PATIENCE if busy else 1.0
        waits = [
            ((time - tile.scanned) / self._period(tile, cells), number)
            for number, (tile, cells) in enumerate(zip(self._tiles, self._cells, strict=True))
            if time - tile.scanned >= patience * self._options.scan_s
        ]
        late = sorted((wait for wait in waits if wait[0] >= patience), reverse=True)
        return [self._tiles[number] for _, number in late[:share]]

    def _period(self, tile: Tile, cells: tuple[slice, slice]) -> float:
        """Return the seconds between two scans of the tile, from the motion in it."""
        since, least = tile.scanned - LINGER_S, FACE_SHARE * self._motion.count(tile.face_px)
        if self._last_motion <= since:
            return self._options.still_s
        if np.count_nonzero(self._moved[cells] > since) >= least:
            return self._options.scan_s
        if np.count_nonzero(self._stirred[cells] > since) >= least:
            return min(self._options.scan_s / BODY_RATE, self._options.still_s)
        return self._options.still_s


def round_s(tiles: int, fps: float) -> float:
    """Return the seconds in which all tiles are scanned once if everything moves."""
    return tiles / (MOST * fps)


def find_whole(
    detector: Detector, luma: Luma, *, min_face_px: int, threshold: float
) -> list[Detection]:
    """Return all faces of ``min_face_px`` or more in a picture (H, W), in its px, best first."""
    height, width = luma.shape
    tile = Tile(Box(0, 0, width, height), detector.smallest_px / min_face_px, min_face_px)
    found = detector.find(tile.cut(luma), threshold)
    return [Detection(tile.to_frame(one.box), one.score) for one in found]


def _body(face: Box, floor: int) -> Box:
    wide = round(2 * BODY * face.width)
    return Box(face.left + face.width // 2 - wide // 2, face.top + face.height, wide, floor)


def distinct(found: Sequence[Detection]) -> list[Detection]:
    """Keep the best detection of each face, where tiles overlap and octaves meet."""
    kept: list[Detection] = []
    for one in sorted(found, key=lambda detection: detection.score, reverse=True):
        if not any(same_face(one.box, other.box) for other in kept):
            kept.append(one)
    return kept


def same_face(a: Box, b: Box) -> bool:
    """Return True if two boxes are of one face: they overlap much, or one lies in the other."""
    shared = a.overlap(b)
    return a.iou(b) > SAME_IOU or shared > SAME_PART * min(a.area, b.area)
