"""Putting a part of one picture into another: the map, the mask, and what comes along."""

import dataclasses
from typing import Final

import cv2
import numpy as np

from edge_fer.types import Luma
from training.detector.covers import cover
from training.detector.faces import Portrait
from training.detector.geometry import FLIPPED, Array, floats, moved

Draw = np.random.Generator

STRETCH: Final = 0.08
"""Most by which a face is made wider or narrower."""

VISIBLE: Final = 0.6
"""Share of a box inside what is pasted from which it is a face; less is a region to ignore."""


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class Pasted:
    """What is to be put into a canvas."""

    luma: Luma
    mask: Luma
    """Opacity of each pixel of `luma`."""
    matrix: Array
    """(2, 3) from the picture to the canvas."""
    boxes: Array
    """(n, 3) in px of the canvas."""
    points: Array
    """(n, 5, 2)"""
    face: Array
    """(n,) 1 a face, 0 a region to ignore."""
    fill: bool = False
    """The picture's border is repeated to the end of the canvas."""

    def zone(self, size: tuple[int, int]) -> tuple[int, int, int, int]:
        """Return left, top, right and bottom of the changed part of a canvas (H, W)."""
        if self.fill:
            return 0, 0, size[1], size[0]
        ys, xs = np.flatnonzero(self.mask.any(1)), np.flatnonzero(self.mask.any(0))
        corners = np.array(
            [(x, y) for x in (xs[0], xs[-1] + 1) for y in (ys[0], ys[-1] + 1)], np.float32
        )
        low = np.floor(moved(corners, self.matrix).min(0)).astype(int)
        high = np.ceil(moved(corners, self.matrix).max(0)).astype(int)
        left, top = np.clip(low, 0, size[::-1])
        right, bottom = np.clip(high, 0, size[::-1])
        return int(left), int(top), int(right), int(bottom)

    def apply(self, canvas: Luma) -> None:
        """Blend into ``canvas`` (H, W), in place."""
        left, top, right, bottom = self.zone((canvas.shape[0], canvas.shape[1]))
        if right <= left or bottom <= top:
            return
        luma, mask, matrix = self.luma, self.mask, self.matrix.copy()
        factor = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
        if factor < 0.6:  # the warp alone would skip pixels
            size = [max(2, round(side * factor)) for side in luma.shape[::-1]]
            matrix[:, :2] *= np.array(luma.shape[::-1]) / size
            luma = np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), np.uint8)
            mask = np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_AREA), np.uint8)
        matrix[:, 2] -= (left, top)
        matrix[:, 2] += matrix[:, :2] @ [0.5, 0.5] - 0.5  # OpenCV counts from pixel centres
        target = (right - left, bottom - top)
        flags = cv2.INTER_LINEAR
        drawn = cv2.warpAffine(luma, matrix, target, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        part = canvas[top:bottom, left:right]
        if self.fill:
            part[:] = drawn
            return
        share = cv2.warpAffine(mask, matrix, target, flags=flags).astype(np.float32) / 255
        part[:] = np.round(part + share * (drawn.astype(np.float32) - part)).astype(np.uint8)


def mapped(
    box: Array, side: float, centre: Array, angle: float, draw: Draw, *, flip: bool
) -> Array:
    """Return the map (2, 3) that brings ``box`` to ``centre`` with ``side`` px, tilted."""
    scale = side / float(box[2])
    stretch = float(np.exp(draw.uniform(-STRETCH, STRETCH)))
    cosine, sine = np.cos(angle), np.sin(angle)
    linear = np.array([[cosine, -sine], [sine, cosine]]) @ np.diag([stretch, 1 / stretch]) * scale
    if flip:
        linear = linear @ np.diag([-1.0, 1.0])
    shift = centre - linear @ box[:2]
    return np.column_stack([linear, shift]).astype(np.float32)


def placed(
    portrait: Portrait, number: int, matrix: Array, mask: Luma, covers: float, draw: Draw
) -> Pasted:
    """Return ``portrait`` mapped by ``matrix``; some faces, by the share ``covers``, covered."""
    luma = portrait.luma
    if draw.random() < covers:
        luma = luma.copy()
        cover(luma, portrait.landmarks[number], draw)
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    boxes = np.column_stack([moved(portrait.box[:, :2], matrix), portrait.box[:, 2] * scale])
    points = moved(portrait.points, matrix)
    if np.linalg.det(matrix[:, :2]) < 0:
        points = points[:, list(FLIPPED)]
    shown = np.array([visible(one, mask) for one in portrait.box])
    face = np.where(portrait.face & (shown >= VISIBLE), 1.0, 0.0)
    face[number] = 1.0
    kept = shown > 0.15
    kept[number] = True
    return Pasted(
        luma,
        mask,
        matrix,
        floats(boxes[kept]),
        floats(points[kept]),
        floats(face[kept]),
    )


def visible(box: Array, mask: Luma) -> float:
    """Return the mean opacity of ``mask`` in the box (3,)."""
    x, y, half = float(box[0]), float(box[1]), float(box[2]) / 2
    high, wide = mask.shape
    rows = slice(max(0, round(y - half)), min(high, round(y + half)))
    columns = slice(max(0, round(x - half)), min(wide, round(x + half)))
    part = mask[rows, columns]
    return float(part.sum()) / 255 / max(1.0, 4 * half * half) if part.size else 0.0


def whole(luma: Luma, draw: Draw) -> Luma:
    """Return the mask of a picture with hard edges, or edges that fade."""
    mask = np.full(luma.shape, 255, np.uint8)
    if draw.random() < 0.5:
        rim = int(draw.integers(1, 1 + max(1, min(luma.shape) // 10)))
        mask[:rim] = mask[-rim:] = 0
        mask[:, :rim] = mask[:, -rim:] = 0
        mask = np.asarray(cv2.blur(mask, (rim, rim)), np.uint8)
    return mask


def head(luma: Luma, box: Array, draw: Draw) -> Luma:
    """Return the mask of a head: a soft ellipse around the face, hair and chin included."""
    mask = np.zeros(luma.shape, np.uint8)
    x, y, side = (float(value) for value in box)
    wide, high = side * draw.uniform(0.55, 0.85), side * draw.uniform(0.75, 1.05)
    centre = (round(x), round(y - side * draw.uniform(0.0, 0.2)))
    cv2.ellipse(mask, centre, (round(wide), round(high)), 0, 0, 360, 255, -1)
    soft = max(1, round(side * draw.uniform(0.01, 0.2)))
    return np.asarray(cv2.blur(mask, (soft, soft)), np.uint8)


def window(luma: Luma, box: Array, draw: Draw) -> Luma:
    """Return the mask of a rectangle around the face, cut as photographs in papers are."""
    mask = np.zeros(luma.shape, np.uint8)
    x, y, side = (float(value) for value in box)
    left, top, right, bottom = (side * draw.uniform(0.5, 1.3, 4)).tolist()
    rows = slice(max(0, round(y - top)), round(y + bottom))
    mask[rows, max(0, round(x - left)) : round(x + right)] = 255
    return mask
