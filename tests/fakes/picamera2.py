"""A working stand-in for the picamera2 module, as far as edge_fer uses it.

It plays given frames through padded buffers of one or two streams, lends them until their
request is released, overwrites them then, and refuses what the real camera refuses: a second
owner, a fifth request, a control it has not, stopping behind a capture that is still queued.
`make picamera` runs the real one.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

STRIDE_ALIGN = 64
AFTER_RELEASE = 0xEE


class FakeRequest:
    def __init__(self, camera: "FakeCamera", buffers: dict[str, NDArray[np.uint8]]) -> None:
        self._camera = camera
        self._buffers = buffers

    def make_buffer(self, name: str) -> NDArray[np.uint8]:
        """Return a view where the real one copies, so that a kept view is found out."""
        return self._buffers[name]

    def release(self) -> None:
        assert self in self._camera.lent, "released twice"
        self._camera.lent.remove(self)
        for buffer in self._buffers.values():
            buffer[:] = AFTER_RELEASE


class FakeCamera:
    """What Picamera2(0) gives; the frames are (height, width) uint8 of the size asked for."""

    def __init__(self, device: "FakePicamera2") -> None:
        self._device = device
        self._frames = list(device.frames)
        self._config: dict[str, Any] = {}
        self._queued = 0
        self.camera_controls = dict(device.controls)
        self.started = False
        self.lent: list[FakeRequest] = []

    def create_preview_configuration(
        self,
        *,
        main: Mapping[str, Any],
        lores: Mapping[str, Any] | None,
        controls: Mapping[str, Any],
        buffer_count: int,
        queue: bool,
    ) -> dict[str, Any]:
        return {
            "main": dict(main),
            "lores": lores and dict(lores),
            "controls": dict(controls),
            "buffer_count": buffer_count,
            "queue": queue,
        }

    def configure(self, config: dict[str, Any]) -> None:
        assert config["controls"].keys() <= self.camera_controls.keys(), "not advertised"
        for name in ("main", "lores"):
            if stream := config[name]:
                assert stream["format"] == "YUV420"
                stream["stride"] = -(-stream["size"][0] // STRIDE_ALIGN) * STRIDE_ALIGN
                stream["format"] = self._device.format
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

    def _fill(self, luma: NDArray[np.uint8]) -> dict[str, NDArray[np.uint8]]:
        buffers = {}
        for name in ("main", "lores"):
            if stream := self._config[name]:
                (width, height), stride = stream["size"], stream["stride"]
                every = luma.shape[1] // width
                buffer = np.full(stride * height * 3 // 2, 0x80, np.uint8)
                rows = buffer[: stride * height].reshape(height, stride)
                rows[:, :width] = luma[::every, ::every]
                buffers[name] = buffer
        return buffers

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
        self.format = "YUV420"
        """What YUV420 is answered with."""
        self.controls = {"FrameDurationLimits": (8333, 1_000_000, 33333)}
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
