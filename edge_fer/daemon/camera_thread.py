"""A camera on a thread of its own, so that nothing a driver does can hold up the main thread.

The thread reads a frame when it is asked for one, never ahead: a file loses none, and a live
frame is as fresh as it would be without the thread.
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
"""Longest time between two frames of a video; pictures come by camera.fps."""


def patience_s(camera: Camera, settings: CameraSettings) -> float:
    """Longest time for a frame: every camera of ours has told its own error by then."""
    gap = 0.0 if camera.live else max(FILE_GAP_S, 1 / settings.fps)
    return 2 * settings.timeout_s + 1 + gap


class Feed:
    """Opens the camera at once and closes it after an error, at the end or on `close`.

    ``patience_s`` is how long it may take over a frame.
    ``ring`` is called on the camera's thread whenever `take` has something new to say.
    A thread that hangs in a driver is left behind; it does not keep the process from ending.
    """

    def __init__(self, camera: Camera, patience_s: float, ring: Callable[[], None]) -> None:
        self.camera, self._patience_s, self._ring = camera, patience_s, ring
        self._orders: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._frame: Frame | None = None
        self._asked: float | None = None
        self._error: EdgeFerError | None = None
        self._done = threading.Event()
        self.waited_s = 0.0
        """How long the last frame was waited for."""
        threading.Thread(target=self._run, name="edge-fer-camera", daemon=True).start()

    @property
    def closed(self) -> bool:
        """The device is closed, and nothing more will come."""
        return self._done.is_set()

    def ask(self) -> None:
        """Have the next frame read, unless that is going on."""
        if self._asked is None:
            self._asked = time.monotonic()
            self._orders.put(True)

    def take(self) -> Frame | None:
        """The frame that was asked for; None as long as there is none, and at the end.

        Raises:
            CameraError: the camera cannot be opened, gives no frames any more or does not answer.
        """
        if self._error is not None:
            raise self._error
        frame, self._frame = self._frame, None
        waited = time.monotonic() - self._asked if self._asked is not None else 0.0
        if frame is not None:
            self._asked, self.waited_s = None, waited
        elif waited > self._patience_s and not self.closed:
            raise self.camera.error(f"hangs: no answer for {self._patience_s:g} s")
        return frame

    def close(self) -> None:
        """Have the device closed; `closed` tells when it is."""
        self._orders.put(False)

    def join(self, seconds: float) -> bool:
        """Wait that long at most for `closed`."""
        return self._done.wait(seconds)

    def _run(self) -> None:
        try:
            with self.camera as camera:
                while self._orders.get():
                    frame = next(camera, None)
                    if frame is None:
                        break
                    self._frame = frame
                    self._ring()
        except EdgeFerError as error:
            self._error = error
        # Drivers and their libraries raise what they like; a camera that does is lost.
        except Exception as error:
            self._error = self.camera.error(f"its driver failed ({_one_line(error)})")
            self._error.__cause__ = error
        self._done.set()
        self._ring()


def _one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
