"""Compare the daemon's pipeline with the naive one: CPU time, and agreement of the emotions.

Both run in one process on the same decoded frames, and the times are the process's CPU time, so
that neither waiting nor other programs count. Each frame goes to both, alternately to ours and
to the naive one first, so that neither profits more from warm caches. Every frame counts, even
the first one, in which ours scans everything; ours goes first in it, so that what is loaded on
first use counts as ours. A figure without data is None.
"""

import dataclasses
import itertools
import time
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge_fer.bench.models import share, totals_interval
from edge_fer.bench.playback import decode_ahead
from edge_fer.cameras import Camera
from edge_fer.errors import CameraError
from edge_fer.types import Frame, Report, Verdict

MIN_IOU = 0.4
"""Least overlap of two boxes of one face; HOG boxes one size apart overlap by about 0.7."""

SETTLED_S = 1.0
"""Least age of both tracks when their emotions are compared, since smoothing takes time."""

NONE = "none"
"""Placeholder for no published emotion."""


class Processes(Protocol):
    """A pipeline: `edge_fer.pipeline.Pipeline`, or a script of a test."""

    def process(self, frame: Frame) -> Report:
        """Process one frame."""


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class Run:
    """A stream as both pipelines processed it."""

    seconds: NDArray[np.float64]
    """(frames, 2) CPU time of our pipeline and of the naive one."""
    reports: Sequence[tuple[Report, Report]]
    """Reports of our pipeline and of the naive one, one pair per frame."""


@dataclasses.dataclass(frozen=True, slots=True)
class Comparison:
    """Figures of our pipeline relative to the naive one."""

    mean_cpu_ratio: float | None
    """Ratio of the CPU times of all frames."""
    mean_cpu_interval_95: tuple[float, float] | None
    """Interval by a bootstrap over blocks of frames."""
    p95_ratio: float | None
    """Ratio of the 95th percentiles of the frames' CPU times."""
    coverage: float | None
    """Share of the faces that the naive one found, frame by frame, where ours has a track too."""
    agreement: float | None
    """Share of those, both tracks settled, with the same published emotion."""
    frames: int
    naive_boxes: int
    covered: int
    compared: int
    same: int
    labels: dict[str, dict[str, int]]
    """Counts by the naive one's emotion and ours; abstention counts as an emotion."""


def compare_with_naive(
    ours: Processes, naive: Processes, camera: Camera, frames: int | None = None
) -> Comparison:
    """Run two fresh pipelines on at most ``frames`` frames of a camera.

    Raises:
        CameraError: the camera fails or has no frame.
    """
    return pool([play(ours, naive, camera, frames)])


def play(ours: Processes, naive: Processes, camera: Camera, frames: int | None = None) -> Run:
    """Run two fresh pipelines and return times and reports of every frame.

    Raises:
        CameraError: the camera fails or has no frame.
    """
    seconds: list[tuple[float, float]] = []
    reports: list[tuple[Report, Report]] = []
    with camera:
        stream = itertools.islice(camera, frames)
        for number, frame in enumerate(stream if camera.live else decode_ahead(stream)):
            spent, found = [0.0, 0.0], {}
            for side in (1, 0) if number % 2 else (0, 1):
                started = time.process_time()
                found[side] = (ours, naive)[side].process(frame)
                spent[side] = time.process_time() - started
            seconds.append((spent[0], spent[1]))
            reports.append((found[0], found[1]))
    if not reports:
        raise CameraError(f"camera {camera.source}: has no frame to measure")
    return Run(np.array(seconds), reports)


def pool(runs: Sequence[Run]) -> Comparison:
    """Return the figures over all frames of ``runs``; a longer stream counts more."""
    seconds = np.concatenate([run.seconds for run in runs])
    totals, slow = seconds.sum(axis=0), np.percentile(seconds, 95, axis=0)
    tally = _Tally()
    for run in runs:
        tally.add(run)
    same = sum(row.get(label, 0) for label, row in tally.labels.items())
    compared = sum(sum(row.values()) for row in tally.labels.values())
    return Comparison(
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
    """Count faces and their emotions."""

    def __init__(self) -> None:
        self.boxes = self.covered = 0
        self.labels: dict[str, dict[str, int]] = {}

    def add(self, run: Run) -> None:
        """Add the faces of a stream."""
        first_seen: tuple[dict[str, float], dict[str, float]] = ({}, {})
        for pair in run.reports:
            settled, emotions = [], []
            for report, first in zip(pair, first_seen, strict=True):
                names = [verdict.track for verdict in tracked(report)]
                settled.append({n for n in names if _age(first, n, report.time) >= SETTLED_S})
                emotions.append({one.track: one.emotion for one in report.present})
            faces = [face for face in tracked(pair[1]) if face.landmarks is not None]
            matches = _matches(tracked(pair[0]), faces)
            self.boxes += len(faces)
            self.covered += len(matches)
            for ours, naive in matches:
                if ours in settled[0] and naive in settled[1]:
                    row = self.labels.setdefault(emotions[1].get(naive, NONE), {})
                    label = emotions[0].get(ours, NONE)
                    row[label] = row.get(label, 0) + 1


def tracked(report: Report) -> list[Verdict]:
    """Return the faces that have a track: found in this frame, not due in it, or coasting."""
    return [verdict for verdict in report.verdicts if verdict.track is not None]


def _age(first: dict[str, float], track: str | None, time: float) -> float:
    return time - first.setdefault(track or "", time)


def _matches(ours: Sequence[Verdict], naive: Sequence[Verdict]) -> list[tuple[str, str]]:
    """Return pairs of tracks whose boxes overlap enough, each track in one pair at most."""
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
