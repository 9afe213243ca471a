"""The real daemon on a clip that begins anew when it ends, as a child process."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CLIP = ROOT / ".cache" / "carphone_pristine.mp4"
OPTIONS = (
    "privacy.acknowledge_use=research",
    "camera.pace=real",
    "vision.min_face_px=40",
    "stats.interval_s=1",
    "mqtt.outbox=memory",
    "log.level=warning",
)


class Daemon:
    """Runs from `start` on; its device is called ``name``."""

    def __init__(self, url: str, name: str, options: Sequence[str] = ()) -> None:
        self._arguments = ["--mqtt", url, "--set", f"device.name={name}"]
        self._options = [f"--set={option}" for option in (*OPTIONS, *options)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> None:
        """Start it, with these options more."""
        more = [f"--set={option}" for option in options]
        module = [sys.executable, "-m", "tools.torture.looped", "run", "--camera", f"loop:{CLIP}"]
        command = [*module, *self._arguments, *self._options, *more]
        self._process = subprocess.Popen(command, cwd=ROOT)

    def films(self) -> bool:
        """The clip is open in its process."""
        assert self._process is not None
        folder = Path(f"/proc/{self._process.pid}/fd")
        return any(link.resolve() == CLIP for link in folder.iterdir())

    def end(self, number: int = signal.SIGTERM) -> None:
        """Send a signal and wait for the end."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait()
            self._process = None
