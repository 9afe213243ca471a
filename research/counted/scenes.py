"""The frames that are counted on: a person in a drawn room, and the room alone."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_fer.types import Luma
from research.results.media import CARPHONE, clip

WIDTH, HEIGHT = 640, 480
FRAMES = 120
ENLARGED = 2
"""Times; the face is 90 to 110 px wide then."""
SEED = 7


def draw_room() -> Luma:
    """A still picture with edges, shades and a camera's noise, but no face; (480, 640) uint8."""
    drawn = np.random.default_rng(SEED)
    room: NDArray[np.floating] = np.tile(np.linspace(90, 160, WIDTH, dtype=np.float32), (HEIGHT, 1))
    for _ in range(40):
        left, top = int(drawn.integers(WIDTH)), int(drawn.integers(HEIGHT))
        width, height = (int(side) for side in drawn.integers(20, 160, 2))
        room[top : top + height, left : left + width] = drawn.integers(30, 220)
    room = cv2.GaussianBlur(room, (0, 0), 1.5) + drawn.normal(0, 2, room.shape)
    return np.clip(room, 0, 255).astype(np.uint8)


def scenes() -> dict[str, Luma]:
    """`face`, (120, 480, 640), and `empty`, (1, 480, 640), both uint8.

    Raises:
        CameraError: the clip is missing or cannot be read.
    """
    room = draw_room()
    pictures = []
    for frame in clip(CARPHONE)[:FRAMES]:
        large = cv2.resize(
            frame.luma, None, fx=ENLARGED, fy=ENLARGED, interpolation=cv2.INTER_CUBIC
        )
        height, width = large.shape
        top, left = (HEIGHT - height) // 2, (WIDTH - width) // 2
        picture = room.copy()
        picture[top : top + height, left : left + width] = large
        pictures.append(picture)
    return {"face": np.stack(pictures), "empty": room[None]}
