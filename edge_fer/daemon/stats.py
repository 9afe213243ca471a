"""Collect the numbers of the `stats` topic: counters, rates, percentiles and memory."""

import ctypes
from collections import Counter, deque
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from edge_fer.types import Outcome, Report

WINDOW = 300
"""Number of frames that rates and percentiles cover."""

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
"""Counters beside those of frames and faces; docs/guides/operations.md explains each."""

_LIBC = ctypes.CDLL(None)


class Stats:
    """Adds up reports; `snapshot` returns the numbers of the stats topic."""

    def __init__(self) -> None:
        self.frames = self.faults = 0
        self.events = 0
        """Published events, including those at the end of a stream, which belong to no report."""
        self.outcomes: Counter[Outcome] = Counter()
        self.counts: Counter[str] = Counter(dict.fromkeys(COUNTS, 0))
        self.gauges: dict[str, float] = {}
        """Present values, by their names on the stats topic."""
        self._seconds: deque[float] = deque(maxlen=WINDOW)
        self._times: deque[float] = deque(maxlen=WINDOW)

    def add(self, report: Report, now: float) -> None:
        """Add one report, finished at monotonic time ``now``."""
        self.frames += 1
        self.faults += report.fault is not None
        self.outcomes.update(verdict.outcome for verdict in report.verdicts)
        self._seconds.append(sum(report.seconds.values()))
        self._times.append(now)

    def snapshot(self, extra: Mapping[str, float]) -> dict[str, float]:
        """Return totals since the start, rates and percentiles of recent frames, and ``extra``."""
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


def rss_mb(field: str = "VmRSS") -> float:
    """Return the resident memory of this process in 10⁶ bytes; 0 without /proc.

    ``VmHWM`` gives the peak so far.
    """
    status = Path("/proc/self/status")
    if not status.exists():
        return 0.0
    fields = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
    return round(int(fields[field].split()[0]) * 1024 / 1e6, 1)


def release_memory() -> None:
    """Return freed memory to the system, if the C library is glibc (malloc_trim(3)).

    A scan of a whole frame takes some megabytes that are not needed again until the next cut.
    """
    trim = getattr(_LIBC, "malloc_trim", None)
    if trim is not None:
        trim(0)
