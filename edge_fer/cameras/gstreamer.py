"""GStreamer pipelines and the CSI cameras of a Jetson, through OpenCV.

`gst:PIPELINE` takes a pipeline as gst-launch-1.0 does, with `! appsink` at its end; `csi:N` is
the N-th CSI camera. Frames should be GRAY8, which is the luma itself; BGR is converted. OpenCV's
wheels are built without GStreamer, the packages of Debian and JetPack with it.
"""

import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, Protocol

import cv2
import numpy as np

from edge_fer.cameras import Camera, Reading, without_password
from edge_fer.config.settings import Camera as CameraSettings
from edge_fer.errors import ConfigError
from edge_fer.opencv import silence_opencv
from edge_fer.types import Luma

CSI = (
    "nvarguscamerasrc sensor-id={number} ! video/x-raw(memory:NVMM),width={width},"
    "height={height},framerate={rate} ! nvvidconv ! video/x-raw,format=GRAY8 ! "
    "appsink drop=true max-buffers=1 sync=false"
)
"""With drop and max-buffers, a newer frame replaces one that was not read in time."""


class Capture(Protocol):
    """The methods used of cv2.VideoCapture."""

    def isOpened(self) -> bool: ...  # noqa: N802, D102
    def read(self) -> tuple[bool, Any]: ...  # noqa: D102
    def release(self) -> None: ...  # noqa: D102


def _has_gstreamer() -> bool:
    return bool(cv2.videoio_registry.hasBackend(cv2.CAP_GSTREAMER))


class GstCamera(Camera):
    """Reads one pipeline, the address after "gst:"."""

    scheme = "gst"
    example = "gst:v4l2src ! videoconvert ! appsink"
    help = "a GStreamer pipeline that ends with an appsink"
    live = True

    def __init__(
        self,
        settings: CameraSettings,
        address: str,
        *,
        capture: Callable[[str, int, Sequence[int]], Capture] = cv2.VideoCapture,
        has_gstreamer: Callable[[], bool] = _has_gstreamer,
    ) -> None:
        super().__init__(settings.source)
        self._settings = settings
        self.pipeline = self._pipeline(settings, address)
        self._new_capture = capture
        self._has_gstreamer = has_gstreamer
        self._capture: Capture | None = None

    def _open(self) -> None:
        silence_opencv()
        if not self._has_gstreamer():
            raise self.error(
                f"OpenCV {cv2.__version__} is built without GStreamer; pip uninstall "
                "opencv-python-headless, apt install python3-opencv (JetPack has its own) and "
                "make the venv with --system-site-packages"
            )
        limit_ms = round(1000 * self._settings.timeout_s)
        limits = (cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, cv2.CAP_PROP_READ_TIMEOUT_MSEC)
        self._capture = self._new_capture(
            self.pipeline, cv2.CAP_GSTREAMER, [value for key in limits for value in (key, limit_ms)]
        )
        if not self._capture.isOpened():
            raise self.error(
                f"cannot be opened; try gst-launch-1.0 {without_password(self.pipeline)}"
            )

    def _close(self) -> None:
        capture, self._capture = self._capture, None
        if capture is not None:
            capture.release()

    def _read(self) -> Reading:
        assert self._capture is not None
        good, picture = self._capture.read()
        if not good:
            raise self.error(
                f"the pipeline has ended or gives no frame for {self._settings.timeout_s:g} s"
            )
        return Reading(self._luma(np.asarray(picture)), time.monotonic(), time.time())

    def _luma(self, picture: Any) -> Luma:
        if picture.ndim == 3 and picture.shape[2] == 3:
            picture = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
        elif picture.ndim == 3 and picture.shape[2] == 1:
            picture = picture[:, :, 0]
        if picture.ndim != 2 or picture.dtype != np.uint8:
            raise self.error(
                "gives neither GRAY8 nor BGR; end it with video/x-raw,format=GRAY8 ! appsink"
            )
        # OpenCV reuses its buffer for the next frame.
        return np.array(picture, np.uint8)

    def _pipeline(self, settings: CameraSettings, address: str) -> str:
        """Return the pipeline for a source.

        Raises:
            ConfigError: it does not end with an appsink.
        """
        if address.rpartition("!")[2].split()[:1] != ["appsink"]:
            raise ConfigError(
                f"camera.source = {without_password(settings.source)!r}: must be "
                "gst:PIPELINE ! appsink, best with video/x-raw,format=GRAY8 before it"
            )
        return address.strip()


class CsiCamera(GstCamera):
    """Reads the CSI camera N of a Jetson, by a pipeline of its own."""

    scheme = "csi"
    example = "csi:0"
    help = "the first CSI camera of a Jetson"

    def _pipeline(self, settings: CameraSettings, address: str) -> str:
        """Return the pipeline for a camera's number.

        Raises:
            ConfigError: the address is not a number.
        """
        if not address.isdecimal() or len(address) > 4:
            raise ConfigError(f"camera.source = {settings.source!r}: must be csi:N")
        rate = Fraction(settings.fps).limit_denominator(1001)
        return CSI.format(
            number=int(address),
            width=settings.width,
            height=settings.height,
            rate=f"{rate.numerator}/{rate.denominator}",
        )
