"""Looking for new faces: tile after tile, where something moves often, elsewhere seldom."""

import math
from collections.abc import Sequence

import numpy as np

from edge_fer.config.settings import Vision
from edge_fer.types import Box, Detection, Luma
from edge_fer.vision.detector import Detector, find_whole
from edge_fer.vision.motion import Cells, Motion
from edge_fer.vision.tiles import Tile, plan_tiles

LINGER_S = 1.0
"""A tile counts as moving until it has been scanned this long after the last motion: whoever
walked in too fast to be found stands still now."""

FACE_SHARE = 0.25
"""A tile counts as moving when the cells that have changed are this share of its smallest face."""

HEAD, BODY = 0.6, 3.0
"""How far a followed person's head reaches beyond the box on each side, in box sizes, and the
body and arms below it from the middle, in box widths."""

BODY_RATE = 0.25
"""What moves around and below a followed face is most likely that person, and scanned at this
rate."""

MOST = 3
"""Tiles scanned in one frame at most: where the device is slow, frames are far apart, and to
scan the more for that would make it slower still."""

PATIENCE = 1.25
"""While followed faces are looked at, a tile may wait this many periods."""

SAME_IOU, SAME_PART = 0.3, 0.6
"""Two boxes are of one face when they overlap by this IoU, or this share of one is in the other."""


def round_s(tiles: int, fps: float) -> float:
    """Seconds in which that many tiles are scanned at least once, where everything moves."""
    return tiles / (MOST * fps)


class Scanner:
    """Scans the tiles of frames of one size, spread over time.

    Which tiles come when depends on the frames and their times alone, never on the machine.
    """

    def __init__(self, shape: tuple[int, ...], detector: Detector, options: Vision) -> None:
        self._detector, self._options = detector, options
        self._tiles = plan_tiles(shape, options.min_face_px, detector.smallest_px)
        self._motion = Motion(shape)
        self._height = shape[0]
        self._moved = np.full(self._motion.grid, -math.inf)
        self._stirred = self._moved.copy()
        self._cells = [self._motion.cells_of(tile.area) for tile in self._tiles]
        self._before = 0.0
        self._last_motion = -math.inf

    def scan(
        self,
        luma: Luma,
        time: float,
        known: Sequence[Box],
        *,
        busy: bool,
        small: Luma | None = None,
    ) -> list[Detection]:
        """New faces in the tiles that are due; ``known`` are the boxes that are followed.

        ``busy``: the frame has work already, so what can wait a little waits. ``small``: the
        frame's, see `Frame`.
        """
        changed = self._motion.update(luma if small is None else small)
        if self._motion.cut:
            return self._begin(luma, time)
        if changed is not None:
            self._last_motion = time
            self._note(changed, time, known)
        found = [
            Detection(tile.to_frame(one.box), one.score)
            for tile in self._due(time, busy=busy)
            for one in self._look(tile, luma, time, small)
        ]
        return distinct(found)

    def _begin(self, luma: Luma, time: float) -> list[Detection]:
        """Scan everything at once: another scene."""
        self._before = time
        for tile in self._tiles:
            tile.scanned = time
        self._moved.fill(-math.inf)
        # So that whoever was missed by a hair gets a second chance, though nothing moves.
        self._stirred.fill(time)
        self._last_motion = time
        return find_whole(
            self._detector,
            luma,
            min_face_px=self._options.min_face_px,
            threshold=self._options.threshold,
        )

    def _look(self, tile: Tile, luma: Luma, time: float, small: Luma | None) -> list[Detection]:
        tile.scanned = time
        return self._detector.find(tile.cut(luma, small), self._options.threshold)

    def _note(self, changed: Cells, time: float, known: Sequence[Box]) -> None:
        """Note when which cells changed, apart from the faces that are followed."""
        for box in known:
            changed[self._motion.cells_of(box)] = False
        self._stirred[changed] = time
        for box in known:
            changed[self._motion.cells_of(box, HEAD)] = False
            changed[self._motion.cells_of(_body(box, self._height))] = False
        self._moved[changed] = time

    def _due(self, time: float, *, busy: bool) -> list[Tile]:
        """The tiles that have waited longest in terms of their periods, as many as it takes."""
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
        """Seconds between two scans of the tile, by what has changed in it."""
        since, least = tile.scanned - LINGER_S, FACE_SHARE * self._motion.count(tile.face_px)
        if self._last_motion <= since:
            return self._options.still_s
        if np.count_nonzero(self._moved[cells] > since) >= least:
            return self._options.scan_s
        if np.count_nonzero(self._stirred[cells] > since) >= least:
            return min(self._options.scan_s / BODY_RATE, self._options.still_s)
        return self._options.still_s


def _body(face: Box, floor: int) -> Box:
    wide = round(2 * BODY * face.width)
    return Box(face.left + face.width // 2 - wide // 2, face.top + face.height, wide, floor)


def distinct(found: Sequence[Detection]) -> list[Detection]:
    """One detection for each face, where tiles overlap and octaves meet; the best score wins."""
    kept: list[Detection] = []
    for one in sorted(found, key=lambda detection: detection.score, reverse=True):
        if not any(same_face(one.box, other.box) for other in kept):
            kept.append(one)
    return kept


def same_face(a: Box, b: Box) -> bool:
    """Two boxes that cannot be two faces: they share much, or one lies in the other."""
    shared = a.overlap(b)
    return a.iou(b) > SAME_IOU or shared > SAME_PART * min(a.area, b.area)
