"""The camera contract, the registry of camera kinds, and opening what `camera.source` names.

A camera is a context manager and an iterator of `Frame`. It opens nothing before ``__enter__``,
closes its device in ``__exit__`` and may be entered again; frames are then counted from 0. A
camera does not look at the content of its pictures, and it does not reopen itself: after a
CameraError the caller leaves the ``with`` block and enters again.
"""

import abc
import difflib
import importlib
import re
from pathlib import Path
from types import TracebackType
from typing import ClassVar, NamedTuple, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from edge_fer.config.settings import Camera as CameraSettings
from edge_fer.errors import CameraError, ConfigError
from edge_fer.types import Frame, Luma

CAMERAS = {
    "file": "edge_fer.cameras.file:FileCamera",
    "v4l2": "edge_fer.cameras.v4l2:V4l2Camera",
    "picamera2": "edge_fer.cameras.pi:PiCamera",
    "rtsp": "edge_fer.cameras.rtsp:RtspCamera",
    "rtsps": "edge_fer.cameras.rtsp:RtspsCamera",
    "gst": "edge_fer.cameras.gstreamer:GstCamera",
    "csi": "edge_fer.cameras.gstreamer:CsiCamera",
}
"""Scheme of `camera.source` to "module:class". A class is imported when its scheme is used, so a
device loads only the libraries of its own camera; messages that list all kinds import all."""

_IN_ADDRESS = re.compile(r"(?<=://)([^/@:\s]*):\S*?@(?=[^/@\s]*(?:[/\s]|$))")
"""User and password of an address; a password may itself contain @ or /."""

_AS_OPTION = re.compile(r"((?:pass(?:word|wd)?|pwd|pw)=)[^&\s]+", re.IGNORECASE)
"""Password in the path or query of an address, or as a property of a GStreamer element."""


class Reading(NamedTuple):
    """A frame without its number; see `Frame`."""

    luma: Luma
    time: float
    stamp: float
    small: Luma | None = None


_Self = TypeVar("_Self", bound="Camera")


class Camera(abc.ABC):
    """Base of all cameras: numbers the frames, and closes whatever was opened.

    A subclass takes the settings and the source without its scheme. Its class attributes are all
    that messages, help texts and the default configuration know about the kind.
    """

    scheme: ClassVar[str] = ""
    """The scheme, as in the registry. A class serves one scheme: a second one is a subclass."""

    example: ClassVar[str] = ""
    """A typical source, "v4l2:/dev/video0". Capitals mark what the user fills in."""

    help: ClassVar[str] = ""
    """One line without a full stop: which cameras these are."""

    live: ClassVar[bool]
    """False for a file: it ends, and its times are its own."""

    def __init__(self, source: str) -> None:
        self.source = without_password(source)
        """The source as messages show it."""
        self._number: int | None = None

    @abc.abstractmethod
    def _open(self) -> None:
        """Open the device, or raise CameraError; `_close` is called after a failure too."""

    @abc.abstractmethod
    def _close(self) -> None:
        """Close the device; may be called more than once."""

    @abc.abstractmethod
    def _read(self) -> Reading | None:
        """Return the next reading, None at the end, or raise CameraError."""

    def error(self, text: str) -> CameraError:
        """Return an error with ``text`` about this camera."""
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
    kind: type = camera_class(scheme)
    return cast("Camera", kind(settings, address))


def camera_class(scheme: str) -> type[Camera]:
    """Import and return the class that is registered for ``scheme``."""
    module, _, name = CAMERAS[scheme].partition(":")
    return cast("type[Camera]", getattr(importlib.import_module(module), name))


def examples() -> dict[str, str]:
    """Return an example source by scheme, of every registered kind."""
    return {scheme: camera_class(scheme).example or f"{scheme}:ADDRESS" for scheme in CAMERAS}


def describe_kinds() -> list[str]:
    """Return a line "EXAMPLE: help" for every registered kind."""
    return [f"{text}: {camera_class(scheme).help}" for scheme, text in examples().items()]


def split_source(source: str) -> tuple[str, str]:
    """Return scheme and address: ("v4l2", "/dev/video0") for "v4l2:/dev/video0".

    A path alone is a file, ``/dev/videoN`` alone is v4l2.

    Raises:
        ConfigError: the scheme is unknown or has no address.
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
    """Return the source with passwords in an address or an option replaced by three stars."""
    source = _IN_ADDRESS.sub(r"\1:***@", source)
    return _AS_OPTION.sub(r"\1***", source)


def luma_of_plane(
    buffer: NDArray[np.uint8], size: tuple[int, int], *, stride: int, first: int = 0, step: int = 1
) -> Luma:
    """Return a (height, width) C-contiguous copy of the Y samples in a flat ``buffer``.

    Args:
        buffer: (n,) uint8 with n of at least ``stride * height``; the rest is ignored.
        size: Width and height of the picture in px.
        stride: Bytes from one row to the next.
        first: Byte of the first sample in a row.
        step: Bytes from one sample to the next: 1 in a separate plane, 2 in packed 4:2:2.
    """
    width, height = size
    rows = buffer[: stride * height].reshape(height, stride)
    return rows[:, first : first + width * step : step].copy()


def _exists(path: str) -> bool:
    try:
        return Path(path).exists()
    except OSError:
        return False


def _unknown(source: str) -> ConfigError:
    known = examples()
    scheme, _, address = source.partition(":")
    near = difflib.get_close_matches(scheme.lower(), known, n=1)
    hint = ""
    if near:
        meant = f"{near[0]}:{address}" if address else known[near[0]]
        hint = f"; did you mean {without_password(meant)!r}?"
    *others, last = known.values()
    return ConfigError(
        f"camera.source = {without_password(source)!r}: must be {', '.join(others)} or {last}{hint}"
    )
