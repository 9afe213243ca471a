"""How long events take, and how many come that should not: stream time, read off the reports.

Stream time is that of the frames, so nothing here depends on how fast the machine is.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable

from edge_fer.bench.naive import Processes
from edge_fer.types import Box, Event, Frame, Phase

SAME_FACE = 0.2
"""IoU of an event's box with the face; a moving face leads its box by up to a look."""


@dataclasses.dataclass(frozen=True, slots=True)
class Trial:
    """One thing that happens in a stream."""

    name: str
    frames: Iterable[Frame]
    since: float
    """Stream time in s at which it has happened."""
    where: Callable[[float], Box]
    """The face it happens to, at a stream time."""
    emotion: str = ""
    """What the face changes to; empty where any first event counts."""


@dataclasses.dataclass(frozen=True, slots=True)
class Waited:
    """What a trial gave, in s from ``Trial.since``; None for what never came."""

    name: str
    found: float | None
    """To the first tracked box on the face; below 0 where it was followed before."""
    told: float | None
    """To the event that tells of it."""


def wait(pipeline: Processes, trial: Trial) -> Waited:
    """Play the trial up to its event; ``pipeline`` knows nobody yet."""
    found = None
    for frame in trial.frames:
        report, face = pipeline.process(frame), trial.where(frame.time)
        followed = [one.box for one in report.verdicts if one.track is not None]
        if found is None and any(box.iou(face) >= SAME_FACE for box in followed):
            found = frame.time - trial.since
        # An event of a box elsewhere is no news of this face.
        events = [event for event in report.events if event.box.iou(face) >= SAME_FACE]
        if any(_tells(event, trial, frame.time) for event in events):
            return Waited(trial.name, found, frame.time - trial.since)
    return Waited(trial.name, found, None)


def _tells(event: Event, trial: Trial, time: float) -> bool:
    if trial.emotion:
        changed = (event.phase, event.emotion) == (Phase.CHANGE, trial.emotion)
        return changed and time >= trial.since
    return event.phase == Phase.BEGIN


def count_changes(pipeline: Processes, frames: Iterable[Frame]) -> int:
    """Events beyond the first one: changes, and tracks that end and begin again."""
    events = [event for frame in frames for event in pipeline.process(frame).events]
    return sum(event.phase == Phase.CHANGE for event in events) + max(
        0, sum(event.phase == Phase.BEGIN for event in events) - 1
    )
