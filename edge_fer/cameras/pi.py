"""Raspberry Pi cameras through picamera2: the Y plane of YUV420 streams, as made by the ISP.

`main` has the size of the settings. For a large one the ISP also delivers a second, smaller
stream, `lores`, at no cost, and new faces are searched for in it. picamera2 is imported when the
camera is entered. The luma is copied and the request returned at once, since the camera has few
buffers.
"""

import concurrent.futures
import importlib
import time
from collections.abc import Callable, Mapping
from typing import Any

from edge_fer.cameras import Camera, Reading, luma_of_plane
from edge_fer.config.settings import Camera as CameraSettings
from edge_fer.errors import ConfigError

LORES_FROM_PX = 1280
"""Width of `main` from which a `lores` of half its size saves time."""

PLANES = ("YUV420", "YVU420", "NV12", "NV21")
"""Formats whose buffer begins with the Y plane."""


def _import_picamera2() -> Any:
    return importlib.import_module("picamera2")


class PiCamera(Camera):
    """Reads the camera with picamera2's number N."""

    scheme = "picamera2"
    example = "picamera2:0"
    help = "the first Raspberry Pi camera"
    live = True

    def __init__(
        self,
        settings: CameraSettings,
        address: str,
        *,
        module: Callable[[], Any] = _import_picamera2,
    ) -> None:
        super().__init__(settings.source)
        if not address.isdecimal() or len(address) > 4:
            raise ConfigError(f"camera.source = {settings.source!r}: must be picamera2:N")
        self._settings = settings
        self._index = int(address)
        self._module = module
        self._camera: Any = None
        self._streams: dict[str, tuple[tuple[int, int], int]] = {}
        """Name to size and bytes per row."""

    def _open(self) -> None:
        try:
            picamera2 = self._module()
        # A wheel that was built for another numpy raises ValueError.
        except (ImportError, ValueError) as error:
            raise self.error(
                f"picamera2 cannot be imported ({_one_line(error)}); apt install "
                "python3-picamera2 and make the venv with --system-site-packages"
            ) from None
        try:
            self._camera = picamera2.Picamera2(self._index)
            self._start(self._camera)
        # picamera2 raises IndexError for a missing camera and RuntimeError for other faults.
        except (LookupError, RuntimeError, OSError, ValueError) as error:
            raise self.error(
                f"cannot be opened ({_one_line(error)}); is the ribbon seated, "
                "is another process using it?"
            ) from error

    def _start(self, camera: Any) -> None:
        width, height = self._settings.width, self._settings.height
        frame_us = round(1_000_000 / self._settings.fps)
        # Only a sensor's rate can be set; picamera2 rejects a control that the camera lacks.
        paced = "FrameDurationLimits" in camera.camera_controls
        halved = {"size": (width // 2, height // 2), "format": "YUV420"}
        # The preview configuration has full-range luma (sYCC), like files and training data;
        # the video configuration has 16-235.
        config = camera.create_preview_configuration(
            main={"size": (width, height), "format": "YUV420"},
            lores=halved if width >= LORES_FROM_PX else None,
            controls={"FrameDurationLimits": (frame_us, frame_us)} if paced else {},
            buffer_count=4,
            # A queued frame is older than the next one.
            queue=False,
        )
        camera.configure(config)
        self._streams = {
            name: self._agreed(camera.stream_configuration(name))
            for name in ("main", "lores")
            if config[name]
        }
        camera.start()

    def _agreed(self, stream: Mapping[str, Any]) -> tuple[tuple[int, int], int]:
        """Return size and bytes per row that libcamera chose for a stream."""
        if stream["format"] not in PLANES:
            raise self.error(
                f"gives {stream['format']}, must be one of {', '.join(PLANES)}; "
                "for a USB camera use v4l2:/dev/videoN"
            )
        return tuple(stream["size"]), int(stream["stride"])

    def _close(self) -> None:
        camera, self._camera = self._camera, None
        if camera is None:
            return
        try:
            # A capture that timed out is still queued, and stop() would wait for it.
            camera.cancel_all_and_flush()
            camera.stop()
        finally:
            camera.close()

    def _read(self) -> Reading:
        try:
            request = self._camera.capture_request(wait=self._settings.timeout_s)
        # Before Python 3.11 the two are not the same class.
        except (TimeoutError, concurrent.futures.TimeoutError):
            raise self.error(
                f"no frame for {self._settings.timeout_s:g} s; is the ribbon seated?"
            ) from None
        try:
            # Not the metadata's SensorTimestamp: some pipelines omit it, and its clock runs
            # while the board is suspended.
            now, stamp = time.monotonic(), time.time()
            planes = [
                luma_of_plane(request.make_buffer(name), size, stride=stride)
                for name, (size, stride) in self._streams.items()
            ]
        finally:
            request.release()
        luma, small = (*planes, None)[:2]
        assert luma is not None
        return Reading(luma, now, stamp, small)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
