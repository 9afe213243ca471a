"""Whether a live camera gives pictures worth looking at, and how long it has not.

What is kept an eye on at a live camera: lost, black, of another size, too fast for us.

A file needs none of this: it ends, and every frame of it counts.
"""

import logging
import math
import random
import time

from edge_fer.cameras import Camera
from edge_fer.config.settings import Camera as CameraSettings
from edge_fer.daemon.components import Parts
from edge_fer.daemon.load_shedding import LEVELS, Pace, Pressure
from edge_fer.daemon.stats import Stats
from edge_fer.daemon.watchdog import Watch
from edge_fer.errors import CameraError
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


log = logging.getLogger(__name__)

_SLACK_S = 30.0
"""What giving up may take longer than camera.give_up_s, for the last try to come back."""


class Lookout:
    """Over one live camera, through all its outages."""

    def __init__(
        self, camera: Camera, settings: CameraSettings, pace: Pace, stats: Stats, watch: Watch
    ) -> None:
        self.camera, self._settings = camera, settings
        self._stats, self._watch = stats, watch
        self._pressure = Pressure(pace, settings.fps)
        self._told = ""
        self.pause()

    def pause(self) -> None:
        """Frames are not wanted for a while: what comes after it is judged anew."""
        self._outage, self._darkness = Outage(time.monotonic()), Darkness()
        self._shape: tuple[int, ...] | None = None
        for topic in ("size", "black"):
            self._watch.note(topic, "")
        self._stats.gauges["black"] = 0

    def see(self, frame: Frame) -> bool:
        """Take in a frame; False where it is to be left out, for want of time.

        Raises:
            CameraError: it has another size than the frames before; the camera is to be reopened.
        """
        self._check_size(frame)
        outage_s = self.lost_s()
        if self._outage.frame(time.monotonic()):
            self._stats.counts["camera_reopens"] += 1
            log.warning("camera %s: frames again, after %.1f s", self.camera.source, outage_s)
            self._told = ""
        if self._darkness.see(frame):
            self._tell_darkness()
        skip = self._pressure.skip()
        self._stats.counts["frames_skipped"] += skip
        return not skip

    def spent(self, waited: float, took: float) -> None:
        """A frame that took so many seconds to come, and so many to be looked at, is done."""
        stats, before = self._stats, self._pressure.level
        if self._pressure.add(time.monotonic(), waited, took):
            level = self._pressure.level
            stats.counts["degradations"] += level > before
            text = f"degraded, step {level} of {len(LEVELS) - 1}: {LEVELS[level]}" if level else ""
            log.warning(text or "no longer degraded")
            self._watch.note("pressure", text)
        stats.gauges["degraded"] = self._pressure.level
        stats.gauges["load"] = round(self._pressure.load, 3)
        if self._pressure.hot is not None:
            stats.gauges["throttled"] = int(self._pressure.hot)

    def failed(self, error: CameraError) -> float:
        """The camera is lost; seconds until the next try.

        Raises:
            CameraError: that has lasted camera.give_up_s.
        """
        bound = self._settings.give_up_s
        self._stats.counts["camera_losses"] += not self._outage.lost
        pause = self._outage.fail()
        self._shape = None
        if str(error) != self._told:
            self._told = str(error)
            log.warning("%s; it is opened again and again for %g s", error, bound)
        left = bound - self.lost_s()
        if left <= 0:
            raise CameraError(f"{error}; given up after {bound:g} s (camera.give_up_s)")
        self._watch.wait("camera", f"camera lost, reopening: {error}", bound + _SLACK_S)
        return min(pause, left)

    def lost_s(self) -> float:
        """Seconds since the last frame, or since frames were first wanted."""
        return self._outage.seconds(time.monotonic())

    def gauge(self) -> None:
        """Bring those numbers up to date that change while no frame comes."""
        self._stats.gauges["camera_lost_s"] = round(self.lost_s() if self._outage.lost else 0.0, 1)

    def _check_size(self, frame: Frame) -> None:
        shape, before = frame.luma.shape, self._shape
        if shape == before:
            return
        self._shape = shape
        asked = (self._settings.height, self._settings.width)
        if before is None and shape == asked:
            self._watch.note("size", "")
            return
        self._stats.counts["camera_wrong_size"] += 1
        if before is not None:
            raise self.camera.error(f"gives {_size(shape)} frames after {_size(before)}")
        self._watch.note("size", f"the camera gives {_size(shape)}, not {_size(asked)} as asked")

    def _tell_darkness(self) -> None:
        self._stats.counts["camera_black"] += self._darkness.black
        self._stats.gauges["black"] = int(self._darkness.black)
        text = "the picture is black; is the lens covered, is it dark?"
        self._watch.note("black", text if self._darkness.black else "")
        if self._darkness.black:
            log.warning("camera %s: %s", self.camera.source, text)
        else:
            log.info("camera %s: the picture is no longer black", self.camera.source)


def look_out(parts: Parts, stats: Stats, watch: Watch) -> Lookout | None:
    """The lookout over these parts' camera; None for a file. Nothing is left out so far."""
    parts.pace.scan = parts.pace.frame = 1
    stats.gauges.clear()
    for topic in ("size", "black", "pressure"):
        watch.note(topic, "")
    if not parts.camera.live:
        return None
    return Lookout(parts.camera, parts.settings.camera, parts.pace, stats, watch)


def _size(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, reversed(shape)))
