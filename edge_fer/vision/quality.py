"""How well a face can be read: a figure for each thing that makes it hard, and a verdict.

A face that is too hard keeps its track and gets an outcome; it does not become a wrong emotion.
What the figures can and cannot tell, and how the limits were chosen: docs/background/quality.md.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge_fer.config import settings
from edge_fer.types import Luma, Outcome, Points, Quality
from edge_fer.vision.pixels import resize_square

SIDE = 48
"""Larger chips are judged at this side in px, so that enlarging a small face is not blur."""

EYE, MOUTH = (0.31, 0.19), (0.56, 0.28)
"""Half the width and height of the parts looked at, in terms of the distance of the eyes."""

MOUTH_GAIN = 1.27
"""Edges are stronger around eyes than around mouths by this factor; medians of FER-2013."""

FLOOR = 1.0
"""Grey levels a pixel: a slope below it is the rounding of a flat picture."""


def assess(landmarks: Points, chip: Luma, framing: Sequence[tuple[float, float]]) -> Quality:
    """Figures of a face with ``landmarks`` (68, 2) px of the frame and its upright ``chip``.

    ``framing`` is where the chip (S, S) has its eyes, nose tip and mouth corners, as fractions.
    """
    points = landmarks.astype(np.float64)
    left, right = points[36:42].sum(0) / 6, points[42:48].sum(0) / 6
    across, down = (right - left).tolist()
    ipd = math.hypot(across, down)
    along = points @ np.array([across, down]) / max(ipd, 1e-6)
    picture = resize_square(chip, min(SIDE, chip.shape[0])).astype(np.float32)
    across_slopes = picture[1:-1, 2:] - picture[1:-1, :-2]
    down_slopes = picture[2:, 1:-1] - picture[:-2, 1:-1]
    return Quality(
        ipd_px=ipd,
        roll_deg=math.degrees(math.atan2(down, across)),
        turn=_turn(along),
        sharpness=_sharpness(picture, across_slopes, down_slopes),
        cover=_cover(np.abs(down_slopes), picture.shape[0], framing),
    )


def refuse(quality: Quality, options: settings.Quality) -> Outcome | None:
    """Why the face is too hard to read, the plainest reason first; None where it is not."""
    if quality.ipd_px < options.min_ipd_px:
        return Outcome.TINY
    if abs(quality.roll_deg) > options.max_roll_deg:
        return Outcome.TILTED
    if quality.turn > options.max_turn:
        return Outcome.TURNED
    if quality.sharpness < options.min_sharpness:
        return Outcome.BLURRED
    if quality.cover > options.max_cover:
        return Outcome.COVERED
    return None


def _turn(along: NDArray[np.float64]) -> float:
    """How far the nose tip is from the middle of jaw and eyes, from places (68,) on their line."""
    nose = float(along[30])
    jaw = _off_middle(float(along[0:4].sum()) / 4, nose, float(along[13:17].sum()) / 4)
    return abs(jaw + _off_middle(float(along[36]), nose, float(along[45]))) / 2


def _off_middle(left: float, place: float, right: float) -> float:
    """0 in the middle of both, 1 or -1 at one of them or beyond."""
    before, after = place - left, right - place
    return (after - before) / max(abs(before) + abs(after), 1e-6)


def _sharpness(
    picture: NDArray[np.float32], across: NDArray[np.float32], down: NDArray[np.float32]
) -> float:
    """Curvature to slope, both as root mean squares: neither contrast nor brightness counts.

    The Laplacian grows with the square of a detail's fineness, the slope with fineness itself.
    """
    inner = picture[1:-1, 1:-1]
    around = picture[:-2, 1:-1] + picture[2:, 1:-1] + picture[1:-1, :-2] + picture[1:-1, 2:]
    edge = max(1, picture.shape[0] // 12)  # what lies there is background as often as face
    curves, *slopes = (
        np.ascontiguousarray(one[edge:-edge, edge:-edge])
        for one in (4 * inner - around, across, down)
    )
    slope = sum(float(np.vdot(one, one)) for one in slopes)
    return math.sqrt(float(np.vdot(curves, curves)) / (slope + FLOOR * curves.size))


def _cover(slopes: NDArray[np.float32], side: int, framing: Sequence[tuple[float, float]]) -> float:
    """How much weaker the edges are at the weakest of eyes and mouth than at the strongest.

    Lids, brows and lips run across an upright face, so that downward ``slopes`` show them best,
    and light from one side least.
    """
    left, right, _, one, other = framing
    ipd = math.hypot(right[0] - left[0], right[1] - left[1]) * side
    mouth = ((one[0] + other[0]) / 2, (one[1] + other[1]) / 2)
    strengths = [
        gain * _mean(slopes, (x * side, y * side), (wide * ipd, high * ipd))
        for (x, y), (wide, high), gain in (
            (left, EYE, 1.0),
            (right, EYE, 1.0),
            (mouth, MOUTH, MOUTH_GAIN),
        )
    ]
    return 1 - min(strengths) / max(*strengths, FLOOR)


def _mean(
    slopes: NDArray[np.float32], centre: tuple[float, float], reach: tuple[float, float]
) -> float:
    """Of the slopes within ``reach`` px of ``centre``; they begin one px inside the chip."""
    (left, right), (top, bottom) = (
        (max(0, round(middle - half) - 1), max(1, round(middle + half) - 1))
        for middle, half in zip(centre, reach, strict=True)
    )
    part = slopes[top:bottom, left:right]
    return float(part.sum()) / max(part.size, 1)
