"""Measure how readable a face is, and reject a face beyond a limit of the section [quality].

A rejected face keeps its track and gets an `Outcome`, but no emotion.
docs/background/quality.md explains the measures and how the limits were chosen.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge_fer.config import settings
from edge_fer.types import Luma, Outcome, Points, Quality
from edge_fer.vision.pixels import resize_square

SIDE = 48
"""Side in px at which larger crops are measured, so that an enlarged small face is not blur."""

EYE, MOUTH = (0.31, 0.19), (0.56, 0.28)
"""Half the width and height of the measured areas, relative to the interpupillary distance."""

MOUTH_GAIN = 1.27
"""Factor by which edges are stronger around eyes than around mouths; medians of FER-2013."""

FLOOR = 1.0
"""Grey levels per pixel; a slope below it comes from rounding in a flat picture."""


def assess(landmarks: Points, chip: Luma, framing: Sequence[tuple[float, float]]) -> Quality:
    """Return the quality of a face with ``landmarks`` (68, 2) px of the frame.

    ``chip`` (S, S) uint8 is its aligned crop. ``framing`` holds the places of eyes, nose tip and
    mouth corners in the crop, as fractions of its side.
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


def reject(quality: Quality, options: settings.Quality) -> Outcome | None:
    """Return why the face is too hard to read, the plainest reason first, or None."""
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
    """Return the offset of the nose tip from the middle, from places (68,) on the eye line."""
    nose = float(along[30])
    jaw = _off_middle(float(along[0:4].sum()) / 4, nose, float(along[13:17].sum()) / 4)
    return abs(jaw + _off_middle(float(along[36]), nose, float(along[45]))) / 2


def _off_middle(left: float, place: float, right: float) -> float:
    """Return 0 in the middle of both, 1 or -1 at one of them or beyond."""
    before, after = place - left, right - place
    return (after - before) / max(abs(before) + abs(after), 1e-6)


def _sharpness(
    picture: NDArray[np.float32], across: NDArray[np.float32], down: NDArray[np.float32]
) -> float:
    """Return curvature relative to slope, both as root mean squares.

    Neither contrast nor brightness affects it. The Laplacian grows with the square of a detail's
    fineness, the slope with the fineness itself.
    """
    inner = picture[1:-1, 1:-1]
    around = picture[:-2, 1:-1] + picture[2:, 1:-1] + picture[1:-1, :-2] + picture[1:-1, 2:]
    edge = max(1, picture.shape[0] // 12)  # often background
    curves, *slopes = (
        np.ascontiguousarray(one[edge:-edge, edge:-edge])
        for one in (4 * inner - around, across, down)
    )
    slope = sum(float(np.vdot(one, one)) for one in slopes)
    return math.sqrt(float(np.vdot(curves, curves)) / (slope + FLOOR * curves.size))


def _cover(slopes: NDArray[np.float32], side: int, framing: Sequence[tuple[float, float]]) -> float:
    """Return how much weaker the edges are at the weakest of eyes and mouth than at the strongest.

    Lids, brows and lips run across an upright face, so downward ``slopes`` show them best, and
    light from one side least.
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
    """Return the mean slope within ``reach`` px of ``centre``; they start 1 px inside the crop."""
    (left, right), (top, bottom) = (
        (max(0, round(middle - half) - 1), max(1, round(middle + half) - 1))
        for middle, half in zip(centre, reach, strict=True)
    )
    part = slopes[top:bottom, left:right]
    return float(part.sum()) / max(part.size, 1)
