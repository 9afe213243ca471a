"""Pictures without a face, made from numbers: flats, gradients, noise, stripes, shapes, text."""

from collections.abc import Callable
from typing import Final

import cv2
import numpy as np

from edge_fer.types import Luma
from training.detector.geometry import Array, floats

Draw = np.random.Generator
Size = tuple[int, int]


def drawing(size: Size, draw: Draw) -> Luma:
    """Return a picture (H, W) of one kind, or of two blended."""
    picture = _kind(size, draw)
    if draw.random() < 0.5:
        picture = floats(picture + (_kind(size, draw) - 128.0) * draw.uniform(0.2, 0.8))
    return np.clip(picture, 0, 255).astype(np.uint8)


def _kind(size: Size, draw: Draw) -> Array:
    return KINDS[int(draw.integers(len(KINDS)))](size, draw)


def flat(size: Size, draw: Draw) -> Array:
    """One level, or a gradient."""
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float32)
    slope = draw.uniform(-100, 100, 2) * (draw.random() < 0.7) / max(size)
    return floats(draw.uniform(0, 255) + slope[0] * y + slope[1] * x)


def noise(size: Size, draw: Draw) -> Array:
    """Noise of several octaves: cloth, clouds, foliage."""
    total = np.zeros(size, np.float32)
    fall = draw.uniform(0.4, 1.1)
    for octave in range(int(draw.integers(1, 7))):
        cells = [max(1, side >> octave) for side in size]
        layer = draw.standard_normal(cells).astype(np.float32)
        large = floats(cv2.resize(layer, size[::-1], interpolation=cv2.INTER_CUBIC))
        total += large / fall**octave
    total *= draw.uniform(10, 70) / max(float(total.std()), 1e-3)
    return floats(total + draw.uniform(60, 200))


def stripes(size: Size, draw: Draw) -> Array:
    """Stripes or checks with straight or wavy edges: blinds, bricks, tiles, shirts."""
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float32)
    angle, period = draw.uniform(0, np.pi), draw.uniform(4, 60)
    along = x * np.cos(angle) + y * np.sin(angle)
    across = y * np.cos(angle) - x * np.sin(angle)
    wave = np.sin(2 * np.pi * (along + draw.uniform(0, 10) * np.sin(across / period)) / period)
    if draw.random() < 0.5:
        wave *= np.sin(2 * np.pi * across / (period * draw.uniform(0.5, 3)))
    return floats(128 + draw.uniform(20, 120) * np.tanh(wave * draw.uniform(0.5, 20)))


def shapes(size: Size, draw: Draw) -> Array:
    """Rectangles, ellipses, lines and polygons of all sizes."""
    picture = np.full(size, draw.integers(256), np.uint8)
    limit = np.array(size[::-1])
    for _ in range(int(draw.integers(3, 40))):
        centre = draw.integers(0, limit)
        reach = 2 + draw.integers(0, 2 + limit // draw.integers(2, 12))
        level, thick = int(draw.integers(256)), int(draw.choice([-1, 1, 2, 4]))
        match int(draw.integers(4)):
            case 0:
                cv2.rectangle(
                    picture, (centre - reach).tolist(), (centre + reach).tolist(), level, thick
                )
            case 1:
                cv2.ellipse(
                    picture,
                    centre.tolist(),
                    reach.tolist(),
                    float(draw.uniform(0, 180)),
                    0,
                    360,
                    level,
                    thick,
                    cv2.LINE_AA,
                )
            case 2:
                cv2.line(
                    picture,
                    centre.tolist(),
                    draw.integers(0, limit).tolist(),
                    level,
                    abs(thick),
                    cv2.LINE_AA,
                )
            case _:
                corners = centre + draw.integers(-reach, reach + 1, (int(draw.integers(3, 7)), 2))
                cv2.fillPoly(picture, [corners.astype(np.int32)], level, cv2.LINE_AA)
    return picture.astype(np.float32)


def text(size: Size, draw: Draw) -> Array:
    """Lines of letters: posters, books, screens."""
    light = draw.random() < 0.5
    picture = np.full(size, draw.integers(150, 256) if light else draw.integers(0, 100), np.uint8)
    y, level = 0, int(draw.integers(0, 90) if light else draw.integers(160, 256))
    while y < size[0]:
        scale = float(draw.uniform(0.3, 1.6))
        y += round(32 * scale)
        letters = "".join(chr(draw.integers(33, 123)) for _ in range(int(draw.integers(3, 40))))
        start = (int(draw.integers(-20, size[1] // 2)), y)
        cv2.putText(
            picture,
            letters,
            start,
            int(draw.integers(0, 8)),
            scale,
            level,
            int(draw.integers(1, 4)),
            cv2.LINE_AA,
        )
    return picture.astype(np.float32)


def windows(size: Size, draw: Draw) -> Array:
    """Draw a grid of framed panes, each of its own level: facades, shelves, keyboards."""
    rows, columns = draw.integers(2, 10, 2)
    panes = draw.integers(0, 256, (rows, columns)).astype(np.float32)
    picture = cv2.resize(panes, size[::-1], interpolation=cv2.INTER_NEAREST)
    y, x = (
        np.linspace(0, count, side) % 1 for count, side in zip((rows, columns), size, strict=True)
    )
    margin = draw.uniform(0.05, 0.25)
    inside = ((y > margin) & (y < 1 - margin))[:, None] & ((x > margin) & (x < 1 - margin))[None]
    return np.where(inside, picture, floats(draw.uniform(0, 255))).astype(np.float32)


KINDS: Final[tuple[Callable[[Size, Draw], Array], ...]] = (
    flat,
    noise,
    stripes,
    shapes,
    text,
    windows,
)
