"""Writes docs/background/results.md from the record of the last measurements; measures nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from research.results.figures import GOALS, Figure, Goal

HEADINGS = ("figure", "floor", "aim", "reached", "command")

HEAD = """\
# Results

What finding, following and reading faces costs, and how well it goes.
`make bench` measures all of this again and writes this page; {command} measures one figure alone.
`edge-fer bench` tells what your own device makes of your own camera.

*Naive* is what most programs do: dlib's HOG at upsample 1 on every whole frame, the stock
landmark file, then the same network and the same smoothing.

CPU is that of the process, both sides in turn on the same frames in one process.
Only the ratios hold: {cpus}.
"""

Record = dict[str, Any]
"""Key of a figure to what was measured: a `Figure` as a mapping, with cpu, cores and command."""


def entry(figure: Figure, device: Mapping[str, Any], command: str) -> dict[str, Any]:
    """A figure as the record has it; ``device`` is where it was measured."""
    facts = {"cpu": device["cpu"], "cores": device["cores"], "command": command}
    return {**dataclasses.asdict(figure), **facts}


def render(record: Record) -> str:
    """Return the page."""
    cpus = sorted({f"{one['cpu']}, {one['cores']} cores" for one in record.values()})
    said = f"measured on {' and '.join(cpus)}, among other work" if cpus else "nothing is measured"
    parts = [HEAD.format(command="`python -m research.results NAME`", cpus=said), summary(record)]
    parts += [_section(key, record[key]) for key in (*GOALS, *EXTRA) if key in record]
    return "\n".join(parts)


EXTRA = {"variants": "What each measure brings"}
"""Figures without bounds, and their titles."""


def summary(record: Record) -> str:
    """The table of all figures beside their bounds."""
    rows = [_row(key, goal, record.get(key)) for key, goal in GOALS.items()]
    return table(HEADINGS, rows)


def _row(key: str, goal: Goal, found: Mapping[str, Any] | None) -> tuple[str, ...]:
    bounds = goal.bound(goal.floor), goal.bound(goal.aim)
    if found is None:
        return (goal.title, *bounds, "not measured", "")
    value = found["value"]
    kept = [
        word
        for word, bound in (("aim", goal.aim), ("floor", goal.floor))
        if goal.reached(value, bound)
    ]
    reached = f"{goal.shown(value)} ({kept[0] if kept else 'below the floor'})"
    return (f"[{goal.title}](#{key})", *bounds, reached, f"`{found['command']}`")


def _section(key: str, found: Mapping[str, Any]) -> str:
    return _titled(key, GOALS[key].title if key in GOALS else EXTRA[key], found)


def _titled(key: str, title: str, found: Mapping[str, Any]) -> str:
    text = f'\n## <a id="{key}"></a>{title[0].upper()}{title[1:]}\n\n{found["note"]}\n'
    rows = found["rows"]
    if rows:
        text += f"\n{table(tuple(rows[0]), [tuple(map(str, row.values())) for row in rows])}"
    return text


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """In Markdown."""
    lines = [headings, ("---",) * len(headings), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
