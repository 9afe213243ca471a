"""Whether a live camera gives pictures worth looking at, and how long it has not."""

import math
import random

from edge_fer.types import Frame, Luma

BLACK_MEAN, BLACK_SPREAD = 24.0, 3.0
"""A frame is black when its mean and standard deviation, in grey levels, are below these; video
range has its black at 16."""

BLACK_S = 10.0
"""How long every frame must be black for a warning."""

STEADY_S = 10.0
"""A camera that lasted this long is tried anew at once when it is lost, others later and later."""

_STEP = 8
"""Every so many-th row and column tell enough of the brightness."""

_RETRY_MIN_S, _RETRY_MAX_S = 0.5, 10.0


class Darkness:
    """Notices a covered lens, or a sensor that gives nothing."""

    def __init__(self, after_s: float = BLACK_S) -> None:
        self._after_s = after_s
        self._since = math.inf
        self.black = False

    def see(self, frame: Frame) -> bool:
        """Take in a frame; True where that changes `black`."""
        if not is_black(frame.luma):
            self._since = math.inf
        else:
            self._since = min(self._since, frame.time)
        black = frame.time - self._since >= self._after_s
        changed, self.black = black != self.black, black
        return changed


def is_black(luma: Luma) -> bool:
    """There is nothing to be seen in (H, W) uint8."""
    part = luma[::_STEP, ::_STEP]
    return bool(part.mean() < BLACK_MEAN and part.std() < BLACK_SPREAD)


class Outage:
    """How long a camera has given no frame, and when to try again. Times are monotonic seconds."""

    def __init__(self, now: float) -> None:
        self._last = now
        self._since = now
        self._attempts = 0
        self.lost = False

    def frame(self, now: float) -> bool:
        """A frame has come; True where it ends an outage."""
        back, self.lost = self.lost, False
        if back:
            self._since = now
        elif now - self._since >= STEADY_S:
            self._attempts = 0
        self._last = now
        return back

    def fail(self) -> float:
        """The camera gave an error; seconds to wait before it is tried again, with jitter."""
        self.lost = True
        longest = min(_RETRY_MAX_S, _RETRY_MIN_S * 2.0 ** min(self._attempts, 16))
        self._attempts += 1
        return random.uniform(longest / 2, longest)

    def pause(self, now: float) -> None:
        """Nobody wants frames: the time without any starts anew."""
        self._last = self._since = now
        self.lost = False

    def seconds(self, now: float) -> float:
        """Since the last frame."""
        return now - self._last
