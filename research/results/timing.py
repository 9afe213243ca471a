"""The figures that are times of the stream: new faces, changed expressions, still faces."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from edge_fer.types import Frame
from research.results import changes, entrances
from research.results.figures import Figure
from research.results.latency import Trial, Waited, count_changes, wait
from research.results.media import Head, backgrounds, heads
from research.results.sides import naive, ours
from research.results.streams import FLICKER, NOISE, as_picture, make_sprite, paste, stream

STILL_FPS, STILL_S = 15, 60.0
STILL_PX, STILL_X, STILL_Y = 90, 300.0, 220.0
MISSED_S = 10.0
"""What an event that never came counts as: beyond any bound."""


def new_face() -> dict[str, Figure]:
    """A face comes in: seconds of the stream to its first event."""
    waits = _waits(entrances.trials())
    kinds = itertools.product(entrances.WAYS, entrances.FPS)
    rows = by_ending(waits, [f"{way}, {fps} fps" for way, fps in kinds], entering=True)
    low, high = entrances.FACES_PX
    note = (
        f"{_median(waits)}. Heads of {len(heads())} portraits, faces of {low}-{high} px, in a real "
        f"room of 640x480 px with noise; they come by a cut of the picture, walk in from the side "
        f"at {entrances.SPEED:.0f} px/s, or are there from one frame to the next. From the first "
        "frame that shows the whole face."
    )
    return {"new-face": Figure(longest(waits), note, tuple(rows))}


def change() -> dict[str, Figure]:
    """An expression changes: seconds of the stream to the event that says the new one."""
    faded = _waits(changes.faded_trials(ours(), naive()))
    carphone = _waits(changes.carphone_trials(), "vision.min_face_px=40")
    rows = by_ending(faded, [f"{fps} fps" for fps in changes.FPS])
    rows += [row(one.name, [one]) for one in carphone]
    note = (
        f"{_median(faded)}. Pictures of FER-2013's PublicTest that ours and naive find "
        f"and are sure of ({changes.CLEAR}) in single frames, each expression cross-faded into "
        f"each other over {changes.FADE_S} s; from the middle of the fade. "
        f"Carphone, in the table but not in the figure: {changes.CARPHONE_SAID}."
    )
    return {"change": Figure(longest(faded), note, tuple(rows))}


def still_face() -> dict[str, Figure]:
    """A photograph before a noisy camera: it has one expression."""
    counts = [count_changes(ours(), _still(head, seed)) for seed, head in enumerate(heads())]
    rows = [
        {"portrait": head.name, "changes a minute": count}
        for head, count in zip(heads(), counts, strict=True)
    ]
    note = (
        f"{len(rows)} portraits, face of {STILL_PX} px, {STILL_S:.0f} s each at {STILL_FPS} fps; "
        f"noise of {NOISE:g} grey levels a pixel, brightness flickering by {100 * FLICKER:g} % "
        "(standard deviations)."
    )
    return {"still-face": Figure(max(counts), note, tuple(rows))}


def _still(head: Head, seed: int) -> Iterator[Frame]:
    room = as_picture(backgrounds()[0])
    picture = paste(room, make_sprite(head, STILL_PX), STILL_X, STILL_Y)
    return stream(lambda _: picture, fps=STILL_FPS, seconds=STILL_S, seed=seed, flicker=FLICKER)


def _waits(trials: Iterable[Trial], *options: str) -> list[Waited]:
    pipeline, waits = ours(*options), []
    for trial in trials:
        waits.append(wait(pipeline, trial))
        pipeline.finish(trial.since)
    return waits


def longest(waits: Sequence[Waited]) -> float:
    """Seconds to the latest event."""
    return max(MISSED_S if one.told is None else round(one.told, 3) for one in waits)


def by_ending(
    waits: Sequence[Waited], endings: Iterable[str], *, entering: bool = False
) -> list[dict[str, Any]]:
    """A row for the trials of each ending of their names."""
    groups = {end: [one for one in waits if one.name.endswith(end)] for end in endings}
    return [row(end, group, entering=entering) for end, group in groups.items()]


def row(name: str, waits: Sequence[Waited], *, entering: bool = False) -> dict[str, Any]:
    """Of the page's table; of who is ``entering``, also when the face was found."""
    found = [one.found for one in waits if one.found is not None]
    told = [one.told for one in waits if one.told is not None]
    columns: dict[str, Any] = {"": name, "trials": len(waits)}
    if entering:
        columns["face found: median, s"] = round(statistics.median(found), 3) if found else "-"
        columns["longest, s"] = round(max(found), 3) if found else "-"
    return {
        **columns,
        "event: median, s": round(statistics.median(told), 3) if told else "-",
        "longest, s ": round(max(told), 3) if told else "-",
        "no event": len(waits) - len(told),
    }


def _median(waits: Sequence[Waited]) -> str:
    return f"Median {row('', waits)['event: median, s']} s of {len(waits)}"
