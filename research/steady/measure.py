"""The measures of both sides: version 0.1 and the present code."""

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import msgspec
import numpy as np

from edge_fer.config.settings import Smoothing
from edge_fer.types import Box
from research.results.changes import clear_pictures, fade
from research.results.media import CARPHONE, TALKING, TURNING, clip
from research.results.sides import ours
from research.steady.record import Face, Step, record, replay
from research.steady.streams import (
    FPS,
    FROZEN,
    SMALL,
    SPEED,
    frozen,
    frozen_picture,
    moving,
    moving_x,
    pair,
    spans,
)

WARM_S = 1.0
"""Start of a stream that the box's deviation leaves out: the track is new."""

PAIRS = ((0, 1), (1, 2), (2, 3))
"""Heads that stand side by side."""

Pick = Callable[[Face], Box]


@dataclasses.dataclass(frozen=True, slots=True)
class Side:
    """One version: its smoothing, and the box that it publishes."""

    name: str
    smoothing: Smoothing
    box: Pick


OLD = msgspec.structs.replace(Smoothing(), lead=0.0, hold_s=0.2)
"""Version 0.1: the strongest label wins without a margin."""

SIDES = (
    Side("version 0.1", OLD, lambda face: face.raw),
    Side("now", Smoothing(), lambda face: face.shown),
)


@dataclasses.dataclass(frozen=True, slots=True)
class Streams:
    """The recordings of all streams, by title."""

    frozen: Mapping[str, Sequence[Step]]
    clips: Mapping[str, Sequence[Step]]
    pairs: Mapping[str, Sequence[Step]]
    moving: Mapping[str, Sequence[Step]]
    fades: Mapping[tuple[str, str], tuple[float, Sequence[Step]]]
    """First and second expression to the time of the change and the recording."""


def frozen_recordings(seconds: float) -> Iterator[tuple[str, Callable[[], list[Step]]]]:
    """Yield title and maker of the recording of every frozen frame, with and without noise."""
    for (name, number), noisy in itertools.product(FROZEN, (False, True)):
        title = f"{name} {number}, {'noise' if noisy else 'no noise'}"
        yield title, partial(_record_frozen, name, number, seconds, noisy=noisy)


def _record_frozen(name: str, number: int, seconds: float, *, noisy: bool) -> list[Step]:
    picture = frozen_picture(name, number)
    return record(frozen(picture, seconds, noisy=noisy), *SMALL.get(name, ()))


def record_clips() -> dict[str, list[Step]]:
    """Record the clips with people who talk or turn."""
    return {
        name: record(clip(name), *SMALL.get(name, ())) for name in (*TALKING, CARPHONE, *TURNING)
    }


def deviation(steps: Sequence[Step], pick: Pick) -> float:
    """Return the worst standard deviation of width and centre of a track, in % of its width."""
    tracks: dict[str, list[Box]] = {}
    for step in steps:
        if step.time >= WARM_S:
            for name, face in step.faces.items():
                tracks.setdefault(name, []).append(pick(face))
    worst = [0.0]
    for boxes in tracks.values():
        sides = np.array([(b.left + b.width / 2, b.top + b.height / 2, b.width) for b in boxes])
        worst.append(100 * float(sides.std(0).max() / sides[:, 2].mean()))
    return max(worst)


def largest_changes(steps: Sequence[Step], side: Side) -> int:
    """Return how often another face becomes the largest: by its box, or as the state says."""
    names = []
    for step in steps:
        if side.smoothing.lead:
            name = step.main
        else:
            name = max(step.faces, key=lambda one: step.faces[one].raw.height, default=None)
        names += [name] if name else []
    return sum(a != b for a, b in itertools.pairwise(names))


def lag_s(steps: Sequence[Step], pick: Pick) -> float:
    """Return by how much the box is behind a head that moves, in seconds.

    The mean of both directions: an offset between the box and the head cancels.
    """
    behind: dict[bool, list[float]] = {True: [], False: []}
    for step in steps:
        turned = step.time % 4.0
        if step.time < WARM_S or turned < 0.6 or not step.faces:
            continue
        box = pick(max(step.faces.values(), key=lambda face: face.raw.width))
        behind[step.time % 8.0 < 4.0].append(moving_x(step.time) - (box.left + box.width / 2))
    return float(np.mean(behind[True]) - np.mean(behind[False])) / 2 / SPEED


def span_labels(
    name: str, steps: Sequence[Step], smoothing: Smoothing
) -> list[tuple[str, list[str]]]:
    """Return each marked span's label, and the largest face's emotion in each frame of it."""
    _, emotions = replay(steps, smoothing)
    rows = []
    for first, last, label in spans().get(name, ()):
        said = []
        for step, now in zip(steps[first : last + 1], emotions[first : last + 1], strict=True):
            main = max(now, key=lambda one: step.faces[one].shown.width, default=None)
            said += [now[main]] if main else []
        rows.append((label, said))
    return rows


def face_minutes(steps: Sequence[Step]) -> float:
    """Return the minutes of stream in which faces were tracked, summed over the faces."""
    pairs = itertools.pairwise(steps)
    return sum(len(now.faces) * (now.time - before.time) for before, now in pairs) / 60


def record_fades() -> dict[tuple[str, str], tuple[float, list[Step]]]:
    """Record one clear expression that changes into each other one."""
    pictures = clear_pictures(ours())
    found = {}
    for seed, (first, second) in enumerate(itertools.permutations(pictures, 2)):
        trial = fade(pictures[first][0], pictures[second][0], FPS, seed)
        found[first, second] = (trial.since, record(trial.frames))
    return found


def latencies(streams: Streams, smoothing: Smoothing) -> list[float]:
    """Return the seconds from each change of expression to its event; inf without one."""
    found = []
    for (_, second), (since, steps) in streams.fades.items():
        told, _ = replay(steps, smoothing)
        times = [one.time - since for one in told if one.emotion == second and one.time >= since]
        found.append(min(times, default=math.inf))
    return found


def record_pairs(seconds: float) -> dict[str, list[Step]]:
    """Record two faces of the same size."""
    return {f"heads {a} and {b}": record(pair(a, b, seconds)) for a, b in PAIRS}


def record_moving() -> dict[str, list[Step]]:
    """Record a moving head at two frame rates."""
    return {
        f"head {index}, {fps} fps": record(moving(index, fps))
        for index in (0, 1)
        for fps in (15, 30)
    }
