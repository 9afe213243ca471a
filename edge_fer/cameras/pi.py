"""Raspberry Pi cameras through picamera2: the Y plane of a YUV420 stream, as the ISP made it.

picamera2 is imported when the camera is entered and nowhere else. The luma is copied once and
the request goes back at once: a request that is kept starves the camera of buffers.
"""

import concurrent.futures
import importlib
import time
from collections.abc import Callable
from typing import Any

from edge_fer.cameras import Camera, Reading
from edge_fer.cameras.luma import luma_of_plane
from edge_fer.errors import ConfigError
from edge_fer.settings import Camera as CameraSettings


def _import_picamera2() -> Any:
    return importlib.import_module("picamera2")


class PiCamera(Camera):
    """The camera that picamera2 counts as N."""

    live = True

    def __init__(
        self,
        settings: CameraSettings,
        address: str,
        *,
        module: Callable[[], Any] = _import_picamera2,
    ) -> None:
        super().__init__(settings.source)
        if not address.isdecimal():
            raise ConfigError(f"camera.source = {settings.source!r}: must be picamera2:N")
        self._settings = settings
        self._index = int(address)
        self._module = module
        self._camera: Any = None
        self._size = (0, 0)
        self._stride = 0

    def _open(self) -> None:
        try:
            picamera2 = self._module()
        # ValueError is what a wheel built for another numpy gives.
        except (ImportError, ValueError) as error:
            raise self.error(
                f"picamera2 cannot be imported ({_one_line(error)}); apt install "
                "python3-picamera2 and make the venv with --system-site-packages"
            ) from None
        try:
            self._camera = picamera2.Picamera2(self._index)
            self._start(self._camera)
        # picamera2 raises IndexError for a camera that is not there and RuntimeError for others.
        except (LookupError, RuntimeError, OSError, ValueError) as error:
            raise self.error(
                f"cannot be opened ({_one_line(error)}); is the ribbon seated, "
                "is another process using it?"
            ) from error

    def _start(self, camera: Any) -> None:
        frame_us = round(1_000_000 / self._settings.fps)
        # The preview configuration has full-range luma (sYCC), as files and training have;
        # the video configuration would squeeze it into 16-235.
        config = camera.create_preview_configuration(
            main={
                "size": (self._settings.width, self._settings.height),
                "format": "YUV420",
            },
            controls={"FrameDurationLimits": (frame_us, frame_us)},
            buffer_count=4,
            # A queued frame is older than the one that comes next.
            queue=False,
        )
        camera.configure(config)
        stream = camera.stream_configuration("main")
        self._size = tuple(stream["size"])
        self._stride = int(stream["stride"])
        camera.start()

    def _close(self) -> None:
        camera, self._camera = self._camera, None
        if camera is None:
            return
        try:
            # A capture that has timed out is still queued, and stop() would wait behind it.
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
            # Not the metadata's SensorTimestamp: some pipelines leave it out, and its clock
            # goes on while the board sleeps.
            now, stamp = time.monotonic(), time.time()
            buffer = request.make_buffer("main")
            luma = luma_of_plane(buffer, self._size, stride=self._stride)
        finally:
            request.release()
        return luma, now, stamp


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
