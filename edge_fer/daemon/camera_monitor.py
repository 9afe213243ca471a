"""Monitor a live camera: lost, black, of the wrong size, or faster than this device.

A file needs none of this: it ends, and every frame of it counts.
"""

import logging
import math
import random
import time

from edge_fer.cameras import Camera
from edge_fer.config.settings import Camera as CameraSettings
from edge_fer.daemon.load_shedding import LEVELS, LoadShedder, Throttle
from edge_fer.daemon.stats import Stats
from edge_fer.daemon.watchdog import Watchdog
from edge_fer.errors import CameraError
from edge_fer.types import Frame, Luma

BLACK_MEAN, BLACK_SPREAD = 24.0, 3.0
"""A frame is black if its mean and standard deviation, in grey levels, are below these. Black is
16 in video range."""

BLACK_S = 10.0
"""Seconds of black frames before a warning."""

STABLE_S = 10.0
"""A camera that delivered frames for this long is retried at once when it is lost; retries of
others are delayed more and more."""

_STRIDE = 8
"""Only every 8th row and column is examined for brightness."""

_RETRY_MIN_S, _RETRY_MAX_S = 0.5, 10.0

_SLACK_S = 30.0
"""Time that the last attempt to reopen a camera may take beyond camera.give_up_s."""

log = logging.getLogger(__name__)


class BlackDetector:
    """Detects a covered lens, or a sensor that delivers no signal."""

    def __init__(self, after_s: float = BLACK_S) -> None:
        self._after_s = after_s
        self._since = math.inf
        self.black = False

    def update(self, frame: Frame) -> bool:
        """Examine a frame and return True if `black` has changed."""
        if not is_black(frame.luma):
            self._since = math.inf
        else:
            self._since = min(self._since, frame.time)
        black = frame.time - self._since >= self._after_s
        changed, self.black = black != self.black, black
        return changed


def is_black(luma: Luma) -> bool:
    """Return True if the image, (H, W) uint8, is black."""
    part = luma[::_STRIDE, ::_STRIDE]
    return bool(part.mean() < BLACK_MEAN and part.std() < BLACK_SPREAD)


class Outage:
    """Measures how long a camera delivers no frame and spaces the retries.

    Times are in monotonic seconds.
    """

    def __init__(self, now: float) -> None:
        self._last = now
        self._since = now
        self._attempts = 0
        self.lost = False

    def on_frame(self, now: float) -> bool:
        """Record a frame and return True if it ends an outage."""
        recovered, self.lost = self.lost, False
        if recovered:
            self._since = now
        elif now - self._since >= STABLE_S:
            self._attempts = 0
        self._last = now
        return recovered

    def on_error(self) -> float:
        """Record an error and return the backoff in seconds before the next retry, with jitter."""
        self.lost = True
        longest = min(_RETRY_MAX_S, _RETRY_MIN_S * 2.0 ** min(self._attempts, 16))
        self._attempts += 1
        return random.uniform(longest / 2, longest)

    def seconds(self, now: float) -> float:
        """Return the time since the last frame."""
        return now - self._last


class CameraMonitor:
    """Monitors one live camera across all of its outages."""

    def __init__(
        self,
        camera: Camera,
        settings: CameraSettings,
        throttle: Throttle,
        stats: Stats,
        watchdog: Watchdog,
    ) -> None:
        self.camera, self._settings = camera, settings
        self._stats, self._watchdog = stats, watchdog
        self._shedder = LoadShedder(throttle, settings.fps)
        self._logged_error = ""
        self.reset()

    def reset(self) -> None:
        """Forget size, outage and darkness, since no frames are read for a while."""
        self._outage, self._darkness = Outage(time.monotonic()), BlackDetector()
        self._shape: tuple[int, ...] | None = None
        for topic in ("size", "black"):
            self._watchdog.note(topic, "")
        self._stats.gauges["black"] = 0

    def on_frame(self, frame: Frame) -> bool:
        """Examine a frame; return False if it is to be skipped to save time.

        Raises:
            CameraError: the frame size has changed; the camera must be reopened.
        """
        self._check_size(frame)
        outage_s = self.outage_s()
        if self._outage.on_frame(time.monotonic()):
            self._stats.counts["camera_reopens"] += 1
            log.warning("camera %s recovered after %.1f s", self.camera.source, outage_s)
            self._logged_error = ""
        if self._darkness.update(frame):
            self._report_darkness()
        skip = self._shedder.should_skip()
        self._stats.counts["frames_skipped"] += skip
        return not skip

    def on_processed(self, waited: float, took: float) -> None:
        """Record the seconds waited for a frame and spent on it, and adapt the load."""
        stats, before = self._stats, self._shedder.level
        if self._shedder.update(time.monotonic(), waited, took):
            level = self._shedder.level
            stats.counts["degradations"] += level > before
            text = f"degraded, level {level} of {len(LEVELS) - 1}: {LEVELS[level]}" if level else ""
            log.warning(text or "no longer degraded")
            self._watchdog.note("load", text)
        stats.gauges["degraded"] = self._shedder.level
        stats.gauges["load"] = round(self._shedder.load, 3)
        if self._shedder.hot is not None:
            stats.gauges["throttled"] = int(self._shedder.hot)

    def on_error(self, error: CameraError) -> float:
        """Record that the camera is lost and return the seconds until the next retry.

        Raises:
            CameraError: the outage has lasted camera.give_up_s.
        """
        bound = self._settings.give_up_s
        self._stats.counts["camera_losses"] += not self._outage.lost
        backoff = self._outage.on_error()
        self._shape = None
        if str(error) != self._logged_error:
            self._logged_error = str(error)
            log.warning("%s; retrying for up to %g s", error, bound)
        left = bound - self.outage_s()
        if left <= 0:
            raise CameraError(f"{error}; gave up after {bound:g} s (camera.give_up_s)")
        self._watchdog.wait("camera", f"camera lost, reopening: {error}", bound + _SLACK_S)
        return min(backoff, left)

    def outage_s(self) -> float:
        """Return the seconds since the last frame, or since frames were first requested."""
        return self._outage.seconds(time.monotonic())

    def update_gauges(self) -> None:
        """Update the statistics that change while no frame arrives."""
        outage_s = self.outage_s() if self._outage.lost else 0.0
        self._stats.gauges["camera_lost_s"] = round(outage_s, 1)

    def _check_size(self, frame: Frame) -> None:
        shape, before = frame.luma.shape, self._shape
        if shape == before:
            return
        self._shape = shape
        requested = (self._settings.height, self._settings.width)
        if before is None and shape == requested:
            self._watchdog.note("size", "")
            return
        self._stats.counts["camera_wrong_size"] += 1
        if before is not None:
            raise self.camera.error(f"frame size changed from {_size(before)} to {_size(shape)}")
        text = f"the camera delivers {_size(shape)} instead of {_size(requested)}"
        self._watchdog.note("size", text)

    def _report_darkness(self) -> None:
        self._stats.counts["camera_black"] += self._darkness.black
        self._stats.gauges["black"] = int(self._darkness.black)
        text = "the image is black; check the lens cover and the light"
        self._watchdog.note("black", text if self._darkness.black else "")
        if self._darkness.black:
            log.warning("camera %s: %s", self.camera.source, text)
        else:
            log.info("camera %s: the image is no longer black", self.camera.source)


def build_monitor(
    camera: Camera, settings: CameraSettings, throttle: Throttle, stats: Stats, watchdog: Watchdog
) -> CameraMonitor | None:
    """Return the monitor of a live camera, None for a file; reset throttle, gauges and notes."""
    throttle.scan = throttle.frame = 1
    stats.gauges.clear()
    for topic in ("size", "black", "load"):
        watchdog.note(topic, "")
    return CameraMonitor(camera, settings, throttle, stats, watchdog) if camera.live else None


def _size(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, reversed(shape)))
