"""The page docs/background/steady.md: the measures of both sides as tables."""

from collections.abc import Callable, Sequence

import msgspec

from edge_fer.config.settings import Smoothing
from research.steady.measure import (
    OLD,
    SIDES,
    Side,
    Streams,
    deviation,
    face_minutes,
    lag_s,
    largest_changes,
    latencies,
    span_labels,
)
from research.steady.record import changes, replay
from research.steady.streams import FPS

LEADS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25)

HEAD = """# Steady output

A label, a box and the main face should change only when the person in front of the camera does.
This page compares the present code with version 0.1, which took the strongest label without a
margin and published the detector's box.

```sh
EDGE_FER_MEDIA=... EDGE_FER_DATA=... python -m research.steady
```

<!-- not run here: needs the clips and an hour -->

Both sides are computed from one run: they share the scores of every frame and differ in smoothing
and box; the start of the mean is the present one in both.
Stream time is that of the frames, {fps} frames a second unless a row says otherwise.

{summary}

![A frozen face: label, score and box width](../images/steady-frozen.svg)

![A talking face: label, score and box width](../images/steady-talking.svg)

In the plots, the upper half of each pair is version 0.1 and the lower half the present code.

## Frozen frames

Each frame is repeated for {seconds:g} s, once unchanged and once with fresh sensor noise (standard
deviation of 2 grey levels). The deviation is the largest of those of the box's centre and width, of
the face with the largest one, in % of its width, after the first second.

{frozen}

## Clear expressions in the clips

The spans are marked by hand in `research/steady/expressions.json`. A span is found if its label is
published in it; the share is that of its frames with the label.

{spans}

## The margin

`smoothing.lead` is the score by which a new emotion must exceed the current one, `smoothing.hold_s`
the time that it must last. The margin allows a shorter time: without more changes, an event comes
earlier than in version 0.1. The last column is
the time from the middle of a cross-fade of two clear expressions (0.2 s long) to the event.

{margin}
"""


def render(streams: Streams, seconds: float) -> str:
    """Return the page."""
    return HEAD.format(
        fps=FPS,
        seconds=seconds,
        summary=_summary(streams),
        frozen=_frozen(streams),
        spans=_spans(streams),
        margin=_margin(streams),
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _summary(streams: Streams) -> str:
    frozen, moving = streams.frozen.values(), streams.moving.values()
    measures: list[tuple[str, Callable[[Side], str]]] = [
        (
            f"`change` events on {len(streams.frozen)} frozen streams",
            lambda side: f"{sum(changes(replay(steps, side.smoothing)[0]) for steps in frozen)}",
        ),
        (
            "standard deviation of box width and centre there, worst stream, % of the face",
            lambda side: f"{max(deviation(steps, side.box) for steps in frozen):.2f}",
        ),
        (
            "the same, mean of the streams",
            lambda side: f"{sum(deviation(s, side.box) for s in frozen) / len(frozen):.2f}",
        ),
        (
            f"another largest face, {len(streams.pairs)} pairs of one size",
            lambda side: f"{sum(largest_changes(steps, side) for steps in streams.pairs.values())}",
        ),
        (
            "changes per face-minute in the clips",
            lambda side: f"{_rate(streams, side.smoothing):.1f}",
        ),
        ("marked spans found in the clips", lambda side: _found(streams, side.smoothing)),
        (
            "lag of the box behind a head that moves at 100 px/s, worst",
            lambda side: f"{max(lag_s(steps, side.box) for steps in moving):.3f} s",
        ),
        (
            "change of expression to its event, longest",
            lambda side: f"{max(latencies(streams, side.smoothing)):.2f} s",
        ),
    ]
    rows = [[name, *(measure(side) for side in SIDES)] for name, measure in measures]
    return _table(["measure", *(side.name for side in SIDES)], rows)


def _rate(streams: Streams, smoothing: Smoothing) -> float:
    clips = streams.clips.values()
    minutes = sum(map(face_minutes, clips))
    return sum(changes(replay(steps, smoothing)[0]) for steps in clips) / minutes


def _shares(streams: Streams, smoothing: Smoothing) -> list[float]:
    """Return, for each marked span, the share of its frames with its label."""
    return [
        sum(one == label for one in said) / max(1, len(said))
        for name, steps in streams.clips.items()
        for label, said in span_labels(name, steps, smoothing)
    ]


def _found(streams: Streams, smoothing: Smoothing) -> str:
    shares = _shares(streams, smoothing)
    return f"{sum(share > 0 for share in shares)} of {len(shares)}"


def _frozen(streams: Streams) -> str:
    rows = []
    for title, steps in streams.frozen.items():
        counts = [str(changes(replay(steps, side.smoothing)[0])) for side in SIDES]
        wide = [f"{deviation(steps, side.box):.2f}" for side in SIDES]
        rows.append([title, *(f"{a}, {b} %" for a, b in zip(counts, wide, strict=True))])
    return _table(["frame", *(f"{side.name}: changes, deviation" for side in SIDES)], rows)


def _spans(streams: Streams) -> str:
    names = [
        (name, label)
        for name, steps in streams.clips.items()
        for label, _ in span_labels(name, steps, OLD)
    ]
    shares = [_shares(streams, side.smoothing) for side in SIDES]
    rows = [
        [name, label, *(f"{side[k]:.0%}" for side in shares)]
        for k, (name, label) in enumerate(names)
    ]
    return _table(["clip", "label", *(side.name for side in SIDES)], rows)


def _margin(streams: Streams) -> str:
    rows = []
    for smoothing in (OLD, *(msgspec.structs.replace(Smoothing(), lead=lead) for lead in LEADS)):
        longest = latencies(streams, smoothing)
        mark = {Smoothing(): " (default)", OLD: " (version 0.1)"}.get(smoothing, "")
        frozen = streams.frozen.values()
        rows.append(
            [
                f"{smoothing.lead:g}{mark}",
                f"{smoothing.hold_s:g} s",
                str(sum(changes(replay(steps, smoothing)[0]) for steps in frozen)),
                f"{_rate(streams, smoothing):.1f}",
                _found(streams, smoothing),
                f"{sum(longest) / len(longest):.2f} s, {max(longest):.2f} s",
            ]
        )
    head = ["lead", "hold", "changes, frozen", "per face-minute, clips", "spans", "mean, longest"]
    return _table(head, rows)
