"""A test pattern as a camera: bright bars on a dark ground that move with every frame.

It is the example of "add a camera": as `edge_fer/cameras/pattern.py` with its line in `CAMERAS`,
`pattern:N` gives N bars.
"""

import time

import numpy as np

from edge_fer.cameras import Camera, Reading
from edge_fer.config.settings import Camera as CameraSettings
from edge_fer.errors import ConfigError


class PatternCamera(Camera):
    """Draws N bars."""

    scheme = "pattern"
    example = "pattern:3"
    help = "a test pattern of three moving bars"
    live = True

    def __init__(self, settings: CameraSettings, address: str) -> None:
        super().__init__(settings.source)
        if not address.isdecimal() or not 1 <= int(address) <= 9:
            raise ConfigError(f"camera.source = {settings.source!r}: must be pattern:N, N 1 to 9")
        self._bars = int(address)
        self._size = (settings.height, settings.width)
        self._pause_s = 1 / settings.fps
        self._step: int | None = None

    def _open(self) -> None:
        self._step = 0

    def _close(self) -> None:
        self._step = None

    def _read(self) -> Reading:
        if self._step is None:
            raise self.error("is closed")
        time.sleep(self._pause_s)
        columns = np.arange(self._size[1]) * self._bars * 2 // self._size[1] + self._step
        self._step += 1
        luma = np.tile(np.where(columns % 2, 200, 50).astype(np.uint8), (self._size[0], 1))
        return Reading(luma, time.monotonic(), time.time())
