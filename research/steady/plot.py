"""Draw label, score and box width over time, for version 0.1 and the present code."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edge_fer.demo.plot import COLOURS
from research.steady.measure import OLD, SIDES, Side, Streams, deviation
from research.steady.record import Step, changes, replay

SHOWN_S = 20.0


def draw(streams: Streams, folder: Path) -> None:
    """Write steady-frozen.svg and steady-talking.svg."""
    frozen = max(
        streams.frozen.values(),
        key=lambda steps: (changes(replay(steps, OLD)[0]), deviation(steps, SIDES[0].box)),
    )
    talking = max(streams.clips.values(), key=lambda steps: changes(replay(steps, OLD)[0]))
    for name, steps in (("frozen", frozen), ("talking", talking)):
        _draw(steps, folder / f"steady-{name}.svg")


def _draw(steps: Sequence[Step], path: Path) -> None:
    import matplotlib.pyplot as plt

    start = steps[0].time
    steps = [step for step in steps if step.time - start <= SHOWN_S]
    figure, axes = plt.subplots(2, 2, figsize=(10, 5), sharex=True, layout="constrained")
    for row, side in zip(axes, SIDES, strict=True):
        _labels(row[0], steps, side)
        _width(row[1], steps, side)
    for axis in axes[-1]:
        axis.set_xlabel("s")
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _track(steps: Sequence[Step]) -> str:
    """Return the track that is there for most frames."""
    names = [name for step in steps for name in step.faces]
    return max(set(names), key=names.count)


def _labels(axis: Any, steps: Sequence[Step], side: Side) -> None:
    name, (_, emotions) = _track(steps), replay(steps, side.smoothing)
    times = [step.time for step in steps]
    end = [*times[1:], times[-1] + 0.05]
    seen = [(step.time, step.faces[name].scores) for step in steps if name in step.faces]
    rows = [(time, scores) for time, scores in seen if scores]
    labels = sorted(rows[0][1], key=lambda one: max(scores[one] for _, scores in rows))[-2:]
    for label in labels:
        axis.plot(
            [time for time, _ in rows],
            [scores[label] for _, scores in rows],
            color=COLOURS.get(label, "black"),
            linewidth=0.8,
            label=label,
        )
    for begin, stop, now in zip(times, end, emotions, strict=True):
        if name in now:
            axis.axvspan(begin, stop, 0.0, 0.08, color=COLOURS.get(now[name], "black"), linewidth=0)
    axis.set_ylim(-0.1, 1)
    axis.set_title(f"{side.name}: published label (band), score of each frame", fontsize=9)
    axis.legend(fontsize=7, loc="upper right")


def _width(axis: Any, steps: Sequence[Step], side: Side) -> None:
    name = _track(steps)
    rows = [(step.time, side.box(step.faces[name]).width) for step in steps if name in step.faces]
    axis.step([time for time, _ in rows], [width for _, width in rows], where="post", linewidth=0.8)
    raw = [step.faces[name].raw.width for step in steps if name in step.faces]
    axis.set_ylim(min(raw) - 5, max(raw) + 5)
    axis.set_title(f"{side.name}: width of the box, px", fontsize=9)
