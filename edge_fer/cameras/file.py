"""Files as a camera: a video, a GIF, a picture or a folder of pictures in the order of names.

No frame is dropped, however long the caller takes; `camera.pace` = "real" waits but never skips.
Times are seconds in the stream, and so is the stamp: two replays of a file are equal. A file is
played once.
"""

import logging
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from edge_fer.cameras import Camera, Reading
from edge_fer.config.settings import Camera as CameraSettings
from edge_fer.errors import CameraError, DataError
from edge_fer.opencv import silence_opencv
from edge_fer.types import Luma

PICTURES = {".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
"""Suffixes of pictures; a GIF is a video. Other files of a folder are ignored."""

_LONGEST_STEP_S = 10.0
"""A longer step between two timestamps of a container counts as damage."""

_COUNT_SLACK = 0.02
"""Tolerance of the frame count, which a container without an index only estimates."""

_START, _END = 0xD8, 0xD9
_BARE = {0x01, *range(0xD0, 0xD8)}
"""TEM and RST0-7: the JPEG markers without a length."""

_RUNS = re.compile(r"\d+|\D+")
"""Runs of digits and of other characters in a name."""

_log = logging.getLogger("edge_fer.cameras")


class FileCamera(Camera):
    """Plays one file, or a folder of pictures at `camera.fps` pictures per second."""

    scheme = "file"
    example = "file:PATH"
    help = "a video, a GIF, a picture or a folder of pictures"
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
        # Path.expanduser raises for an unknown user; such a name is reported as a missing file.
        self._path = Path(os.path.expanduser(address))  # noqa: PTH111
        self._fps = settings.fps
        self._real = settings.pace == "real"
        self._clock = clock
        self._sleep = sleep
        self._reader: _Reader | None = None
        self._start: float | None = None
        self._warned = False

    def _open(self) -> None:
        silence_opencv()
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
            self._warn_of_missing(self._reader.decoded, self._reader.expected)
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

    def _warn_of_missing(self, decoded: int, expected: float) -> None:
        if self._warned or decoded >= expected * (1 - _COUNT_SLACK) - 1:
            return
        self._warned = True
        _log.warning(
            "camera %s: only %d of about %d frames can be decoded; is the file cut short?",
            self.source,
            decoded,
            expected,
        )


class _Reader(Protocol):
    """Plays one kind of file; the constructor opens it."""

    decoded: int
    expected: float

    def read(self) -> tuple[Luma, float] | None:
        """Return luma and seconds in the stream; None at the end."""

    def close(self) -> None:
        """Close the file."""


class _Video:
    """Plays videos and gifs, through OpenCV's FFmpeg."""

    def __init__(self, path: Path, fps: float) -> None:
        self._path = path
        # With an absolute path, FFmpeg takes no name like "pipe:0" for a protocol.
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
        # OpenCV can return FFmpeg's own Y plane (CAP_PROP_CONVERT_RGB off), but 4.11 takes the
        # first bytes of any format for it, even of a GIF's BGRA or of 10-bit video.
        return np.ascontiguousarray(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), np.uint8), seconds

    def _advance(self, position: float) -> float:
        """Return the time of a frame with the container's timestamp ``position`` in s."""
        step = position - self._position
        self._position = position
        if self.decoded:
            self._seconds += step if 0 < step <= _LONGEST_STEP_S else self._step
        return self._seconds

    def close(self) -> None:
        self._capture.release()


class _Pictures:
    """Plays pictures in turn; each may have another size."""

    def __init__(self, paths: Sequence[Path], fps: float) -> None:
        self._left: Iterator[Path] = iter(paths)
        self._fps = fps
        self.decoded = 0
        self.expected = float(len(paths))

    def read(self) -> tuple[Luma, float] | None:
        path = next(self._left, None)
        if path is None:
            return None
        try:
            luma = read_picture(path)
        except DataError as error:
            raise CameraError(f"camera file:{error}") from None
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
        # OpenCV aborts the process on such a name.
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


def read_picture(path: Path) -> Luma:
    """Return the luma (H, W) of a picture file of any depth and channels.

    An alpha channel is ignored; a colour picture is converted, and turned as its EXIF data says.

    Raises:
        DataError: the file cannot be read or decoded.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: {_reason(error)}") from None
    if not data:
        raise DataError(f"{path}: is empty")
    if is_cut_short(data):
        raise DataError(f"{path}: is cut short")
    try:
        luma = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    except cv2.error:
        luma = None
    if luma is None or luma.dtype != np.uint8:
        raise DataError(f"{path}: cannot be decoded; it is damaged or not a picture")
    return np.ascontiguousarray(luma, np.uint8)


def list_pictures(path: Path) -> list[Path]:
    """Return ``path``, or the pictures of a folder and its subfolders in natural order of names.

    Natural order puts "2.jpg" before "10.jpg".

    Raises:
        DataError: the folder cannot be read, or holds no picture.
    """
    if not path.is_dir():
        return [path]
    try:
        found = [file for file in path.rglob("*") if file.suffix.lower() in PICTURES]
    except OSError as error:
        raise DataError(f"{path}: {_reason(error)}") from None
    if not found:
        raise DataError(f"{path}: holds no picture; must be one of {', '.join(sorted(PICTURES))}")
    return sorted(found, key=_natural_key)


def _natural_key(path: Path) -> list[list[tuple[int, int, str]]]:
    return [
        [
            (0, int(run), "") if run.isdecimal() else (1, 0, run.lower())
            for run in _RUNS.findall(part)
        ]
        for part in path.parts
    ]


def _bad(path: Path, text: str) -> CameraError:
    return CameraError(f"camera file:{path}: {text}")


def _unreadable(path: Path, error: OSError) -> CameraError:
    return _bad(path, _reason(error))


def _reason(error: OSError) -> str:
    return f"cannot be read: {(error.strerror or str(error)).lower()}"


def is_cut_short(data: bytes) -> bool:
    """Return True if ``data`` begins as a JPEG but has no end marker (EOI).

    libjpeg fills missing parts with grey, and OpenCV does not report its warning. Segments are
    skipped by their length (ITU-T T.81, B.1), because a thumbnail in one has an end marker too;
    bytes after the end are ignored.
    """
    if data[:2] != bytes((0xFF, _START)):
        return False
    place = 2
    while True:
        place = data.find(b"\xff", place)
        if place < 0 or place + 1 >= len(data):
            return True
        marker = data[place + 1]
        if marker == _END:
            return False
        if marker == 0xFF:
            place += 1
        elif marker == 0 or marker in _BARE:
            place += 2
        else:
            place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
