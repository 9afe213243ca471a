"""Reduce the work while a live camera delivers frames faster than this device processes them.

The load is the time spent on a frame relative to the camera's frame interval, whatever causes it:
heat, other programs, more faces. Every frame of a file is processed in full.
"""

import dataclasses
import re
from collections import deque
from pathlib import Path

from edge_fer import sysfs

HIGH, HOT_HIGH, LOW = 0.9, 0.6, 0.45
"""Load above which work is reduced, the same while the board reports thermal throttling, and load
below which work is restored. A step at most doubles the work and LOW is half of HIGH, so restored
work does not have to be reduced again."""

WINDOW_S = 3.0
"""Seconds over which the load is averaged, and shortest time between two steps down."""

CALM_S = 30.0
"""Seconds of low load before a step up."""

HEAT_S = 5.0
"""Seconds between two readings of the board's throttling state."""


@dataclasses.dataclass(slots=True)
class Throttle:
    """How much work is left out.

    Scans for new faces run at 1/``scan`` of their rate; every ``frame``-th frame is processed.
    """

    scan: int = 1
    frame: int = 1

    def __str__(self) -> str:
        frames = f", processing every {_ordinal(self.frame)} frame" if self.frame > 1 else ""
        return f"scanning for new faces at 1/{self.scan} of the normal rate{frames}"


LEVELS = (
    Throttle(1, 1),
    Throttle(2, 1),
    Throttle(4, 1),
    Throttle(8, 1),
    Throttle(8, 2),
    Throttle(8, 4),
)
"""Levels of degradation: fewer scans first, then fewer frames."""


class LoadShedder:
    """Sets ``throttle`` by the load. All times are in monotonic seconds.

    ``fps`` is the requested frame rate; if the camera is slower, its own interval counts.
    """

    def __init__(self, throttle: Throttle, fps: float, root: Path = Path("/")) -> None:
        self._throttle, self._root = throttle, root
        self._shortest = self._interval = 1 / fps
        self._window: deque[tuple[float, float]] = deque()
        self._number = 0
        self._changed = self._busy = 0.0
        self._heat_due = 0.0
        self.level = 0
        self.hot: bool | None = None
        """True while the board throttles its clock; None if the board does not report it."""

    def should_skip(self) -> bool:
        """Return True if the next frame is to be skipped."""
        self._number += 1
        return self._number % self._throttle.frame != 0

    @property
    def load(self) -> float:
        """Time spent on the frames of the last `WINDOW_S` relative to their intervals."""
        if not self._window:
            return 0.0
        return sum(took for _, took in self._window) / (len(self._window) * self._interval)

    def update(self, now: float, waited: float, took: float) -> bool:
        """Record a frame: seconds waited for it and spent on it; return True on a new level."""
        if took <= waited:
            # Otherwise the time between two frames is the daemon's, not the camera's.
            gap = max(self._shortest, waited + took)
            self._interval += 0.1 * (gap - self._interval)
        self._window.append((now, took))
        while self._window[0][0] < now - WINDOW_S:
            self._window.popleft()
        if now >= self._heat_due:
            self._heat_due, self.hot = now + HEAT_S, is_hot(self._root)
        return self._choose_level(now)

    def _choose_level(self, now: float) -> bool:
        if not self._changed:
            # The first frame is scanned as a whole with cold caches, which says nothing yet.
            self._changed = self._busy = now
        load = self.load
        if load > LOW or self.hot:
            self._busy = now
        high = HOT_HIGH if self.hot else HIGH
        if load >= high and now - self._changed >= WINDOW_S and self.level < len(LEVELS) - 1:
            return self._set(self.level + 1, now)
        if self.level and now - max(self._busy, self._changed) >= CALM_S:
            return self._set(self.level - 1, now)
        return False

    def _set(self, level: int, now: float) -> bool:
        self.level, self._changed = level, now
        self._throttle.scan, self._throttle.frame = LEVELS[level].scan, LEVELS[level].frame
        self._window.clear()
        return True


def is_hot(root: Path = Path("/")) -> bool | None:
    """Return True while the board throttles for heat or current; None if it does not report it.

    A Raspberry Pi's firmware reports it in bits 1 to 3 of get_throttled (frequency capped,
    throttled, soft temperature limit); other boards by a cooling device named after cpufreq.
    """
    for file in sorted((root / "sys/devices/platform").glob("*/*firmware/get_throttled")):
        flags = sysfs.text(file)
        if flags and re.fullmatch(r"(0x)?[0-9a-fA-F]+", flags):
            return bool(int(flags, 16) & 0b1110)
    states = [
        sysfs.number(device / "cur_state")
        for device in (root / "sys/class/thermal").glob("cooling_device*")
        if "cpufreq" in (sysfs.text(device / "type") or "")
    ]
    known = [state for state in states if state is not None]
    return any(known) if known else None


def temperature(root: Path = Path("/")) -> dict[str, float]:
    """Return the processor's temperature in °C by its name on stats; empty without a sensor."""
    celsius = sysfs.processors(sysfs.temperatures(root))
    return {} if celsius is None else {"temperature_c": celsius}


def _ordinal(number: int) -> str:
    return {2: "2nd"}.get(number, f"{number}th")
