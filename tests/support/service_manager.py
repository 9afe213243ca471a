"""The daemon as a process of a service manager: the messages and signals of systemd."""

import contextlib
import dataclasses
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.fakes.fifo import Hardware
from tests.support.broker import Mosquitto
from tests.support.media import ROOT
from tests.support.tiny_model import write_tiny_model
from tests.support.wait import DEADLINE_S

LAUNCH = """
import sys
sys.path.insert(0, {root!r})
from edge_fer.cameras import CAMERAS
CAMERAS["fifo"] = CAMERAS["hung"] = "tests.fakes.fifo:FifoCamera"
{more}
from edge_fer.cli import main
sys.exit(main(sys.argv[1:]))
"""

WATCHDOG_S = 0.2


class Managed:
    """A running daemon, its log, and the messages that the service manager received."""

    def __init__(self, process: "subprocess.Popen[bytes]", inbox: socket.socket, log: Path) -> None:
        self.process, self._inbox, self._log = process, inbox, log
        self.messages: list[str] = []

    @property
    def log(self) -> str:
        return self._log.read_text()

    def receive(self, seconds: float) -> list[str]:
        """Return the lines that arrive in that time."""
        lines: list[str] = []
        end = time.monotonic() + seconds
        while select.select([self._inbox], [], [], max(0.0, end - time.monotonic()))[0]:
            lines += self._inbox.recv(4096).decode().splitlines()
            if time.monotonic() > end:
                break
        self.messages += lines
        return lines

    def until(self, wanted: str) -> list[str]:
        """Wait for a line that starts so; return all lines from now to that message."""
        lines: list[str] = []
        end = time.monotonic() + DEADLINE_S
        while not any(line.startswith(wanted) for line in lines):
            assert self.process.poll() is None or select.select([self._inbox], [], [], 0)[0], (
                self.log
            )
            assert time.monotonic() < end, f"never {wanted}: {self.messages}\n{self.log}"
            if select.select([self._inbox], [], [], 0.1)[0]:
                lines += self._inbox.recv(4096).decode().splitlines()
        self.messages += lines
        return lines

    def stop(self) -> tuple[int, float]:
        """Send SIGTERM; return the exit code and the seconds until the process ended."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=DEADLINE_S)
        return code, time.monotonic() - began


@dataclasses.dataclass
class Rig:
    """A camera that is not connected yet, with a face in front of it, and a real broker."""

    folder: Path
    hardware: Hardware
    broker: Mosquitto
    options: list[str]

    @contextlib.contextmanager
    def run(self, *arguments: str, more: str = "") -> Iterator[Managed]:
        """Run ``edge-fer run`` with further arguments; ``more`` is Python that runs before it."""
        address, log = self.folder / "notify", self.folder / "log"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as inbox, log.open("wb") as errors:
            address.unlink(missing_ok=True)
            inbox.bind(str(address))
            environ = {
                **os.environ,
                "NOTIFY_SOCKET": str(address),
                "WATCHDOG_USEC": str(int(WATCHDOG_S * 1e6)),
            }
            launch = LAUNCH.format(root=str(ROOT), more=more)
            program = [sys.executable, "-c", launch, "run", *self.options, *arguments]
            process = subprocess.Popen(program, stderr=errors, env=environ)
            try:
                yield Managed(process, inbox, log)
            finally:
                process.kill()
                process.wait()


@pytest.fixture
def rig(tmp_path: Path, carphone: Path, broker: Mosquitto, short_landmarks: Path) -> Iterator[Rig]:
    film, frames = cv2.VideoCapture(str(carphone)), []
    for _ in range(40):
        frames.append(cv2.cvtColor(film.read()[1], cv2.COLOR_BGR2GRAY).astype(np.uint8))
    hardware = Hardware(tmp_path, frames)
    settings = {
        "model.path": write_tiny_model(tmp_path, "tiny-fp32", temperature=0.2),
        "vision.min_face_px": 40,
        "vision.landmarks": short_landmarks,
        "device.name": "porch",
        "privacy.acknowledge_use": "research",
        "smoothing.enter": 0.2,
        "smoothing.leave": 0.1,
        "stats.interval_s": 0.2,
        "camera.timeout_s": 0.4,
        "camera.source": f"fifo:{hardware.path}",
        "mqtt.brokers": broker.url,
        "mqtt.outbox": tmp_path / "state",
    }
    options = [f"--set={key}={value}" for key, value in settings.items()]
    yield Rig(tmp_path, hardware, broker, [*hardware.options, *options])
    hardware.unplug()
