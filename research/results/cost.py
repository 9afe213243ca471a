"""CPU time of pipelines, in turn on the same frames: only their ratios say anything."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from edge_fer.bench.naive import Processes
from edge_fer.types import Frame, Report


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class Run:
    """Frames seen by several pipelines."""

    seconds: NDArray[np.float64]
    """(frames, pipelines) of CPU."""
    reports: list[list[Report]]
    """By pipeline, a report a frame."""

    def mean_ratio(self, side: int, other: int = 0) -> float:
        """Mean CPU of a frame of one side, in terms of another's."""
        means = self.seconds.mean(axis=0)
        return float(means[side] / means[other])

    def p95_ratio(self, side: int, other: int = 0) -> float:
        """The same of the 95th percentile of the frames."""
        slow = np.percentile(self.seconds, 95, axis=0)
        return float(slow[side] / slow[other])


def joined(runs: Sequence[Run]) -> Run:
    """Streams of the same sides, one after the other."""
    reports = [
        [report for part in parts for report in part]
        for parts in zip(*(run.reports for run in runs), strict=True)
    ]
    return Run(np.concatenate([run.seconds for run in runs]), reports)


def in_turn(sides: Sequence[Processes], rounds: Iterable[Sequence[Frame]]) -> Run:
    """Have each side process its frame of each round, forwards and backwards by turns."""
    seconds: list[list[float]] = []
    reports: list[list[Report]] = [[] for _ in sides]
    order = range(len(sides))
    for number, frames in enumerate(rounds):
        row = [0.0] * len(sides)
        for side in reversed(order) if number % 2 else order:
            started = time.process_time()
            report = sides[side].process(frames[side])
            row[side] = time.process_time() - started
            reports[side].append(report)
        seconds.append(row)
    return Run(np.array(seconds), reports)


def alike(frames: Iterable[Frame], sides: int) -> Iterator[tuple[Frame, ...]]:
    """Rounds in which each side has the same frame."""
    for frame in frames:
        yield (frame,) * sides
