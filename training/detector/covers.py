"""What hides a part of a face: drawn masks, sunglasses, hands, scarves, hats, blocks.

Each function draws into a picture (H, W) in place, by the 68 landmarks (68, 2) of the face.
"""

from collections.abc import Callable
from typing import Any, Final

import cv2
import numpy as np

from edge_fer.types import Luma
from training.detector.geometry import Array, floats

Draw = np.random.Generator
Level = int | np.integer[Any]

_SUBPIXEL: Final = 4
"""Binary digits behind the point in what OpenCV draws."""


def cover(luma: Luma, landmarks: Array, draw: Draw) -> None:
    """Draw one cover, chosen by ``draw``."""
    weights = np.array([weight for weight, _ in COVERS])
    COVERS[int(draw.choice(len(COVERS), p=weights / weights.sum()))][1](luma, landmarks, draw)


def mask(luma: Luma, landmarks: Array, draw: Draw) -> None:
    """Draw a medical mask from the bridge of the nose over cheeks and chin."""
    level = draw.integers(30, 250)
    jaw, bridge = landmarks[2:15], landmarks[28 + draw.integers(0, 2)]
    below = (landmarks[8] - bridge) * draw.uniform(0.02, 0.15)
    outline = np.vstack([jaw + below * (draw.random() < 0.5), bridge[None]])
    _fill(luma, outline, level)
    left, right = landmarks[3], landmarks[13]
    for share in draw.uniform(0.2, 0.8, int(draw.integers(0, 4))):
        ends = (
            np.stack([left, right]) * (1 - share) + np.stack([landmarks[6], landmarks[10]]) * share
        )
        _line(luma, ends, _shade(level, draw), 1)
    if draw.random() < 0.5:
        for near, ear in ((landmarks[2], landmarks[0]), (landmarks[14], landmarks[16])):
            _line(luma, np.stack([near, ear]), level, max(1, round(0.02 * _width(landmarks))))


def sunglasses(luma: Luma, landmarks: Array, draw: Draw) -> None:
    """Draw dark glasses over both eyes."""
    level, width = draw.integers(0, 70), _width(landmarks)
    eyes = [landmarks[36:42].mean(0), landmarks[42:48].mean(0)]
    axis = eyes[1] - eyes[0]
    angle = float(np.degrees(np.arctan2(axis[1], axis[0])))
    wide, high = width * draw.uniform(0.17, 0.23), width * draw.uniform(0.1, 0.17)
    for eye in eyes:
        centre = _fixed(eye + floats((0, 0.02 * width)))
        size = tuple(round(value * 2**_SUBPIXEL) for value in (wide, high))
        cv2.ellipse(luma, centre, size, angle, 0, 360, int(level), -1, cv2.LINE_AA, _SUBPIXEL)
    _line(luma, np.stack(eyes), level, max(1, round(0.04 * width)))
    _line(luma, np.stack([eyes[0], landmarks[0]]), level, max(1, round(0.03 * width)))
    _line(luma, np.stack([eyes[1], landmarks[16]]), level, max(1, round(0.03 * width)))


def hand(luma: Luma, landmarks: Array, draw: Draw) -> None:
    """Draw fingers, in the cheek's own luma, over mouth, chin, cheek or an eye."""
    width = _width(landmarks)
    cheek = luma[_inside(luma, landmarks[[2, 14]].mean(0))]
    level = int(np.clip(int(cheek) + draw.integers(-30, 30), 20, 235))
    goal = landmarks[[8, 57, 33, 3, 13, 41, 46][draw.integers(0, 7)]]
    side = draw.uniform(-1, 1) * np.pi / 2 + np.pi / 2
    along = np.array([np.cos(side), np.sin(side)])
    across = np.array([-along[1], along[0]])
    thick = max(2, round(width * draw.uniform(0.09, 0.14)))
    for number in range(int(draw.integers(2, 5))):
        tip = goal + across * (number - 1.5) * thick * 1.05 - along * draw.uniform(0, 0.12) * width
        ends = np.stack([tip, tip + along * width * draw.uniform(0.4, 1.1)])
        _line(luma, ends, _shade(level, draw, 40), thick + 2)
        _line(luma, ends, level + draw.integers(-6, 6), thick)


def scarf(luma: Luma, landmarks: Array, draw: Draw) -> None:
    """Draw cloth from nose or mouth downwards."""
    width, level = _width(landmarks), draw.integers(10, 240)
    top = landmarks[[33, 51, 57][draw.integers(0, 3)]]
    axis = (landmarks[16] - landmarks[0]) * 0.75
    down = np.array([-axis[1], axis[0]]) * 1.2
    tilt = draw.uniform(-0.08, 0.08, 2) * width
    _fill(
        luma,
        np.stack([top - axis + tilt, top + axis - tilt, top + axis + down, top - axis + down]),
        level,
    )
    for _ in range(int(draw.integers(0, 5))):
        start = top + axis * draw.uniform(-1, 1) + down * draw.uniform(0, 0.4)
        end = start + axis * draw.uniform(-0.6, 0.6) + down * draw.uniform(0, 0.4)
        _line(luma, np.stack([start, end]), _shade(level, draw), max(1, round(0.03 * width)))


def hat(luma: Luma, landmarks: Array, draw: Draw) -> None:
    """Draw a brim or a fringe down to the brows."""
    axis = (landmarks[16] - landmarks[0]) * draw.uniform(0.55, 0.8)
    up = np.array([axis[1], -axis[0]])
    brow = landmarks[17:27].mean(0) + up * draw.uniform(-0.05, 0.25)
    corners = (brow - axis, brow + axis, brow + axis * 0.9 + up, brow - axis * 0.9 + up)
    _fill(luma, np.stack(corners), draw.integers(0, 230))


def block(luma: Luma, landmarks: Array, draw: Draw) -> None:
    """Hide a quarter of the face at most behind a rectangle: a cup, a microphone, a shoulder."""
    width = _width(landmarks)
    centre = landmarks[draw.integers(0, 68)]
    size = width * draw.uniform(0.15, 0.3, 2)
    angle = draw.uniform(0, 90)
    corners = cv2.boxPoints((tuple(map(float, centre)), tuple(map(float, 2 * size)), float(angle)))
    _fill(luma, floats(corners), draw.integers(0, 255))


COVERS: Final[tuple[tuple[float, Callable[[Luma, Array, Draw], None]], ...]] = (
    (0.35, mask),
    (0.2, sunglasses),
    (0.2, hand),
    (0.08, scarf),
    (0.07, hat),
    (0.1, block),
)
"""Share of each."""


def _width(landmarks: Array) -> float:
    return float(np.linalg.norm(landmarks[16] - landmarks[0]))


def _shade(level: Level, draw: Draw, most: int = 60) -> int:
    return int(np.clip(level - draw.integers(10, most), 0, 255))


def _inside(luma: Luma, point: Array) -> tuple[int, int]:
    y, x = np.clip(point[::-1], 0, np.array(luma.shape) - 1).astype(int)
    return int(y), int(x)


def _fixed(point: Array) -> tuple[int, int]:
    x, y = np.round((point - 0.5) * 2**_SUBPIXEL).astype(int)
    return int(x), int(y)


def _fill(luma: Luma, corners: Array, level: Level) -> None:
    points = np.round((corners - 0.5) * 2**_SUBPIXEL).astype(np.int32)
    cv2.fillPoly(luma, [points], int(level), cv2.LINE_AA, _SUBPIXEL)


def _line(luma: Luma, ends: Array, level: Level, thick: int) -> None:
    start, end = (_fixed(point) for point in ends)
    cv2.line(luma, start, end, int(np.clip(level, 0, 255)), thick, cv2.LINE_AA, _SUBPIXEL)
