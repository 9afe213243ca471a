"""A working stand-in for the picamera2 module, as far as edge_fer uses it.

It plays given frames through padded YUV420 buffers, lends each buffer until its request is
released, overwrites it then, and refuses what the real camera refuses: a second owner, a fifth
request, stopping behind a capture that is still queued.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

STRIDE_ALIGN = 64
AFTER_RELEASE = 0xEE


class FakeRequest:
    def __init__(self, camera: "FakeCamera", buffer: NDArray[np.uint8]) -> None:
        self._camera = camera
        self._buffer = buffer

    def make_buffer(self, name: str) -> NDArray[np.uint8]:
        """Return a view where the real one copies, so that a kept view is found out."""
        assert name == "main"
        return self._buffer

    def release(self) -> None:
        assert self in self._camera.lent, "released twice"
        self._camera.lent.remove(self)
        self._buffer[:] = AFTER_RELEASE


class FakeCamera:
    """What Picamera2(0) gives; the frames are (height, width) uint8 of the size asked for."""

    def __init__(self, device: "FakePicamera2") -> None:
        self._device = device
        self._frames = list(device.frames)
        self._config: dict[str, Any] = {}
        self._queued = 0
        self.started = False
        self.lent: list[FakeRequest] = []

    def create_preview_configuration(
        self,
        *,
        main: Mapping[str, Any],
        controls: Mapping[str, Any],
        buffer_count: int,
        queue: bool,
    ) -> dict[str, Any]:
        return {
            "main": dict(main),
            "controls": dict(controls),
            "buffer_count": buffer_count,
            "queue": queue,
        }

    def configure(self, config: dict[str, Any]) -> None:
        width, _ = config["main"]["size"]
        assert config["main"]["format"] == "YUV420"
        config["main"]["stride"] = -(-width // STRIDE_ALIGN) * STRIDE_ALIGN
        self._config = config
        self._device.config = config

    def stream_configuration(self, name: str) -> dict[str, Any]:
        return dict(self._config[name])

    def start(self) -> None:
        self.started = True

    def capture_request(self, *, wait: float) -> FakeRequest:
        assert self.started
        starved = len(self.lent) >= self._config["buffer_count"]
        if self._device.stalled or starved or not self._frames:
            self._queued += 1
            self._device.waits.append(wait)
            raise TimeoutError
        request = FakeRequest(self, self._fill(self._frames.pop(0)))
        self.lent.append(request)
        return request

    def _fill(self, luma: NDArray[np.uint8]) -> NDArray[np.uint8]:
        width, height = self._config["main"]["size"]
        stride = self._config["main"]["stride"]
        assert luma.shape == (height, width)
        buffer = np.full(stride * height * 3 // 2, 0x80, np.uint8)
        buffer[: stride * height].reshape(height, stride)[:, :width] = luma
        return buffer

    def cancel_all_and_flush(self) -> None:
        self._queued = 0

    def stop(self) -> None:
        assert not self._queued, "stop waits for ever behind a queued capture"
        self.started = False

    def close(self) -> None:
        self._device.owner = None


class FakePicamera2:
    """The module: hand it to PiCamera as ``module=lambda: fake``."""

    def __init__(self, frames: Sequence[NDArray[np.uint8]]) -> None:
        self.frames = frames
        self.stalled = False
        self.owner: FakeCamera | None = None
        self.config: dict[str, Any] = {}
        self.waits: list[float] = []
        """The ``wait`` of every capture that has timed out."""

    def Picamera2(self, index: int) -> FakeCamera:  # noqa: N802
        if index != 0:
            raise IndexError("list index out of range")
        if self.owner is not None:
            raise RuntimeError("Failed to acquire camera: Device or resource busy")
        self.owner = FakeCamera(self)
        return self.owner
