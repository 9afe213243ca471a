"""The figures of docs/background/results.md: what each must reach, and what a measurement gives.

A figure is judged by its worst side: of a latency the longest, of several files the one named.
"""

from __future__ import annotations

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True, slots=True)
class Goal:
    """A row of the table: ``floor`` and ``aim`` are bounds of the same unit as the figure."""

    title: str
    floor: float
    aim: float
    unit: str = ""
    """"ratio" shows 0.1 as 1/10; "%" shows 0.94 as 94 %; anything else stands behind the number."""
    at_least: bool = False
    """The figure must not be less than the bounds; otherwise not more."""

    def shown(self, value: float) -> str:
        """A value of this figure, as the page has it."""
        if self.unit == "ratio":
            return f"1/{1 / value:.3g}" if value else "0"
        if self.unit == "%":
            return f"{100 * value:.4g} %"
        return f"{value:.4g} {self.unit}".rstrip()

    def bound(self, value: float) -> str:
        """The same with the direction."""
        return f"{'≥' if self.at_least else '≤'} {self.shown(value)}"

    def reached(self, value: float, bound: float) -> bool:
        """Whether the value keeps the bound."""
        return value >= bound if self.at_least else value <= bound


@dataclasses.dataclass(frozen=True, slots=True)
class Figure:
    """What a measurement gives for one key of `GOALS`."""

    value: float
    """Compared with the bounds."""
    note: str
    """One line: what was measured, on what, how often."""
    rows: tuple[dict[str, Any], ...] = ()
    """What the figure is made of; printed as a table."""


GOALS = {
    "mean-cpu": Goal("CPU of a talking face, to naive", 1 / 10, 1 / 18, "ratio"),
    "p95-cpu": Goal("CPU of its dearest frames (p95), to naive", 1 / 4, 1 / 6, "ratio"),
    "coverage": Goal("faces covered", 0.94, 0.98, "%", at_least=True),
    "agreement": Goal("same emotion as naive", 0.95, 0.98, "%", at_least=True),
    "false-boxes": Goal("boxes without a face", 0.01, 0.0, "%"),
    "negative-boxes": Goal("boxes on the clip without frontal faces", 2, 0),
    "eight-faces": Goal("CPU of eight faces, to naive", 1 / 4, 1 / 8, "ratio"),
    "empty-scene": Goal("CPU of an empty scene, to one face", 1 / 8, 1 / 20, "ratio"),
    "new-face": Goal("new face to first event, longest", 0.7, 0.4, "s"),
    "change": Goal("changed expression to event, longest", 1.0, 0.6, "s"),
    "still-face": Goal("emotion changes of a still face, most", 1, 0, "a minute"),
    "memory": Goal("memory (VmRSS), 10 of 15 cascades", 145, 135, "MB"),
    "memory-compact": Goal("memory (VmRSS), compact landmarks", 120, 105, "MB"),
    "start": Goal("start to first event, to loading alone", 1.3, 1.1, "times"),
}
"""Key to what it must reach, in the order of the page."""
