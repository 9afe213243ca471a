"""USB and other Video4Linux cameras, through OpenCV.

Luma is copied from the camera's own format (YUYV, GREY, NV12, YU12, UYVY) or decoded directly
from MJPG; nothing is converted to BGR. A raw format is chosen if the camera has it at the
requested size and rate, MJPG if the cable is too slow for that. One buffer is requested, so a
frame is at most as old as the processing time of the one before.

Every read ends: OpenCV waits in select() for OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT seconds, which is
set to `camera.timeout_s` rounded up unless the user has set it. OpenCV reads the variable once
per process. After unplugging, a read fails at once and is repeated until `camera.timeout_s` is
over; the error comes after twice that at the latest.
"""

import logging
import math
import os
import re
import time
from collections.abc import Callable
from typing import Any, Protocol

import cv2
import numpy as np

from edge_fer.cameras import Camera, Reading, luma_of_plane
from edge_fer.config.settings import Camera as CameraSettings
from edge_fer.errors import ConfigError
from edge_fer.opencv import silence_opencv
from edge_fer.types import Luma

WANTED = ("YUYV", "GREY", "NV12", "YU12", "UYVY", "MJPG")
"""Formats in the order of preference; MJPG is last because it has to be decoded."""

_LAYOUT = {
    "YUYV": (0, 2, 2),
    "UYVY": (1, 2, 2),
    "GREY": (0, 1, 2),
    "NV12": (0, 1, 3),
    "YU12": (0, 1, 3),
}
"""Format to first byte and step of the Y samples in a row, and to the rows of the whole buffer in
halves of the picture's height."""

_RETRY_S = 0.02

_RATE_SLACK = 0.9
"""Share of the requested rate that is enough: 14.985 frames per second count as 15."""

_log = logging.getLogger("edge_fer.cameras")


_Mode = tuple[str, tuple[int, int], float]
"""Format, width and height, frames per second."""


class Capture(Protocol):
    """The methods used of cv2.VideoCapture."""

    def isOpened(self) -> bool: ...  # noqa: N802, D102
    def set(self, propId: int, value: float) -> bool: ...  # noqa: N803, D102
    def get(self, propId: int) -> float: ...  # noqa: N803, D102
    def read(self) -> tuple[bool, Any]: ...  # noqa: D102
    def release(self) -> None: ...  # noqa: D102


class V4l2Camera(Camera):
    """Reads one device: "/dev/videoN", another path to it, or N."""

    scheme = "v4l2"
    example = "v4l2:/dev/video0"
    help = "a USB or other Video4Linux camera"
    live = True

    def __init__(
        self,
        settings: CameraSettings,
        address: str,
        *,
        capture: Callable[[str, int], Capture] = cv2.VideoCapture,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(settings.source)
        if not re.fullmatch(r"\d+|/.+", address):
            raise ConfigError(
                f"camera.source = {settings.source!r}: must be v4l2:/dev/videoN or v4l2:N"
            )
        self._settings = settings
        self._device = address if address.startswith("/") else f"/dev/video{address}"
        self._new_capture = capture
        self._clock = clock
        self._sleep = sleep
        self._capture: Capture | None = None
        self._format = ""
        self._size = (0, 0)
        self.failed_reads = 0
        """Reads without a complete frame, since the object was created."""

    def _open(self) -> None:
        silence_opencv()
        os.environ.setdefault(
            "OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", str(math.ceil(self._settings.timeout_s))
        )
        self._capture = capture = self._new_capture(self._device, cv2.CAP_V4L2)
        if not capture.isOpened():
            raise self.error("cannot be opened; is it plugged in, is another process using it?")
        self._format, self._size, rate = self._negotiate(capture)
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        capture.set(cv2.CAP_PROP_CONVERT_RGB, 0)
        asked = (self._settings.width, self._settings.height)
        if self._size != asked:
            _log.warning("camera %s: gives %dx%d, not %dx%d", self.source, *self._size, *asked)
        _log.info(
            "camera %s: %s, %dx%d, %.4g frames a second",
            self.source,
            self._format,
            *self._size,
            rate,
        )

    def _negotiate(self, capture: Capture) -> _Mode:
        """Set and return the first format with the requested size and rate, or the best one."""
        asked = (self._settings.width, self._settings.height)
        usable: list[_Mode] = []
        for wanted in WANTED:
            given = self._request(capture, wanted)
            if given[0] in WANTED and given not in usable:
                usable.append(given)
            if given[0] == wanted and given[1] == asked and self._is_fast(given[2]):
                return given
        if not usable:
            raise self.error(f"gives {given[0] or 'no format'}; must be one of {', '.join(WANTED)}")
        # Size first: surplus frames can be dropped, missing pixels cannot be added.
        best = max(usable, key=lambda mode: (mode[1] == asked, mode[2]))
        return self._request(capture, best[0])

    def _is_fast(self, rate: float) -> bool:
        # Some drivers do not report their rate.
        return rate <= 0 or rate >= _RATE_SLACK * self._settings.fps

    def _request(self, capture: Capture, wanted: str) -> _Mode:
        """Request a format at the size and rate of the settings; return what the device chose."""
        capture.set(cv2.CAP_PROP_FOURCC, int.from_bytes(wanted.encode(), "little"))
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, self._settings.width)
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, self._settings.height)
        capture.set(cv2.CAP_PROP_FPS, self._settings.fps)
        # OpenCV accepts every value and falls back silently, so the result is read back.
        code = int(capture.get(cv2.CAP_PROP_FOURCC)) & 0xFFFFFFFF
        size = (
            int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)),
            int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)),
        )
        name = code.to_bytes(4, "little").decode("latin-1").strip("\0 ")
        return name, size, capture.get(cv2.CAP_PROP_FPS)

    def _close(self) -> None:
        capture, self._capture = self._capture, None
        if capture is not None:
            capture.release()

    def _read(self) -> Reading:
        assert self._capture is not None
        since = self._clock()
        while True:
            good, raw = self._capture.read()
            luma = self._luma(raw) if good else None
            now = self._clock()
            if luma is not None:
                return Reading(luma, now, time.time())
            self.failed_reads += 1
            if now - since >= self._settings.timeout_s:
                raise self.error(
                    f"no frame for {now - since:.1f} s; is it still plugged in, "
                    "is another process using it?"
                )
            self._sleep(_RETRY_S)

    def _luma(self, raw: Any) -> Luma | None:
        """Return the luma of a raw buffer, or None if a part was lost on USB.

        OpenCV 4.11 to 5.0 return the bytes of a frame as one row, older versions as rows.
        """
        data = np.asarray(raw, np.uint8).reshape(-1)
        if self._format == "MJPG":
            return _decode(data)
        width, height = self._size
        first, step, halves = _LAYOUT[self._format]
        rows = height * halves // 2
        # A buffer that is not a whole number of rows is padded at its end, not in its rows.
        stride = width * step if data.size % rows else data.size // rows
        if stride < width * step or data.size < stride * rows:
            return None
        return luma_of_plane(data, self._size, stride=stride, first=first, step=step)


def _decode(data: np.ndarray[Any, np.dtype[np.uint8]]) -> Luma | None:
    """Decode a JPEG to luma; libjpeg then skips the colour planes."""
    try:
        luma = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE) if data.size else None
    except cv2.error:
        luma = None
    return None if luma is None else np.ascontiguousarray(luma, np.uint8)
