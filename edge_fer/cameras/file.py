"""Files as a camera: a video, a gif, a picture or a folder of pictures in the order of names.

Every frame is given, however long the caller takes; `camera.pace` = "real" only waits, it
never skips. Times are seconds in the stream, and the stamp is the same, so that two replays of
a file are alike. There is no loop: a file ends.
"""

import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from edge_fer.cameras import Camera, Reading
from edge_fer.cameras.jpeg import is_cut_short
from edge_fer.config.settings import Camera as CameraSettings
from edge_fer.errors import CameraError
from edge_fer.opencv import quiet
from edge_fer.types import Luma

PICTURES = {".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
"""Suffixes of pictures; a gif is a video. In a folder all other files are ignored."""

_LONGEST_STEP_S = 10.0
"""Timestamps of a container further apart than this are taken for damage."""

_COUNT_SLACK = 0.02
"""Containers without an index have their frame count estimated from duration and rate."""

_log = logging.getLogger("edge_fer.cameras")


class FileCamera(Camera):
    """Plays one file, or a folder of pictures `camera.fps` apart."""

    live = False

    def __init__(
        self,
        settings: CameraSettings,
        address: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(settings.source)
        # Path.expanduser raises for a user it does not know; such a name is no file, and said so.
        self._path = Path(os.path.expanduser(address))  # noqa: PTH111
        self._fps = settings.fps
        self._real = settings.pace == "real"
        self._clock = clock
        self._sleep = sleep
        self._reader: _Reader | None = None
        self._start: float | None = None
        self._told = False

    def _open(self) -> None:
        quiet()
        self._start = None
        try:
            self._reader = _reader(self._path, self._fps)
        except OSError as error:
            raise _unreadable(self._path, error) from None

    def _close(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()

    def _read(self) -> Reading | None:
        assert self._reader is not None
        picture = self._reader.read()
        if picture is None:
            self._tell_shortfall(self._reader.decoded, self._reader.expected)
            return None
        luma, seconds = picture
        if self._real:
            self._wait_until(seconds)
        return Reading(luma, seconds, seconds)

    def _wait_until(self, seconds: float) -> None:
        now = self._clock()
        if self._start is None:
            self._start = now - seconds
        wait = self._start + seconds - now
        if wait > 0:
            self._sleep(wait)

    def _tell_shortfall(self, decoded: int, expected: float) -> None:
        if self._told or decoded >= expected * (1 - _COUNT_SLACK) - 1:
            return
        self._told = True
        _log.warning(
            "camera %s: only %d of about %d frames can be decoded; is the file cut short?",
            self.source,
            decoded,
            expected,
        )


class _Reader(Protocol):
    """What plays a kind of file; constructing it opens the file."""

    decoded: int
    expected: float

    def read(self) -> tuple[Luma, float] | None:
        """Return luma and seconds in the stream, or None at the end."""

    def close(self) -> None:
        """Close the file."""


class _Video:
    """Videos and gifs, through OpenCV's FFmpeg."""

    def __init__(self, path: Path, fps: float) -> None:
        self._path = path
        # The absolute path keeps FFmpeg from reading a protocol into a name like "pipe:0".
        self._capture = cv2.VideoCapture(str(path.absolute()), cv2.CAP_FFMPEG)
        if not self._capture.isOpened():
            self._capture.release()
            raise _bad(path, "is neither a video nor a picture that can be decoded")
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self._step = 1 / (rate if 0 < rate <= 1000 else fps)
        self._seconds = 0.0
        self._position = 0.0
        self.decoded = 0
        self.expected = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)

    def read(self) -> tuple[Luma, float] | None:
        good, frame = self._capture.read()
        if not good:
            if not self.decoded:
                raise _bad(self._path, "no frame can be decoded; the file is damaged")
            return None
        seconds = self._advance(self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
        self.decoded += 1
        # OpenCV can hand out FFmpeg's own Y plane (CAP_PROP_CONVERT_RGB off), but 4.11 takes
        # the first bytes of every format for one, be it the BGRA of a gif or 10-bit video.
        return np.ascontiguousarray(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), np.uint8), seconds

    def _advance(self, position: float) -> float:
        """Return the time of the frame that the container puts at ``position`` seconds."""
        step = position - self._position
        self._position = position
        if self.decoded:
            self._seconds += step if 0 < step <= _LONGEST_STEP_S else self._step
        return self._seconds

    def close(self) -> None:
        self._capture.release()


class _Pictures:
    """Pictures one after the other, each of a size of its own."""

    def __init__(self, paths: Sequence[Path], fps: float) -> None:
        self._left: Iterator[Path] = iter(paths)
        self._fps = fps
        self.decoded = 0
        self.expected = float(len(paths))

    def read(self) -> tuple[Luma, float] | None:
        path = next(self._left, None)
        if path is None:
            return None
        luma = _picture(path)
        seconds = self.decoded / self._fps
        self.decoded += 1
        return luma, seconds

    def close(self) -> None:
        self._left = iter(())


def _reader(path: Path, fps: float) -> _Reader:
    if not path.exists():
        raise _bad(path, "does not exist")
    try:
        str(path.absolute()).encode()
    except UnicodeEncodeError:
        # OpenCV ends the process over such a name.
        raise _bad(path, "must have a name that is UTF-8 text") from None
    if path.is_dir():
        pictures = sorted(p for p in path.iterdir() if p.suffix.lower() in PICTURES)
        if not pictures:
            raise _bad(path, f"holds no picture; must be one of {', '.join(sorted(PICTURES))}")
        return _Pictures(pictures, fps)
    if not path.is_file():
        raise _bad(path, "must be a file or a folder")
    if not path.stat().st_size:
        raise _bad(path, "is empty")
    return _Pictures([path], fps) if path.suffix.lower() in PICTURES else _Video(path, fps)


def _picture(path: Path) -> Luma:
    """Decode a picture of any depth and channels; an alpha channel is ignored."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from None
    if not data:
        raise _bad(path, "is empty")
    if is_cut_short(data):
        raise _bad(path, "is cut short")
    try:
        luma = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    except cv2.error:
        luma = None
    if luma is None or luma.dtype != np.uint8:
        raise _bad(path, "cannot be decoded; the picture is damaged")
    return np.ascontiguousarray(luma, np.uint8)


def _bad(path: Path, text: str) -> CameraError:
    return CameraError(f"camera file:{path}: {text}")


def _unreadable(path: Path, error: OSError) -> CameraError:
    return _bad(path, f"cannot be read: {(error.strerror or str(error)).lower()}")
