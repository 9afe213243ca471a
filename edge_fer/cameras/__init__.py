"""Where frames come from: the camera contract and the way from `camera.source` to a camera.

A camera is a context manager and an iterator of `Frame`. It touches nothing before
``__enter__``, closes its device in ``__exit__`` and may be entered again, with frames counted
from 0 anew. A camera does not look at what is in the picture, and it does not reopen itself:
after a CameraError the caller leaves the ``with`` block and enters again.
"""

import abc
import difflib
import importlib
import re
from pathlib import Path
from types import TracebackType
from typing import ClassVar, NamedTuple, TypeVar, cast

from edge_fer.config.settings import Camera as CameraSettings
from edge_fer.errors import CameraError, ConfigError
from edge_fer.types import Frame, Luma

CAMERAS = {
    "file": "edge_fer.cameras.file:FileCamera",
    "v4l2": "edge_fer.cameras.v4l2:V4l2Camera",
    "picamera2": "edge_fer.cameras.pi:PiCamera",
    "rtsp": "edge_fer.cameras.rtsp:RtspCamera",
    "rtsps": "edge_fer.cameras.rtsp:RtspCamera",
    "gst": "edge_fer.cameras.gstreamer:GstCamera",
    "csi": "edge_fer.cameras.gstreamer:GstCamera",
}
"""Scheme of `camera.source` to "module:class", imported on use, so that a device loads only the
library of its own camera. The class takes the settings and the source without its scheme."""

USUAL = {
    "file": "PATH",
    "v4l2": "/dev/video0",
    "picamera2": "0",
    "csi": "0",
    "rtsp": "//HOST/PATH",
    "rtsps": "//HOST/PATH",
    "gst": "v4l2src ! videoconvert ! appsink",
}
"""Scheme to what most often follows it."""


_IN_ADDRESS = re.compile(r"(?<=://)([^/@:\s]*):\S*?@(?=[^/@\s]*(?:[/\s]|$))")
"""User and password; whoever writes @ or / in a password must not have half of it shown."""

_AS_OPTION = re.compile(r"((?:pass(?:word|wd)?|pwd|pw)=)[^&\s]+", re.IGNORECASE)
"""In the path or query of an address, as cameras have it, or of a GStreamer element."""


class Reading(NamedTuple):
    """A frame that has no number yet; see `Frame`."""

    luma: Luma
    time: float
    stamp: float
    small: Luma | None = None


_Self = TypeVar("_Self", bound="Camera")


class Camera(abc.ABC):
    """Base of all cameras: numbers the frames and sees that whatever was opened is closed."""

    live: ClassVar[bool]
    """False for a file: it ends, and its times are its own."""

    def __init__(self, source: str) -> None:
        self.source = without_password(source)
        """For messages."""
        self._number: int | None = None

    @abc.abstractmethod
    def _open(self) -> None:
        """Open the device, or raise CameraError; `_close` is called after a failure too."""

    @abc.abstractmethod
    def _close(self) -> None:
        """Close what is open; called more than once."""

    @abc.abstractmethod
    def _read(self) -> Reading | None:
        """Return the next reading, None at the end, or raise CameraError."""

    def error(self, text: str) -> CameraError:
        """Return the error that says ``text`` about this camera."""
        return CameraError(f"camera {self.source}: {text}")

    def __enter__(self: _Self) -> _Self:
        try:
            self._open()
        except BaseException:
            self._close()
            raise
        self._number = 0
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._number = None
        self._close()

    def __iter__(self: _Self) -> _Self:
        return self

    def __next__(self) -> Frame:
        if self._number is None:
            raise RuntimeError(f"camera {self.source}: is not open; read it inside a with block")
        reading = self._read()
        if reading is None:
            raise StopIteration
        frame = Frame(reading.luma, self._number, reading.time, reading.stamp, reading.small)
        self._number += 1
        return frame


def open_camera(settings: CameraSettings) -> Camera:
    """Return the camera that ``settings.source`` names; entering it opens the device.

    Raises:
        ConfigError: the source names no camera.
    """
    scheme, address = split_source(settings.source)
    module, _, name = CAMERAS[scheme].partition(":")
    camera = getattr(importlib.import_module(module), name)
    return cast("Camera", camera(settings, address))


def split_source(source: str) -> tuple[str, str]:
    """Return scheme and address: ("v4l2", "/dev/video0") for "v4l2:/dev/video0".

    A path alone is a file, ``/dev/videoN`` alone is v4l2.

    Raises:
        ConfigError: the scheme is unknown or nothing follows it.
    """
    scheme, colon, address = source.partition(":")
    if scheme in CAMERAS and address:
        return scheme, address
    if re.fullmatch(r"/dev/video\d+", source):
        return "v4l2", source
    if source and _exists(source):
        return "file", source
    if source and not colon and not difflib.get_close_matches(source, CAMERAS):
        return "file", source
    raise _unknown(source)


def without_password(source: str) -> str:
    """The source as it may be shown: a password in an address or an option is three stars."""
    source = _IN_ADDRESS.sub(r"\1:***@", source)
    return _AS_OPTION.sub(r"\1***", source)


def _exists(path: str) -> bool:
    try:
        return Path(path).exists()
    except OSError:
        return False


def _unknown(source: str) -> ConfigError:
    scheme, _, address = source.partition(":")
    near = difflib.get_close_matches(scheme.lower(), CAMERAS, n=1)
    hint = ""
    if near:
        meant = f"{near[0]}:{address or USUAL[near[0]]}"
        hint = f"; did you mean {without_password(meant)!r}?"
    return ConfigError(
        f"camera.source = {without_password(source)!r}: must be file:PATH, v4l2:/dev/videoN, "
        f"picamera2:N, rtsp://HOST/PATH, gst:PIPELINE or csi:N{hint}"
    )
