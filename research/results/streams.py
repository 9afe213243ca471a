"""Streams made of real stills: heads pasted into a real room, seen by a camera with noise.

Everything follows from the seed. Pixels are those of a 640x480 frame.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_fer.types import Box, Frame, Luma
from research.results.media import Head

WIDTH, HEIGHT = 640, 480

NOISE = 2.0
"""Standard deviation of the sensor's noise in grey levels."""

REACH = 64
"""px by which one field of noise is shifted at random from frame to frame, to either side."""

FLICKER = 0.02
"""Standard deviation of the brightness from frame to frame, as a share."""

Picture = NDArray[np.float32]
"""(480, 640) luma before the sensor."""

Scene = Callable[[float], Picture]
"""What is to be seen at a stream time in seconds."""


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class Sprite:
    """A head at its final size, ready to be pasted."""

    luma: Picture
    alpha: Picture
    """1 within, falling to 0 at the border."""
    face: Box
    """In px of the sprite."""


def make_sprite(head: Head, face_px: float) -> Sprite:
    """The head with a face of that width, soft-edged."""
    factor = face_px / head.box.width
    height, width = (round(side * factor) for side in head.luma.shape)
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    luma = cv2.resize(head.luma, (width, height), interpolation=method).astype(np.float32)
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    alpha = np.clip((1 - np.maximum(abs(x), abs(y)) ** 2) * 4, 0, 1).astype(np.float32)
    sides = (head.box.left, head.box.top, head.box.width, head.box.height)
    return Sprite(luma, alpha, Box(*(round(side * factor) for side in sides)))


def paste(scene: Picture, sprite: Sprite, x: float, y: float) -> Picture:
    """The scene with the centre of the sprite's face at (x, y), which need not be whole px."""
    left = x - sprite.face.left - sprite.face.width / 2
    top = y - sprite.face.top - sprite.face.height / 2
    move = np.array([[1, 0, left], [0, 1, top]], np.float64)
    luma, alpha = (cv2.warpAffine(part, move, (WIDTH, HEIGHT)) for part in _parts(sprite))
    return np.asarray(scene + alpha * (luma - scene), np.float32)


def _parts(sprite: Sprite) -> tuple[Picture, Picture]:
    return sprite.luma, sprite.alpha


def box_at(sprite: Sprite, x: float, y: float) -> Box:
    """Where the face is then."""
    face = sprite.face
    return Box(round(x - face.width / 2), round(y - face.height / 2), face.width, face.height)


def stream(
    scene: Scene, *, fps: float, seconds: float, seed: int, flicker: float = 0.0
) -> Iterator[Frame]:
    """Frames of the scene with the sensor's noise and, where asked, a flickering light."""
    draw = np.random.default_rng(seed)
    noise = NOISE * draw.standard_normal((HEIGHT + REACH, WIDTH + REACH), dtype=np.float32)
    for number in range(round(seconds * fps)):
        time = number / fps
        picture = scene(time) * (1 + flicker * draw.standard_normal())
        top, left = draw.integers(REACH, size=2)
        picture += noise[top : top + HEIGHT, left : left + WIDTH]
        yield Frame(as_luma(picture), number, time, time)


def as_luma(picture: Picture) -> Luma:
    """As a camera rounds and clips it."""
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def as_picture(luma: Luma) -> Picture:
    """The other way."""
    return luma.astype(np.float32)
