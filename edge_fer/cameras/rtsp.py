"""Network cameras by RTSP, through OpenCV's FFmpeg.

The stream continues while a frame is processed, so a thread takes every frame off it, and `_read`
returns the first one that arrives after the call. Frames in between are dropped, as are those
that FFmpeg buffered while the stream was being opened. Opening and reading end after
`camera.timeout_s`.

FFmpeg's options are OpenCV's defaults (TCP), unless OPENCV_FFMPEG_CAPTURE_OPTIONS is set.
"""

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol
from urllib.parse import urlsplit

import cv2
import numpy as np

from edge_fer.cameras import Camera, Reading, without_password
from edge_fer.config.settings import Camera as CameraSettings
from edge_fer.errors import ConfigError
from edge_fer.opencv import silence_opencv

PACED = 3
"""Frames in a row that had to be waited for, after which the backlog is used up."""

MOST_FPS = 240
"""Highest plausible rate; some cameras report the ticks of their clock instead."""

_log = logging.getLogger("edge_fer.cameras")


class Capture(Protocol):
    """The methods used of cv2.VideoCapture."""

    def isOpened(self) -> bool: ...  # noqa: N802, D102
    def get(self, propId: int) -> float: ...  # noqa: N803, D102
    def grab(self) -> bool: ...  # noqa: D102
    def retrieve(self) -> tuple[bool, Any]: ...  # noqa: D102
    def release(self) -> None: ...  # noqa: D102


class RtspCamera(Camera):
    """Reads one stream; its address is the whole source."""

    scheme = "rtsp"
    example = "rtsp://HOST/PATH"
    help = "a network camera by RTSP"
    live = True

    def __init__(
        self,
        settings: CameraSettings,
        address: str,
        *,
        capture: Callable[[str, int, Sequence[int]], Capture] = cv2.VideoCapture,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(settings.source)
        if not _has_host(settings.source):
            raise ConfigError(
                f"camera.source = {without_password(settings.source)!r}: must be "
                f"{self.scheme}://[USER:PASSWORD@]HOST[:PORT]/PATH"
            )
        self._settings = settings
        self._new_capture = capture
        self._clock = clock
        self._drain: _Drain | None = None

    def _open(self) -> None:
        silence_opencv()
        before = self._clock()
        limit_ms = round(1000 * self._settings.timeout_s)
        limits = (cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, cv2.CAP_PROP_READ_TIMEOUT_MSEC)
        capture = self._new_capture(
            self._settings.source,
            cv2.CAP_FFMPEG,
            [value for key in limits for value in (key, limit_ms)],
        )
        if not capture.isOpened():
            capture.release()
            raise self.error(
                f"cannot be opened within {self._settings.timeout_s:g} s; are address, user and "
                "password right, is it reachable?"
            )
        size = (capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
        rate = capture.get(cv2.CAP_PROP_FPS)
        _log.info("camera %s: gives %dx%d, %.3g frames a second", self.source, *size, rate)
        period_s = 1 / (rate if 0 < rate <= MOST_FPS else self._settings.fps)
        backlog = int((self._clock() - before) / period_s)
        self._drain = _Drain(capture, self._clock, period_s, backlog)

    def _close(self) -> None:
        if self._drain is not None:
            # A read that hangs ends by its own timeout, and the thread then closes the stream.
            self._drain.stop(self._settings.timeout_s)
        self._drain = None

    def _read(self) -> Reading:
        assert self._drain is not None
        picture = self._drain.next(2 * self._settings.timeout_s)
        if picture is None:
            raise self.error("the stream has ended or gives no frames; is it reachable?")
        now, stamp = self._clock(), time.time()
        luma = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
        return Reading(np.ascontiguousarray(luma, np.uint8), now, stamp)


class RtspsCamera(RtspCamera):
    """Reads one stream over TLS."""

    scheme = "rtsps"
    example = "rtsps://HOST/PATH"
    help = "a network camera by RTSP over TLS"


class _Drain:
    """Takes every frame off a stream, and decodes only those that were requested.

    ``period_s`` is the time between two frames; up to ``backlog`` of them may be buffered already.
    """

    def __init__(
        self, capture: Capture, clock: Callable[[], float], period_s: float, backlog: int
    ) -> None:
        self._capture, self._clock = capture, clock
        self._period_s, self._backlog = period_s, backlog
        self._wanted, self._stopped = threading.Event(), threading.Event()
        self._pictures: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="edge-fer-rtsp", daemon=True)
        self._thread.start()

    def next(self, seconds: float) -> Any:
        """Return the next picture (H, W, 3) in BGR; None at the end or after ``seconds``."""
        self._wanted.set()
        with contextlib.suppress(queue.Empty):
            return self._pictures.get(timeout=seconds)
        return None

    def stop(self, seconds: float) -> None:
        """Close the stream; wait at most ``seconds``."""
        self._stopped.set()
        self._thread.join(seconds)

    def _run(self) -> None:
        self._catch_up()
        while not self._stopped.is_set() and self._capture.grab():
            if self._wanted.is_set():
                self._wanted.clear()
                good, picture = self._capture.retrieve()
                self._pictures.put(picture if good else None)
        self._capture.release()
        self._pictures.put(None)

    def _catch_up(self) -> None:
        """Drop buffered frames: they arrive without a wait."""
        paced = 0
        for _ in range(self._backlog):
            before = self._clock()
            # At a stream's end, the next grab in `_run` fails too.
            if paced == PACED or self._stopped.is_set() or not self._capture.grab():
                return
            paced = paced + 1 if self._clock() - before > self._period_s / 2 else 0


def _has_host(source: str) -> bool:
    try:
        # urlsplit checks the port only when it is read.
        parts = urlsplit(source)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
