"""What this process has used since it was started: time and memory, as the kernel counts them."""

import os
import resource
import time
from pathlib import Path

from edge_fer.daemon.memory import rss_mb

_STAT = Path("/proc/self/stat")

_START_TIME = 22
"""Field of /proc/self/stat, counted from 1: when the process began, in ticks since the boot."""


def memory_mb() -> tuple[float, float]:
    """Resident memory now and at most so far, in 10⁶ bytes; zeros where /proc does not tell."""
    now = rss_mb()
    # The kernel adds up the present value from counters of each core and may be a little behind.
    return now, max(now, rss_mb("VmHWM"))


def age_s() -> float | None:
    """Seconds since this process was started, its imports included; to a tick (10 ms)."""
    if not _STAT.exists():
        return None
    # The name in parentheses is field 2 and may hold blanks.
    fields = _STAT.read_text().rpartition(")")[2].split()
    started = int(fields[_START_TIME - 3]) / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started


def switches() -> int:
    """How often this process was interrupted for another."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
