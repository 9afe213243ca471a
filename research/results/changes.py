"""Changed expressions: moments of the Carphone clip, and cross-faded pictures of FER-2013."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from edge_fer.errors import DataError
from edge_fer.evaluation.dataset import load
from edge_fer.pipeline import Pipeline
from edge_fer.types import Box
from research.results.latency import Trial
from research.results.media import CARPHONE, Head, backgrounds, clip, find_data
from research.results.streams import Picture, as_picture, box_at, make_sprite, paste, stream

FPS = (15, 30)
FADE_S = 0.2
BEFORE_S, AFTER_S = 2.0, 2.0

CARPHONE_CHANGES = ((88, "neutral"), (101, "surprise"))
"""Frame and new expression, marked by eye where naive's scores of single frames step as well."""

CARPHONE_SAID = (
    "at frame 88 the open mouth closes (surprise 0.78 in frame 87, neutral 0.87 in 89), at frame "
    "101 it opens (neutral 0.95 in 99, surprise 0.74 in 102); all else in the clip wavers. They "
    "last 0.43 s and 0.47 s, so a daemon that waits for what lasts may rightly pass them over"
)

CARPHONE_BOX = Box(60, 35, 53, 53)
"""Where the face is all the time, roughly."""

EXPRESSIONS = ("happy", "surprise", "neutral", "angry", "sad")
EACH = 2
"""Pictures of an expression."""

CLEAR, NOISY = 0.7, 3
"""Score of a picture in the room for the very expression it shows, in as many noisy frames, each
seen for itself."""

FACE_PX, PLACE = 90, (300.0, 220.0)
FER_FACE = Box(5, 9, 37, 37)
"""The HOG box of a face in FER-2013's 48x48 px, on the median."""


def carphone_trials() -> Iterator[Trial]:
    """Each marked moment, in a run of its own from the clip's start."""
    frames = clip(CARPHONE)
    for number, emotion in CARPHONE_CHANGES:
        since = frames[number].time
        yield Trial(f"Carphone {number}", frames, since, lambda _: CARPHONE_BOX, emotion)


def faded_trials(*sides: Pipeline) -> Iterator[Trial]:
    """Each expression faded into each other; ``sides`` say which pictures are clear."""
    pictures = clear_pictures(*sides)
    plan = itertools.product(itertools.permutations(EXPRESSIONS, 2), FPS)
    for seed, ((first, second), fps) in enumerate(plan):
        # Both rates of a pair have the same pictures; pairs take turns in which.
        turn = seed // len(FPS) % EACH
        yield fade(pictures[first][turn], pictures[second][turn], fps, seed)


def fade(first: Head, second: Head, fps: float, seed: int) -> Trial:
    """One expression into another at one place; it has changed at the middle of the fade."""
    # At another phase of the looks each time.
    middle = BEFORE_S + float(np.random.default_rng(seed).uniform(0, 0.2))
    before, after = (_in_room(head) for head in (first, second))

    def scene(time: float) -> Picture:
        share = np.clip((time - middle) / FADE_S + 0.5, 0, 1)
        return np.asarray(before + share * (after - before), np.float32)

    frames = stream(scene, fps=fps, seconds=middle + AFTER_S, seed=seed)
    name, emotion = f"{first.name} to {second.name}, {fps} fps", second.name.split()[0]
    box = box_at(make_sprite(second, FACE_PX), *PLACE)
    return Trial(name, frames, middle, lambda _: box, emotion)


def clear_pictures(*sides: Pipeline) -> dict[str, list[Head]]:
    """`EACH` pictures of each expression that every side finds and is sure of.

    Raises:
        DataError: PublicTest has not as many.
    """
    path = find_data()
    assert path is not None, "checked at the start"
    dataset = load(path, "public")
    order = np.random.default_rng(0).permutation(len(dataset))
    found: dict[str, list[Head]] = {name: [] for name in EXPRESSIONS}
    for number, index in enumerate(order):
        name = dataset.names[dataset.labels[index]]
        if len(found.get(name, ())) == EACH or name not in found:
            continue
        head = Head(f"{name} {dataset.ids[index]}", dataset.images[index], FER_FACE)
        if all(_is_clear(side, head, name, number) for side in sides):
            found[name].append(head)
            if all(len(heads) == EACH for heads in found.values()):
                return found
    raise DataError(f"PublicTest: must have {EACH} pictures each of {', '.join(EXPRESSIONS)}")


def _is_clear(side: Pipeline, head: Head, name: str, seed: int) -> bool:
    """Whether it finds one face in each of some noisy frames, and says that name of it."""
    picture = _in_room(head)
    for frame in stream(lambda _: picture, fps=1, seconds=NOISY, seed=seed):
        verdicts = side.process(frame).verdicts
        side.finish(frame.stamp)
        scores = (verdicts[0].scores or {}) if len(verdicts) == 1 else {}
        if scores.get(name, 0.0) < CLEAR:
            return False
    return True


def _in_room(head: Head) -> Picture:
    return paste(as_picture(backgrounds()[0]), make_sprite(head, FACE_PX), *PLACE)
