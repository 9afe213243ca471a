"""Read a camera on its own thread, so that a blocking driver cannot block the main thread.

The thread reads a frame only on request, never ahead. A file therefore loses no frame, and a
live frame is as recent as without the thread.
"""

import queue
import threading
import time
from collections.abc import Callable

from edge_fer.cameras import Camera
from edge_fer.config.settings import Camera as CameraSettings
from edge_fer.errors import EdgeFerError
from edge_fer.types import Frame

FILE_GAP_S = 10.0
"""Longest time between two frames of a video; single pictures arrive at camera.fps."""


def frame_timeout_s(camera: Camera, settings: CameraSettings) -> float:
    """Return the longest time in seconds for one frame.

    It is longer than any camera class takes to raise its own error.
    """
    gap = 0.0 if camera.live else max(FILE_GAP_S, 1 / settings.fps)
    return 2 * settings.timeout_s + 1 + gap


class CameraThread:
    """Opens the camera at once; closes it after an error, at the end or on `close`.

    A frame may take ``frame_timeout_s`` seconds. The thread calls ``notify`` whenever `poll` has
    a new result. A thread that blocks in a driver is abandoned; it does not keep the process alive.
    """

    def __init__(self, camera: Camera, frame_timeout_s: float, notify: Callable[[], None]) -> None:
        self.camera, self._timeout_s, self._notify = camera, frame_timeout_s, notify
        self._requests: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._frame: Frame | None = None
        self._requested_at: float | None = None
        self._error: EdgeFerError | None = None
        self._done = threading.Event()
        self.waited_s = 0.0
        """Time between request and arrival of the last frame."""
        threading.Thread(target=self._run, name="edge-fer-camera", daemon=True).start()

    @property
    def closed(self) -> bool:
        """True once the device is closed; no frame follows."""
        return self._done.is_set()

    def request(self) -> None:
        """Request the next frame, unless a request is pending."""
        if self._requested_at is None:
            self._requested_at = time.monotonic()
            self._requests.put(True)

    def poll(self) -> Frame | None:
        """Return the requested frame; None while it is not there yet, and after the end.

        Raises:
            CameraError: the camera cannot be opened, delivers no more frames or does not respond.
        """
        if self._error is not None:
            raise self._error
        frame, self._frame = self._frame, None
        waited = time.monotonic() - self._requested_at if self._requested_at is not None else 0.0
        if frame is not None:
            self._requested_at, self.waited_s = None, waited
        elif waited > self._timeout_s and not self.closed:
            raise self.camera.error(f"does not respond for {self._timeout_s:g} s")
        return frame

    def close(self) -> None:
        """Request that the device is closed; `closed` becomes true when it is."""
        self._requests.put(False)

    def join(self, seconds: float) -> bool:
        """Wait for `closed` up to this long and return it."""
        return self._done.wait(seconds)

    def _run(self) -> None:
        try:
            with self.camera as camera:
                while self._requests.get():
                    frame = next(camera, None)
                    if frame is None:
                        break
                    self._frame = frame
                    self._notify()
        except EdgeFerError as error:
            self._error = error
        # Drivers and their libraries raise exceptions of any type; the camera counts as lost then.
        except Exception as error:
            self._error = self.camera.error(f"driver error ({_one_line(error)})")
            self._error.__cause__ = error
        self._done.set()
        self._notify()


def _one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
