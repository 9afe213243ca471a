"""The streams: frozen frames, clips, two faces, a moving head, and a changing expression."""

import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from edge_fer.errors import DataError
from edge_fer.types import Frame, Luma
from edge_fer.vision.pixels import read_grey
from research.results.media import (
    CARPHONE,
    PORTRAITS,
    TALKING,
    TURNING,
    backgrounds,
    clip,
    find,
    heads,
)
from research.results.streams import NOISE, REACH, as_picture, make_sprite, paste, stream

FPS = 15
FACE_PX = 90
SPEED = 100.0
"""Of the moving head, in px per second."""

SMALL = {CARPHONE: ("vision.min_face_px=40",)}
"""Settings for a clip of 176x144 px."""

FROZEN = (
    *((name, 0) for name in PORTRAITS),
    ("two_people.jpg", 1),
    *((name, 7) for name in TALKING),
    (CARPHONE, 10),
    (CARPHONE, 110),
    (TURNING[0], 20),
    (TURNING[1], 12),
    (TURNING[2], 30),
)
"""File and frame of each frozen frame; of a still, 1 is half the size, where labels waver."""

SPANS = Path(__file__).with_name("expressions.json")


def spans() -> dict[str, list[tuple[int, int, str]]]:
    """Return the first and last frame and the label of each clear expression, by clip."""
    found = json.loads(SPANS.read_text("utf-8"))
    return {
        name: [(int(a), int(b), str(label)) for a, b, label in rows] for name, rows in found.items()
    }


def frozen_picture(name: str, number: int) -> Luma:
    """Return a still of at most 640x480 px, or a frame of a clip."""
    if name not in PORTRAITS:
        return clip(name)[number].luma
    picture = read_grey(find(name))
    if picture is None:
        raise DataError(f"{find(name)}: not a picture")
    scale = min(1.0, 640 / picture.shape[1], 480 / picture.shape[0])
    scale = 0.5 if number else scale
    size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def frozen(picture: Luma, seconds: float, *, noisy: bool) -> Iterator[Frame]:
    """Yield the picture again and again, with fresh sensor noise in each frame if asked."""
    draw, (height, width) = np.random.default_rng(0), picture.shape
    # One field at a random place for each frame, as in research.results.streams.
    shape = (height + REACH, width + REACH)
    noise = np.rint(NOISE * draw.standard_normal(shape)).astype(np.int16)
    for number in range(round(seconds * FPS)):
        luma = picture
        if noisy:
            top, left = draw.integers(REACH, size=2)
            shifted = noise[top : top + height, left : left + width]
            luma = np.clip(picture + shifted, 0, 255).astype(np.uint8)
        yield Frame(luma, number, number / FPS, number / FPS)


def pair(first: int, second: int, seconds: float) -> Iterator[Frame]:
    """Yield two heads of the same size side by side, with sensor noise."""
    scene = as_picture(backgrounds()[0])
    for index, x in ((first, 200.0), (second, 440.0)):
        scene = paste(scene, make_sprite(heads()[index], FACE_PX), x, 240.0)
    return stream(lambda _: scene, fps=FPS, seconds=seconds, seed=first)


def moving_x(time: float) -> float:
    """Return where the face's centre is: to the right for 4 s, then back, and so on."""
    turn = time % 8.0
    return 120.0 + SPEED * (turn if turn < 4.0 else 8.0 - turn)


def moving(index: int, fps: float, seconds: float = 16.0) -> Iterator[Frame]:
    """Yield a head that moves from side to side."""
    room, sprite = as_picture(backgrounds()[0]), make_sprite(heads()[index], FACE_PX)
    return stream(
        lambda time: paste(room, sprite, moving_x(time), 240.0),
        fps=fps,
        seconds=seconds,
        seed=index,
    )
