"""The daemon's pipeline against the naive one: what it costs, and whether it says the same.

Both run in one process on the same decoded frames, and the times are the process's CPU time, so
that neither waiting nor other programs count. Each frame goes to both, and they take turns in
going first: each finds the caches as the other left them as often as its own way. No frame is
left out, not even the first, in which ours scans everything; ours goes first in it, so that
what is loaded on first use is charged to ours. What a figure cannot say for want of data is None.
"""

import dataclasses
import itertools
import time
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge_fer.bench.playback import ahead
from edge_fer.bench.speed import share, totals_interval
from edge_fer.cameras import Camera
from edge_fer.errors import CameraError
from edge_fer.types import Frame, Report, Verdict

MIN_IOU = 0.4
"""Of two boxes of one face; those of HOG overlap by about 0.7 where they are one size apart."""

SETTLED_S = 1.0
"""Age of both tracks from which on their emotions are compared: the smoothing needs time."""

NONE = "none"
"""Stands for no published emotion."""


class Processes(Protocol):
    """A pipeline: `edge_fer.pipeline.Pipeline`, or a script of a test."""

    def process(self, frame: Frame) -> Report:
        """Look at one frame."""


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class Run:
    """A stream as both pipelines saw it."""

    seconds: NDArray[np.float64]
    """(frames, 2) CPU time of ours and of the naive one."""
    reports: Sequence[tuple[Report, Report]]
    """Of ours and of the naive one, one pair a frame."""


@dataclasses.dataclass(frozen=True, slots=True)
class Against:
    """Ours in terms of the naive one."""

    mean_cpu_ratio: float | None
    """CPU time of all frames."""
    mean_cpu_interval_95: tuple[float, float] | None
    """By a bootstrap over blocks of frames."""
    p95_ratio: float | None
    """Of the 95th percentiles of the frames' CPU times."""
    coverage: float | None
    """Share of the faces the naive one found, frame by frame, where ours has a track too."""
    agreement: float | None
    """Share of those, both tracks settled, with the same published emotion."""
    frames: int
    naive_boxes: int
    covered: int
    compared: int
    same: int
    labels: dict[str, dict[str, int]]
    """How often they were compared, by the naive one's emotion and ours; abstention is one."""


def against(
    ours: Processes, naive: Processes, camera: Camera, frames: int | None = None
) -> Against:
    """Run two fresh pipelines on a camera's stream, on ``frames`` of it at most.

    Raises:
        CameraError: the camera fails or gives no frame.
    """
    return pooled([play(ours, naive, camera, frames)])


def play(ours: Processes, naive: Processes, camera: Camera, frames: int | None = None) -> Run:
    """The same, with what was said frame by frame. Both pipelines must be fresh.

    Raises:
        CameraError: the camera fails or gives no frame.
    """
    seconds: list[tuple[float, float]] = []
    reports: list[tuple[Report, Report]] = []
    with camera:
        stream = itertools.islice(camera, frames)
        for number, frame in enumerate(stream if camera.live else ahead(stream)):
            spent, said = [0.0, 0.0], {}
            for side in (1, 0) if number % 2 else (0, 1):
                started = time.process_time()
                said[side] = (ours, naive)[side].process(frame)
                spent[side] = time.process_time() - started
            seconds.append((spent[0], spent[1]))
            reports.append((said[0], said[1]))
    if not reports:
        raise CameraError(f"camera {camera.source}: gave no frame to measure")
    return Run(np.array(seconds), reports)


def pooled(runs: Sequence[Run]) -> Against:
    """Figures over all frames of all ``runs``: a long stream counts more than a short one."""
    seconds = np.concatenate([run.seconds for run in runs])
    totals, slow = seconds.sum(axis=0), np.percentile(seconds, 95, axis=0)
    tally = _Tally()
    for run in runs:
        tally.add(run)
    same = sum(said.get(label, 0) for label, said in tally.labels.items())
    compared = sum(sum(said.values()) for said in tally.labels.values())
    return Against(
        mean_cpu_ratio=share(totals[0], totals[1]),
        mean_cpu_interval_95=totals_interval([run.seconds for run in runs]),
        p95_ratio=share(slow[0], slow[1]),
        coverage=share(tally.covered, tally.boxes),
        agreement=share(same, compared),
        frames=len(seconds),
        naive_boxes=tally.boxes,
        covered=tally.covered,
        compared=compared,
        same=same,
        labels=tally.labels,
    )


class _Tally:
    """Counts faces, and what is said of them."""

    def __init__(self) -> None:
        self.boxes = self.covered = 0
        self.labels: dict[str, dict[str, int]] = {}

    def add(self, run: Run) -> None:
        """Count a stream."""
        born: tuple[dict[str, float], dict[str, float]] = ({}, {})
        for pair in run.reports:
            settled, said = [], []
            for report, first in zip(pair, born, strict=True):
                names = [verdict.track for verdict in followed(report)]
                settled.append({n for n in names if _age(first, n, report.time) >= SETTLED_S})
                said.append({one.track: one.emotion for one in report.present})
            faces = [face for face in followed(pair[1]) if face.landmarks is not None]
            matches = _matches(followed(pair[0]), faces)
            self.boxes += len(faces)
            self.covered += len(matches)
            for ours, naive in matches:
                if ours in settled[0] and naive in settled[1]:
                    row = self.labels.setdefault(said[1].get(naive, NONE), {})
                    label = said[0].get(ours, NONE)
                    row[label] = row.get(label, 0) + 1


def followed(report: Report) -> list[Verdict]:
    """The faces that have a track: found in this frame, not due in it, or coasting."""
    return [verdict for verdict in report.verdicts if verdict.track is not None]


def _age(first: dict[str, float], track: str | None, time: float) -> float:
    return time - first.setdefault(track or "", time)


def _matches(ours: Sequence[Verdict], naive: Sequence[Verdict]) -> list[tuple[str, str]]:
    """Tracks whose boxes overlap enough, each in one pair at most, the best pairs first."""
    rated = sorted(
        ((a.box.iou(b.box), k, n) for k, a in enumerate(ours) for n, b in enumerate(naive)),
        reverse=True,
    )
    left, right = set(range(len(ours))), set(range(len(naive)))
    pairs = []
    for iou, k, n in rated:
        if iou >= MIN_IOU and k in left and n in right:
            left.remove(k)
            right.remove(n)
            pairs.append((ours[k].track or "", naive[n].track or ""))
    return pairs
