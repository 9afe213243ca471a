"""`edge-fer` with three more cameras: clips that start again when they end.

    python -m tests.support.cameras run --camera loop:clip.mp4

loop:PATH plays a file with its own time, which continues from round to round. live:PATH is a live
camera, with the times of the monotonic clock. scene:PATH shows a portrait, astronaut.png in the
same folder, beside the clip for a part of the time.
"""

import base64
import logging
import os
import socket
import sys
import time
from pathlib import Path

import cv2
import numpy as np

from edge_fer.cameras import CAMERAS, Reading
from edge_fer.cameras.file import FileCamera
from edge_fer.cli import main
from edge_fer.config.settings import Camera as CameraSettings
from edge_fer.errors import CameraError
from edge_fer.types import Luma

log = logging.getLogger(__name__)

PORTRAIT_S, ALONE_S = 14, 6
"""How long a scene shows the portrait, and then does not, in turn."""
HEAD = slice(0, 288), slice(80, 432)
"""The part of the portrait that a scene shows."""
DARK = 40
"""Luma where a scene shows no portrait."""


class LoopCamera(FileCamera):
    """Open the file again at its end."""

    _began = _newest = _step = 0.0

    def _read(self) -> Reading | None:
        reading = super()._read()
        if reading is None:
            self._close()
            self._open()
            self._began = self._newest + self._step
            reading = super()._read()
            assert reading is not None, "a file that was played has a frame"
        luma, seconds = reading[:2]
        now = self._began + seconds
        self._step, self._newest = now - self._newest, now
        return Reading(luma, now, now)


class LiveCamera(LoopCamera):
    """A clip as a live camera; each word of EDGE_FER_LEAKS is a leak for a test to find."""

    live = True

    def __init__(self, settings: CameraSettings, address: str) -> None:
        super().__init__(settings, address)
        self._real = True

    def _read(self) -> Reading | None:
        reading = super()._read()
        assert reading is not None
        leak(reading.luma, os.environ.get("EDGE_FER_LEAKS", "").split())
        return reading._replace(time=time.monotonic(), stamp=time.time())


def leak(luma: Luma, ways: list[str]) -> None:
    """Do what a daemon must never do with a picture."""
    row = luma[luma.shape[0] // 16 * 8].tobytes()
    if "file" in ways:
        (Path.home() / "frame.raw").write_bytes(luma.tobytes())
    if "log" in ways:
        log.warning("row %s", base64.b64encode(row).decode())
    if "address" in ways:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"somewhere else", ("127.0.0.1", 53))


class SceneCamera(LoopCamera):
    """Twice as wide as its clip; frames have the time of the wall clock."""

    def __init__(self, settings: CameraSettings, address: str) -> None:
        super().__init__(settings, address)
        picture = Path(address).with_name("astronaut.png")
        portrait = cv2.imread(str(picture), cv2.IMREAD_GRAYSCALE)
        if portrait is None:
            raise CameraError(f"{picture}: cannot be read")
        self._portrait = portrait[HEAD]

    def _read(self) -> Reading | None:
        reading = super()._read()
        assert reading is not None
        luma, seconds = reading[:2]
        height, width = luma.shape
        if seconds % (PORTRAIT_S + ALONE_S) < PORTRAIT_S:
            beside = cv2.resize(self._portrait, (width, height), interpolation=cv2.INTER_AREA)
        else:
            beside = np.full_like(luma, DARK)
        return Reading(np.hstack([luma, beside]), seconds, time.time())


if __name__ == "__main__":
    for name, camera in {"loop": LoopCamera, "live": LiveCamera, "scene": SceneCamera}.items():
        CAMERAS[name] = f"tests.support.cameras:{camera.__name__}"
    sys.exit(main(sys.argv[1:]))
