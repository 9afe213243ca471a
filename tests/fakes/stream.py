"""A working stand-in for cv2.VideoCapture on a network stream or a GStreamer pipeline.

It plays its frames, hands out the same buffer again for every picture as OpenCV does, and lets
one capture at a time have the source.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


class FakeStream:
    """The source: hand it to a camera as ``capture=stream``.

    ``channels`` is 3 for BGR, 1 for GRAY8.
    """

    def __init__(self, frames: Sequence[NDArray[np.uint8]], channels: int = 3) -> None:
        self.frames, self.channels = frames, channels
        self.owner: FakeCapture | None = None
        self.asked: tuple[str, int, list[int]] | None = None
        self.due: Callable[[], bool] = lambda: True
        """Whether the next frame may be grabbed; a grab waits for it."""

    def __call__(self, name: str, api: int, options: Sequence[int]) -> "FakeCapture":
        self.asked = (name, api, list(options))
        return FakeCapture(self)


class FakeCapture:
    def __init__(self, stream: FakeStream) -> None:
        self._stream = stream
        self._next = 0
        height, width = stream.frames[0].shape
        self._buffer = np.zeros((height, width, stream.channels), np.uint8)
        if stream.owner is None:
            stream.owner = self

    def isOpened(self) -> bool:  # noqa: N802
        return self._stream.owner is self

    def get(self, propId: int) -> float:  # noqa: N803
        return 0.0

    def grab(self) -> bool:
        while not self._stream.due():
            time.sleep(0.001)
        self._next += 1
        return self._next <= len(self._stream.frames)

    def retrieve(self) -> tuple[bool, Any]:
        self._buffer[:] = self._stream.frames[self._next - 1][:, :, None]
        return True, self._buffer

    def read(self) -> tuple[bool, Any]:
        return self.retrieve() if self.grab() else (False, None)

    def release(self) -> None:
        if self._stream.owner is self:
            self._stream.owner = None
