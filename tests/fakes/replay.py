"""A clip as a live camera gives it: in its own time, with times of the monotonic clock."""

import time

import msgspec

from edge_fer.cameras import Camera, Reading
from edge_fer.cameras.file import FileCamera
from edge_fer.config.settings import Camera as CameraSettings


class Replay(Camera):
    """Plays the file of its address."""

    live = True

    def __init__(self, settings: CameraSettings, address: str) -> None:
        super().__init__(settings.source)
        self._file = FileCamera(msgspec.structs.replace(settings, pace="real"), address)

    def _open(self) -> None:
        self._file.__enter__()

    def _close(self) -> None:
        self._file.__exit__(None, None, None)

    def _read(self) -> Reading | None:
        frame = next(self._file, None)
        return frame and Reading(frame.luma, time.monotonic(), time.time())
