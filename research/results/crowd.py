"""Scenes to measure the cost of: eight faces at once, one face, nobody."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from edge_fer.types import Frame
from research.results.media import backgrounds, heads
from research.results.streams import HEIGHT, WIDTH, Picture, as_picture, make_sprite, paste, stream

FPS, SECONDS = 30, 8.0
LONG_S = 30.0
"""For scenes where little happens: what is done once in a while is in it as often as it comes."""
ROWS, COLUMNS = 2, 4
FACE_PX = 80
SWAY_PX, SWAY_HZ = 4.0, 0.4
"""Of each head, each in a phase of its own."""


def eight() -> Iterator[Frame]:
    """Eight heads in two rows, each swaying."""
    return _heads(ROWS * COLUMNS, SECONDS)


def one() -> Iterator[Frame]:
    """One of them."""
    return _heads(1, LONG_S)


def empty() -> Iterator[Frame]:
    """The same room without anybody."""
    return _heads(0, LONG_S)


def _heads(count: int, seconds: float) -> Iterator[Frame]:
    room = as_picture(backgrounds()[0])
    people = itertools.islice(itertools.cycle(heads()), count)
    sprites = [make_sprite(head, FACE_PX) for head in people]

    def scene(time: float) -> Picture:
        picture = room
        for number, sprite in enumerate(sprites):
            row, column = divmod(number, COLUMNS)
            turn = 2 * np.pi * (SWAY_HZ * time + number / len(sprites))
            x = (column + 0.5) * WIDTH / COLUMNS + SWAY_PX * float(np.sin(turn))
            y = (row + 0.5) * HEIGHT / ROWS + SWAY_PX / 2 * float(np.cos(turn))
            picture = paste(picture, sprite, x, y)
        return picture

    return stream(scene, fps=FPS, seconds=seconds, seed=count)
