"""This process's memory: how much it has, and giving back what it does not use."""

import ctypes
from pathlib import Path

_LIBC = ctypes.CDLL(None)


def rss_mb(field: str = "VmRSS") -> float:
    """Resident memory of this process in 10⁶ bytes; 0 where /proc does not tell.

    ``VmHWM`` is the most it has been so far.
    """
    status = Path("/proc/self/status")
    if not status.exists():
        return 0.0
    fields = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
    return round(int(fields[field].split()[0]) * 1024 / 1e6, 1)


def release() -> None:
    """Give freed memory back to the system, where the C library is glibc (malloc_trim(3)).

    A scan of a whole frame takes some megabytes that are not needed again until the next cut.
    """
    trim = getattr(_LIBC, "malloc_trim", None)
    if trim is not None:
        trim(0)
