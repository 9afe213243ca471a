"""A working stand-in for cv2.VideoCapture on a V4L2 device.

It negotiates format and size as OpenCV's V4L2 backend does: a format the device does not have
is answered with one it has, and raw buffers come as one row of bytes. Its read fails when the
frames are used up, as that of an unplugged camera does.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray


def fourcc(code: int) -> str:
    return code.to_bytes(4, "little").decode()


class FakeDevice:
    """The device node: hand it to V4l2Camera as ``capture=device``."""

    def __init__(
        self, frames: Sequence[NDArray[np.uint8]], formats: Sequence[str] = ("YUYV",), pad: int = 0
    ) -> None:
        self.frames = frames
        self.formats = formats
        self.pad = pad
        """Bytes at the end of each row."""
        self.owner: FakeCapture | None = None
        self.short: set[int] = set()
        """Numbers of frames that USB loses the second half of."""
        self.rates: dict[str, float] = {}
        """Format to the most frames a second that the cable is good for; others: any."""
        self.properties: dict[int, float] = {}

    def __call__(self, device: str, api: int) -> "FakeCapture":
        assert api == cv2.CAP_V4L2
        return FakeCapture(self)


class FakeCapture:
    def __init__(self, device: FakeDevice) -> None:
        self._device = device
        self._next = 0
        if device.owner is None:
            device.owner = self
            device.properties = {
                cv2.CAP_PROP_FOURCC: int.from_bytes(device.formats[0].encode(), "little"),
                cv2.CAP_PROP_CONVERT_RGB: 1,
            }

    def isOpened(self) -> bool:  # noqa: N802
        return self._device.owner is self

    def set(self, propId: int, value: float) -> bool:  # noqa: N803
        if propId == cv2.CAP_PROP_FOURCC and fourcc(int(value)) not in self._device.formats:
            value = int.from_bytes(self._device.formats[0].encode(), "little")
        height, width = self._device.frames[0].shape
        if propId == cv2.CAP_PROP_FRAME_WIDTH:
            value = width
        if propId == cv2.CAP_PROP_FRAME_HEIGHT:
            value = height
        self._device.properties[propId] = value
        return True

    def get(self, propId: int) -> float:  # noqa: N803
        value = float(self._device.properties[propId])
        if propId == cv2.CAP_PROP_FPS:
            kind = fourcc(int(self.get(cv2.CAP_PROP_FOURCC)))
            return min(value, self._device.rates.get(kind, value))
        return value

    def read(self) -> tuple[bool, NDArray[np.uint8] | None]:
        if not self.isOpened() or self._next >= len(self._device.frames):
            return False, None
        raw = self._raw(self._device.frames[self._next])
        if self._next in self._device.short:
            raw = raw[: len(raw) // 2]
        self._next += 1
        return True, raw.reshape(1, -1)

    def _raw(self, luma: NDArray[np.uint8]) -> NDArray[np.uint8]:
        assert not self.get(cv2.CAP_PROP_CONVERT_RGB), "the frame would be converted to BGR"
        chroma = np.full_like(luma, 0x80)
        kind = fourcc(int(self.get(cv2.CAP_PROP_FOURCC)))
        if kind == "MJPG":
            return cv2.imencode(".jpg", luma)[1].reshape(-1).astype(np.uint8)
        if kind == "YUYV":
            rows = np.stack([luma, chroma], axis=-1).reshape(luma.shape[0], -1)
        elif kind == "UYVY":
            rows = np.stack([chroma, luma], axis=-1).reshape(luma.shape[0], -1)
        elif kind == "GREY":
            rows = luma
        else:
            rows = np.concatenate([luma, chroma[::2]])
        return np.pad(rows, ((0, 0), (0, self._device.pad)), constant_values=0xEE).reshape(-1)

    def release(self) -> None:
        if self._device.owner is self:
            self._device.owner = None
