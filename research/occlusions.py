"""Pictures of faces made harder to read on purpose: out of focus, tilted, smaller, half hidden.

Each takes a close crop (H, H) uint8, the face's landmarks (68, 2) in its px and a random
generator, and gives a crop. What hides a face is drawn at those landmarks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge_fer.types import Luma, Points
from edge_fer.vision.landmarks import five_points
from edge_fer.vision.pixels import resize_square
from training.evaluation.corruptions import move

Floats = NDArray[np.float64]

Harder = Callable[[Luma, Points, np.random.RandomState], Luma]

JAW: Final = (1, 3, 5, 7, 8, 9, 11, 13, 15)
"""Landmarks around what a medical mask hides, from ear to ear."""

SKIN: Final = (2, 3, 4, 12, 13, 14, 29, 30)
"""Landmarks whose median luma is that of the face's skin."""


def blurred(picture: Luma, _: Points, __: np.random.RandomState, *, sigma: float) -> Luma:
    """Gaussian blur of ``sigma`` px, the border repeated."""
    reach = int(4 * sigma) + 1
    bell = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    side = picture.shape[0]
    rows = np.pad(picture, reach, mode="edge").astype(np.float64)
    for _axis in range(2):
        rows = sum(w * rows[k : k + side] for k, w in enumerate(bell / bell.sum())).T
    return np.asarray(np.rint(rows), np.uint8)


def smaller(picture: Luma, _: Points, __: np.random.RandomState, *, side: int) -> Luma:
    """The crop at ``side`` px."""
    return resize_square(picture, side)


def tilted(picture: Luma, _: Points, random: np.random.RandomState, *, degrees: float) -> Luma:
    """Turned in the picture, to a random side."""
    return np.asarray(move(picture[None], roll=degrees * random.choice([-1, 1]))[0], np.uint8)


def side_hidden(
    picture: Luma, points: Points, random: np.random.RandomState, *, luma: float | None
) -> Luma:
    """One half of the face, left or right of the line from nose bridge to chin.

    Without a ``luma``, something as rich in edges as a face: the crop upside down.
    """
    ends = points[[27, 8]] if random.rand() < 0.5 else points[[8, 27]]
    return _paint(
        picture, -_beyond(_places(picture), *ends), picture[::-1] if luma is None else luma
    )


def top_hidden(picture: Luma, points: Points, _: np.random.RandomState, *, luma: float) -> Luma:
    """All above the nose tip."""
    left, right = five_points(points)[:2]
    nose = points[29].astype(np.float64)
    return _paint(picture, -_beyond(_places(picture), nose, nose + right - left), luma)


def masked(
    picture: Luma, points: Points, random: np.random.RandomState, *, luma: float | None
) -> Luma:
    """Nose tip to chin, as a medical mask; without a ``luma``, in that of the skin."""
    corners = [*points[list(JAW)][::-1], points[28]]
    where = np.min(
        [
            _beyond(_places(picture), one, other)
            for one, other in zip(corners, [*corners[1:], corners[0]], strict=True)
        ],
        axis=0,
    )
    return _paint(picture, where, _skin(picture, points, random) if luma is None else luma)


def hand(
    picture: Luma, points: Points, random: np.random.RandomState, *, at: Sequence[int]
) -> Luma:
    """Four fingers in the luma of the skin, dark between them, across landmarks ``at``."""
    left, right = five_points(points)[:2]
    ipd = float(np.hypot(*(right - left)))
    angle = random.uniform(-0.6, 0.6)
    along, across = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    centre, skin = points[list(at)].mean(0), _skin(picture, points, random)
    places, result = _places(picture), picture
    for finger in (-1.5, -0.5, 0.5, 1.5):
        offset = places - (centre + 0.38 * finger * ipd * across)
        beyond_tip = np.maximum(np.abs(offset @ along) - 0.75 * ipd, 0)
        distance = np.hypot(beyond_tip, offset @ across)
        result = _paint(result, 0.24 * ipd - distance, skin - 30.0)
        result = _paint(result, 0.19 * ipd - distance, skin)
    return result


def sunglasses(picture: Luma, points: Points, _: np.random.RandomState) -> Luma:
    """A dark lens over each eye."""
    left, right = five_points(points)[:2]
    reach = np.hypot(*(right - left)) * np.array([0.3, 0.2])
    for eye in (left, right):
        inside = 1 - np.hypot(*np.moveaxis((_places(picture) - eye) / reach, -1, 0))
        picture = _paint(picture, inside * reach.min(), 20.0)
    return picture


KINDS: Final[Mapping[str, Harder]] = {
    **{f"blur, sigma {s:g} px": partial(blurred, sigma=s) for s in (1.0, 1.5, 2.0, 3.0)},
    **{f"{s} px crop": partial(smaller, side=s) for s in (24, 16, 12)},
    **{f"tilt {d} degrees": partial(tilted, degrees=d) for d in (15, 30, 45, 60)},
    "side hidden, dark": partial(side_hidden, luma=20.0),
    "side hidden, grey": partial(side_hidden, luma=128.0),
    "side hidden, light": partial(side_hidden, luma=230.0),
    "side hidden, textured": partial(side_hidden, luma=None),
    "top hidden, grey": partial(top_hidden, luma=128.0),
    "mask, light": partial(masked, luma=230.0),
    "mask, skin": partial(masked, luma=None),
    "hand on mouth": partial(hand, at=range(48, 68)),
    "hand on an eye": partial(hand, at=range(36, 42)),
    "sunglasses": sunglasses,
}


def _places(picture: Luma) -> Floats:
    """Places x and y of each pixel (H, W, 2)."""
    return np.moveaxis(np.mgrid[: picture.shape[0], : picture.shape[1]][::-1], 0, -1).astype(float)


def _beyond(places: Floats, start: NDArray[np.floating], end: NDArray[np.floating]) -> Floats:
    """Px to the right of the way from start to end, as one walks it in the picture (y down)."""
    way = (end - start) / max(float(np.hypot(*(end - start))), 1e-6)
    offset = places - start
    return np.asarray(way[0] * offset[..., 1] - way[1] * offset[..., 0], np.float64)


def _paint(picture: Luma, inside: Floats, luma: NDArray[Any] | float) -> Luma:
    """``luma`` where ``inside`` (px from the edge) is positive, the edge smoothed."""
    share = np.clip(inside + 0.5, 0, 1)
    return np.asarray(np.clip(picture * (1 - share) + luma * share, 0, 255), np.uint8)


def _skin(picture: Luma, points: Points, random: np.random.RandomState) -> Floats:
    """The skin's median luma with soft shades, (H, W)."""
    side = picture.shape[0]
    x, y = np.clip(points[list(SKIN)], 0, side - 1).astype(int).T
    coarse = np.clip(random.normal(128, 40, (6, 6)), 0, 255).astype(np.uint8)
    shade = (resize_square(coarse, side).astype(np.float64) - 128) / 5
    return np.asarray(0.95 * np.median(picture[y, x]) + shade, np.float64)
