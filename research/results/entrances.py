"""New faces: by a cut, by walking in from the side, or there from one frame to the next."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import lru_cache, partial

import numpy as np

from research.results.latency import Trial
from research.results.media import Head, backgrounds, heads
from research.results.streams import (
    HEIGHT,
    WIDTH,
    Picture,
    as_picture,
    box_at,
    make_sprite,
    paste,
    stream,
)

FPS = (15, 30)
WAYS = ("cut", "walk", "appear")
REPEATS = 2
"""Of each head, way and rate, at other places, sizes and moments."""

LEAD_S, WATCH_S = (1.0, 2.0), 3.0
"""Seconds before the face, drawn from; seconds from then to the end of the stream."""

FACES_PX = (70, 120)
SPEED = 200.0
"""px/s of a head that comes in: a face width in half a second."""

EPSILON = 1e-6
"""s; a frame of just the moment counts as after it."""


def trials() -> Iterator[Trial]:
    """All of them; seeds count up."""
    plan = itertools.product(heads(), WAYS, FPS, range(REPEATS))
    for seed, (head, way, fps, _) in enumerate(plan):
        yield entrance(head, way, fps, seed)


def entrance(head: Head, way: str, fps: int, seed: int) -> Trial:
    """A head that comes in some way, at a place, size and moment that the seed draws."""
    draw = np.random.default_rng(seed)
    sprite = make_sprite(head, draw.uniform(*FACES_PX))
    start = draw.uniform(*LEAD_S)
    half_w, half_h = sprite.luma.shape[1] / 2, sprite.luma.shape[0] / 2
    x = draw.uniform(half_w, WIDTH - half_w)
    y = draw.uniform(half_h, HEIGHT - half_h)
    since = start
    path = partial(_still, x)
    if way == "walk":
        path = partial(_walk, x, -2 * half_w, start)
        since += (sprite.face.width / 2 + 2 * half_w) / SPEED
    since = float(np.ceil(since * fps - EPSILON) / fps)
    wide, close = map(as_picture, backgrounds())
    empty = close if way == "cut" else wide

    @lru_cache(1)
    def entered(at: float) -> Picture:
        return paste(wide, sprite, at, y)

    def scene(time: float) -> Picture:
        return empty if time < start - EPSILON else entered(path(time))

    frames = stream(scene, fps=fps, seconds=since + WATCH_S, seed=seed)
    name = f"{head.name}, {way}, {fps} fps"
    return Trial(name, frames, since, lambda time: box_at(sprite, path(time), y))


def _still(x: float, _: float) -> float:
    return x


def _walk(x: float, hidden: float, start: float, time: float) -> float:
    """From beyond the left edge to x, and then no further."""
    return min(x, hidden + SPEED * max(0.0, time - start))
