"""Counts and percentiles of what the pipeline reported, as flat numbers."""

from collections import Counter, deque
from collections.abc import Mapping

import numpy as np

from edge_fer.types import Outcome, Report

WINDOW = 300
"""Frames that percentiles look back on."""

COUNTS = (
    "camera_losses",
    "camera_reopens",
    "camera_wrong_size",
    "camera_black",
    "frames_skipped",
    "degradations",
    "reloads",
    "reloads_refused",
)
"""What is counted beside the frames; docs/guides/operations.md says what each means."""


class Stats:
    """Adds up reports; `snapshot` gives the numbers that go to the stats topic."""

    def __init__(self) -> None:
        self.frames = self.faults = 0
        self.events = 0
        """Told of, those at the end of a stream, which belong to no report, included."""
        self.outcomes: Counter[Outcome] = Counter()
        self.counts: Counter[str] = Counter(dict.fromkeys(COUNTS, 0))
        self.gauges: dict[str, float] = {}
        """What is so now, by its name on the stats topic."""
        self._seconds: deque[float] = deque(maxlen=WINDOW)
        self._times: deque[float] = deque(maxlen=WINDOW)

    def add(self, report: Report, now: float) -> None:
        """Take in one report, finished at monotonic time ``now``."""
        self.frames += 1
        self.faults += report.fault is not None
        self.outcomes.update(verdict.outcome for verdict in report.verdicts)
        self._seconds.append(sum(report.seconds.values()))
        self._times.append(now)

    def snapshot(self, extra: Mapping[str, float]) -> dict[str, float]:
        """Totals since the start, rates and percentiles over the last frames, and ``extra``."""
        numbers: dict[str, float] = {
            "frames": self.frames,
            "events": self.events,
            "frames_rejected": self.faults,
            "fps": round(self._rate(), 2),
        }
        for percent in (50, 95, 99):
            value = np.percentile(self._seconds, percent) if self._seconds else 0.0
            numbers[f"frame_p{percent}_ms"] = round(1000 * float(value), 2)
        for outcome in Outcome:
            numbers[f"faces_{outcome.name.lower()}"] = self.outcomes[outcome]
        return {**numbers, **self.counts, **self.gauges, **extra}

    def _rate(self) -> float:
        if len(self._times) < 2 or self._times[-1] <= self._times[0]:
            return 0.0
        return (len(self._times) - 1) / (self._times[-1] - self._times[0])
