"""Mosaics: faces of all sizes and tilts in faceless pictures, with every place's box and points.

A third of the scenes is one photograph that fills the canvas, a third faces pasted into a
background, the rest crowds of small ones and scenes without any.
"""

import dataclasses
from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np

from edge_fer.types import Luma
from training.detector.degrade import degrade
from training.detector.drawings import drawing
from training.detector.faces import Portrait
from training.detector.geometry import Array, floats
from training.detector.paste import Pasted, head, mapped, placed, whole, window

Draw = np.random.Generator

SMALLEST: Final = 10.0
"""Smaller faces are regions to ignore, px."""

DRAWN: Final = 12.0
"""Side of the smallest face that is pasted, px."""

COVERED: Final = 0.22
"""Share of the faces of which a part is hidden."""

INSIDE: Final = 0.55
"""Share of a box within the canvas from which it is a face."""


@dataclasses.dataclass(frozen=True, slots=True)
class Options:
    """What is drawn; the defaults are for training."""

    photograph: float = 0.32
    crowd: float = 0.2
    empty: float = 0.08
    """Shares of the kinds of scenes; the rest are a few faces in a background."""
    tilt: float | None = None
    """Degrees of every face's tilt, to either side; None draws them."""
    sides: tuple[float, float] | None = None
    """Sides of the pasted faces in px; None draws them for the canvas."""
    covered: float = COVERED
    degraded: bool = True


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class Scene:
    """A picture to learn from."""

    luma: Luma
    boxes: Array
    """(n, 3)"""
    points: Array
    """(n, 5, 2)"""
    face: Array
    """(n,) 1 a face, 0 a region to ignore."""


class Mosaics:
    """Draws scenes from portraits and backgrounds."""

    def __init__(
        self,
        portraits: Sequence[Sequence[Portrait]],
        shares: Sequence[float],
        backgrounds: Sequence[Luma],
        options: Options = Options(),
    ) -> None:
        self._portraits = [one for one in portraits if one]
        kept = [share for one, share in zip(portraits, shares, strict=True) if one]
        self._shares = np.array(kept) / sum(kept)
        self._backgrounds, self.options = backgrounds, options

    def scene(self, size: tuple[int, int], draw: Draw) -> Scene:
        """Draw one scene of ``size`` (H, W)."""
        kind, options = draw.random(), self.options
        canvas, placed_here = self._background(size, draw), list[Pasted]()
        if kind < options.photograph:
            placed_here = [self._photograph(canvas, draw)]
        elif kind >= options.photograph + options.empty:
            crowd = kind >= 1 - options.crowd
            self._clutter(canvas, draw)
            for _ in range(int(draw.integers(4, 13) if crowd else draw.integers(1, 5))):
                one = self._single(size, placed_here, draw, crowd=crowd)
                if one is not None:
                    placed_here.append(one)
        else:
            self._clutter(canvas, draw)
        for one in placed_here:
            one.apply(canvas)
        return self._finished(canvas, placed_here, draw)

    def _finished(self, canvas: Luma, pasted: Sequence[Pasted], draw: Draw) -> Scene:
        boxes = np.concatenate([one.boxes for one in pasted] or [np.zeros((0, 3), np.float32)])
        points = np.concatenate([one.points for one in pasted] or [np.zeros((0, 5, 2), np.float32)])
        face = np.concatenate([one.face for one in pasted] or [np.zeros(0, np.float32)])
        shown = within(boxes, (canvas.shape[0], canvas.shape[1]))
        face = np.where((shown < INSIDE) | (boxes[:, 2] < SMALLEST), 0, face)
        kept = (shown > 0.1) & (boxes[:, 2] >= SMALLEST / 2)
        smallest = float(boxes[kept & (face > 0), 2].min(initial=max(canvas.shape)))
        if self.options.degraded:
            canvas = degrade(canvas, smallest, draw)
        return Scene(canvas, boxes[kept], points[kept], floats(face[kept]))

    def _portrait(self, draw: Draw, side: float) -> Portrait:
        """Draw a picture; a source of few pixels is not enlarged much."""
        for _ in range(6):
            source = self._portraits[int(draw.choice(len(self._portraits), p=self._shares))]
            one = source[int(draw.integers(len(source)))]
            if side <= 1.8 * float(one.box[:, 2].max()):
                break
        return one

    def _angle(self, draw: Draw) -> float:
        tilt = self.options.tilt
        if tilt is not None:
            return float(np.radians(tilt) * draw.choice([-1, 1]))
        narrow = draw.random() < 0.6
        return float(
            np.radians(np.clip(draw.normal(0, 9), -30, 30) if narrow else draw.uniform(-62, 62))
        )

    def _side(self, low: float, high: float, draw: Draw) -> float:
        low, high = self.options.sides or (low, high)
        return float(np.exp(draw.uniform(np.log(low), np.log(max(high, low + 1e-3)))))

    def _background(self, size: tuple[int, int], draw: Draw) -> Luma:
        """Cut a background, or draw one."""
        if not self._backgrounds or draw.random() < 0.2:
            return drawing(size, draw)
        picture = self._backgrounds[int(draw.integers(len(self._backgrounds)))]
        least = max(size[0] / picture.shape[0], size[1] / picture.shape[1])
        scale = max(least, float(np.exp(draw.uniform(np.log(0.35), np.log(1.6)))))
        high, wide = (
            min(round(side / scale), most) for side, most in zip(size, picture.shape, strict=True)
        )
        top = int(draw.integers(0, picture.shape[0] - high + 1))
        left = int(draw.integers(0, picture.shape[1] - wide + 1))
        part = picture[top : top + high, left : left + wide]
        part = part[:, ::-1] if draw.random() < 0.5 else part
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        return np.array(cv2.resize(part, size[::-1], interpolation=method), np.uint8)

    def _photograph(self, canvas: Luma, draw: Draw) -> Pasted:
        """Return a photograph that fills the canvas or most of it, its border repeated."""
        shorter = min(canvas.shape)
        side = self._side(shorter * 0.3, shorter * 0.95, draw)
        one = self._portrait(draw, side)
        number = one.chosen(draw)
        reach = np.array(canvas.shape[::-1]) / 2
        spread = np.maximum(reach - 0.35 * side, 0) * draw.uniform(0.2, 1)
        centre = reach + draw.uniform(-1, 1, 2) * spread
        matrix = mapped(
            one.box[number], side, centre, self._angle(draw), draw, flip=draw.random() < 0.5
        )
        mask = np.full(one.luma.shape, 255, np.uint8)
        pasted = placed(one, number, matrix, mask, self.options.covered, draw)
        return dataclasses.replace(pasted, fill=bool(draw.random() < 0.7))

    def _single(
        self, size: tuple[int, int], others: Sequence[Pasted], draw: Draw, *, crowd: bool
    ) -> Pasted | None:
        """Return a face that hides none of the others, or None if there is no room."""
        shorter = min(size)
        high = shorter * (0.25 if crowd else 0.85)
        side = self._side(DRAWN, max(high, 1.5 * DRAWN), draw)
        one = self._portrait(draw, side)
        number, angle = one.chosen(draw), self._angle(draw)
        style = draw.random()
        mask = (
            head(one.luma, one.box[number], draw)
            if style < 0.5
            else (window(one.luma, one.box[number], draw) if style < 0.8 else whole(one.luma, draw))
        )
        flip = draw.random() < 0.5
        for _ in range(8):
            centre = draw.uniform(0.1 * side, np.array(size[::-1]) - 0.1 * side)
            matrix = mapped(one.box[number], side, centre, angle, draw, flip=flip)
            pasted = placed(one, number, matrix, mask, self.options.covered, draw)
            if not hides(pasted.zone(size), others):
                return pasted
        return None

    def _clutter(self, canvas: Luma, draw: Draw) -> None:
        """Scraps of portraits that are no face: shuffled faces, hair, shoulders, drawings."""
        for _ in range(int(draw.integers(0, 3)) if draw.random() < 0.4 else 0):
            patch = scrambled(self._portrait(draw, 0.0), draw)
            if draw.random() < 0.3:
                patch = drawing((64, 64), draw)
            scale = float(np.exp(draw.uniform(np.log(0.2), 0)))
            size = [
                max(8, min(round(side * scale), most))
                for side, most in zip(patch.shape, canvas.shape, strict=True)
            ]
            top, left = (
                int(draw.integers(0, most - side + 1))
                for side, most in zip(size, canvas.shape, strict=True)
            )
            small = cv2.resize(patch, size[::-1], interpolation=cv2.INTER_AREA)
            canvas[top : top + size[0], left : left + size[1]] = small


def scrambled(portrait: Portrait, draw: Draw) -> Luma:
    """Return a portrait cut into squares that are shuffled: skin and hair, but no face."""
    count = int(draw.integers(3, 6))
    high, wide = (side // count for side in portrait.luma.shape)
    tiles = [
        portrait.luma[row * high : (row + 1) * high, column * wide : (column + 1) * wide]
        for row in range(count)
        for column in range(count)
    ]
    order = draw.permutation(len(tiles))
    rows = [
        np.hstack([tiles[number] for number in order[start : start + count]])
        for start in range(0, len(tiles), count)
    ]
    return np.vstack(rows)


def hides(zone: tuple[int, int, int, int], others: Sequence[Pasted]) -> bool:
    """Whether what is pasted into ``zone`` hides a tenth of a face that is there already."""
    left, top, right, bottom = zone
    for x, y, side in (box for one in others for box in one.boxes):
        wide = min(right, x + side / 2) - max(left, x - side / 2)
        high = min(bottom, y + side / 2) - max(top, y - side / 2)
        if wide > 0 and high > 0 and wide * high > 0.1 * side * side:
            return True
    return False


def within(boxes: Array, size: tuple[int, int]) -> Array:
    """Return the share (n,) of each box (n, 3) that lies within a canvas (H, W)."""
    half = boxes[:, 2] / 2
    wide = np.minimum(boxes[:, 0] + half, size[1]) - np.maximum(boxes[:, 0] - half, 0)
    high = np.minimum(boxes[:, 1] + half, size[0]) - np.maximum(boxes[:, 1] - half, 0)
    area = np.maximum(wide, 0) * np.maximum(high, 0)
    return np.asarray(area / np.maximum(boxes[:, 2] ** 2, 1e-6), np.float32)
