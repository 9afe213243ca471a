"""Doing less where a live camera gives frames faster than this device can look at them.

What a frame costs is held against the camera's interval, whatever the reason: heat, other
programs, more faces. A file is never dropped from and never looked at less.
"""

import dataclasses
import re
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from edge_fer import sysfs
from edge_fer.config.settings import Settings, Vision
from edge_fer.types import Box, Detection, Luma
from edge_fer.vision.detector import Detector
from edge_fer.vision.scan import Scanner
from edge_fer.vision.search import TrackingSearch

HIGH, HOT_HIGH, LOW = 0.9, 0.6, 0.45
"""Load from which less is done, the same while the board says it is throttled for heat, and
load up to which more is done again. A step at most doubles the work, and LOW is half of HIGH,
so what is given back does not have to be taken away again."""

WINDOW_S = 3.0
"""The load is the mean over this long, and this long passes between two steps down."""

CALM_S = 30.0
"""The load must be low this long before a step up."""

HEAT_S = 5.0
"""How often the board is asked for its heat."""


@dataclasses.dataclass(slots=True)
class Pace:
    """What is left out.

    Scans for new faces come at 1/``scan`` of their rate; every ``frame``-th frame is looked at.
    """

    scan: int = 1
    frame: int = 1

    def __str__(self) -> str:
        frames = f", every {_nth(self.frame)} frame is looked at" if self.frame > 1 else ""
        return f"scans for new faces at 1/{self.scan} of their rate{frames}"


LEVELS = (Pace(1, 1), Pace(2, 1), Pace(4, 1), Pace(8, 1), Pace(8, 2), Pace(8, 4))
"""The steps of degradation: first the scans, then the frames."""


class PacedSearch(TrackingSearch):
    """Looks for new faces as seldom as ``pace`` says; follows the others as ever."""

    def __init__(
        self, settings: Settings, shape: tuple[int, ...], detector: Detector, pace: Pace
    ) -> None:
        super().__init__(settings, shape, detector)
        self._scanner = _PacedScanner(shape, detector, settings.vision, pace)


class _PacedScanner(Scanner):
    """Its clock runs slower, so all of its periods are longer."""

    def __init__(
        self, shape: tuple[int, ...], detector: Detector, options: Vision, pace: Pace
    ) -> None:
        super().__init__(shape, detector, options)
        self._pace = pace
        self._last: float | None = None
        self._own = 0.0

    def scan(
        self,
        luma: Luma,
        time: float,
        known: Sequence[Box],
        *,
        busy: bool,
        small: Luma | None = None,
    ) -> list[Detection]:
        step = 0.0 if self._last is None else time - self._last
        self._last = time
        self._own += step / self._pace.scan
        return super().scan(luma, self._own, known, busy=busy, small=small)


class Pressure:
    """Sets ``pace`` by the load; all times are monotonic seconds.

    ``fps`` is what the camera was asked for; where it gives less, its own interval counts.
    """

    def __init__(self, pace: Pace, fps: float, root: Path = Path("/")) -> None:
        self._pace, self._root = pace, root
        self._shortest = self._interval = 1 / fps
        self._window: deque[tuple[float, float]] = deque()
        self._number = 0
        self._changed = self._busy = 0.0
        self._heat_due = 0.0
        self.level = 0
        self.hot: bool | None = None
        """The board slows itself down; None where it does not tell."""

    def skip(self) -> bool:
        """Whether to leave this frame out."""
        self._number += 1
        return self._number % self._pace.frame != 0

    @property
    def load(self) -> float:
        """What the frames of the last `WINDOW_S` took, over the camera's time for them."""
        if not self._window:
            return 0.0
        return sum(took for _, took in self._window) / (len(self._window) * self._interval)

    def add(self, now: float, waited: float, took: float) -> bool:
        """Take in a frame: seconds waited for it, and spent on it; True where the level changed."""
        if took <= waited:
            # Only then is the time between two frames the camera's and not ours.
            gap = max(self._shortest, waited + took)
            self._interval += 0.1 * (gap - self._interval)
        self._window.append((now, took))
        while self._window[0][0] < now - WINDOW_S:
            self._window.popleft()
        if now >= self._heat_due:
            self._heat_due, self.hot = now + HEAT_S, is_hot(self._root)
        return self._judge(now)

    def _judge(self, now: float) -> bool:
        if not self._changed:
            # What comes first is a scan of the whole frame, with everything cold.
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
        self._pace.scan, self._pace.frame = LEVELS[level].scan, LEVELS[level].frame
        self._window.clear()
        return True


def is_hot(root: Path = Path("/")) -> bool | None:
    """Whether the board slows itself down for heat or current now; None where it does not tell.

    A Raspberry Pi's firmware has bits 1 to 3 of get_throttled for it (frequency capped,
    throttled, soft temperature limit); elsewhere a cooling device named after cpufreq is at work.
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
    """Degrees Celsius of the processor, by its name on stats; empty where the board is silent."""
    celsius = sysfs.processors(sysfs.temperatures(root))
    return {} if celsius is None else {"temperature_c": celsius}


def _nth(number: int) -> str:
    return {2: "2nd"}.get(number, f"{number}th")
