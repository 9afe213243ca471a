"""A live camera whose driver is a named pipe, and the process that is its hardware.

The writer is a separate process, so that a signal can stall (SIGSTOP) or unplug it (SIGKILL).
"""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_fer.cameras import Camera, Reading
from edge_fer.config.settings import Camera as CameraSettings

WRITER = """
import array, fcntl, os, sys, termios, time
path, film, size, fps = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
data = open(film, "rb").read()
pipe = os.open(path, os.O_RDWR)
fcntl.fcntl(pipe, 1031, 1 << 20)  # F_SETPIPE_SZ: room for a whole frame
waiting = array.array("i", [0])
while True:
    for start in range(0, len(data), size):
        fcntl.ioctl(pipe, termios.FIONREAD, waiting)
        if not waiting[0]:
            os.write(pipe, data[start : start + size])
        time.sleep(1 / fps)
"""
"""It keeps one frame in the pipe, as a camera with one buffer does."""


class FifoCamera(Camera):
    """Reads raw luma of the configured size.

    "fifo:PATH" answers within `camera.timeout_s`, as the cameras of edge-fer do; "hung:PATH" is a
    driver whose read never returns.
    """

    live = True

    def __init__(self, settings: CameraSettings, address: str) -> None:
        super().__init__(settings.source)
        self._path, self._settings = address, settings
        self._hangs = settings.source.startswith("hung")
        self._pipe: int | None = None

    def _open(self) -> None:
        try:
            self._pipe = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK)
        except OSError:
            raise self.error("cannot be opened; is it plugged in?") from None
        # Discard the rest of a frame that was not read to its end.
        while select.select([self._pipe], [], [], 0)[0] and os.read(self._pipe, 1 << 20):
            pass
        os.set_blocking(self._pipe, self._hangs)

    def _close(self) -> None:
        pipe, self._pipe = self._pipe, None
        if pipe is not None:
            os.close(pipe)

    def _read(self) -> Reading:
        assert self._pipe is not None
        width, height = self._settings.width, self._settings.height
        data = b""
        while len(data) < width * height:
            wait = None if self._hangs else self._settings.timeout_s
            if not select.select([self._pipe], [], [], wait)[0]:
                raise self.error(f"no frame for {wait:g} s")
            part = os.read(self._pipe, width * height - len(data))
            if not part:
                raise self.error("is unplugged")
            data += part
        luma = np.frombuffer(data, np.uint8).reshape(height, width).copy()
        return Reading(luma, time.monotonic(), time.time())


class Hardware:
    """The device behind the pipe: plays frames (H, W) in a loop until it is unplugged."""

    def __init__(self, folder: Path, frames: Sequence[NDArray[np.uint8]], fps: float = 20) -> None:
        self.path, self._film = folder / "camera", folder / "film.raw"
        self._film.write_bytes(b"".join(frame.tobytes() for frame in frames))
        self._arguments = [str(self.path), str(self._film), str(frames[0].size), str(fps)]
        self._process: subprocess.Popen[bytes] | None = None
        height, width = frames[0].shape
        self.options = [f"--set=camera.width={width}", f"--set=camera.height={height}"]

    def plug(self) -> None:
        os.mkfifo(self.path)
        self._process = subprocess.Popen([sys.executable, "-S", "-c", WRITER, *self._arguments])

    def unplug(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
            self.path.unlink()

    def stall(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def held_by(self, process_id: int) -> bool:
        links = Path(f"/proc/{process_id}/fd").iterdir()
        return any(str(link.readlink()) == str(self.path) for link in links if link.is_symlink())
