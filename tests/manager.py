"""The daemon as a process under a service manager's eyes: what systemd would hear and send."""

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
from typing import Any

import cv2
import pytest
from faces import carphone  # noqa: F401  a fixture
from fakes.fifo import Hardware
from talk import DEADLINE_S
from tiny_model import write_tiny_model

from edge_fer.errors import ModelError
from edge_fer.vision.landmarks import find_landmarks

LAUNCH = """
import sys
sys.path.insert(0, {tests!r})
from edge_fer.cameras import CAMERAS
CAMERAS["fifo"] = CAMERAS["hung"] = "fakes.fifo:FifoCamera"
{more}
from edge_fer.cli import main
sys.exit(main(sys.argv[1:]))
"""

WATCHDOG_S = 0.2


class Managed:
    """A running daemon, the messages it has sent so far, and its log."""

    def __init__(self, process: "subprocess.Popen[bytes]", inbox: socket.socket, log: Path) -> None:
        self.process, self._inbox, self._log = process, inbox, log
        self.messages: list[str] = []

    @property
    def log(self) -> str:
        return self._log.read_text()

    def hear(self, seconds: float) -> list[str]:
        """What comes in that time."""
        heard: list[str] = []
        end = time.monotonic() + seconds
        while select.select([self._inbox], [], [], max(0.0, end - time.monotonic()))[0]:
            heard += self._inbox.recv(4096).decode().splitlines()
            if time.monotonic() > end:
                break
        self.messages += heard
        return heard

    def until(self, wanted: str) -> list[str]:
        """Listen until a line begins so; gives all lines from now to that one's message."""
        heard: list[str] = []
        end = time.monotonic() + DEADLINE_S
        while not any(line.startswith(wanted) for line in heard):
            assert self.process.poll() is None or select.select([self._inbox], [], [], 0)[0], (
                self.log
            )
            assert time.monotonic() < end, f"never {wanted}: {self.messages}\n{self.log}"
            if select.select([self._inbox], [], [], 0.1)[0]:
                heard += self._inbox.recv(4096).decode().splitlines()
        self.messages += heard
        return heard

    def stop(self) -> tuple[int, float]:
        """SIGTERM; the exit code and the seconds until it ended."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=DEADLINE_S)
        return code, time.monotonic() - began


@dataclasses.dataclass
class Rig:
    """A camera that is not plugged in yet, with a face in front of it, and a real broker."""

    folder: Path
    hardware: Hardware
    broker: Any
    options: list[str]

    @contextlib.contextmanager
    def run(self, *arguments: str, more: str = "") -> Iterator[Managed]:
        """``edge-fer run`` with these arguments too; ``more`` is Python to run ahead of it."""
        tests = str(Path(__file__).parent)
        address, log = self.folder / "notify", self.folder / "log"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as inbox, log.open("wb") as errors:
            address.unlink(missing_ok=True)
            inbox.bind(str(address))
            environ = {
                **os.environ,
                "NOTIFY_SOCKET": str(address),
                "WATCHDOG_USEC": str(int(WATCHDOG_S * 1e6)),
            }
            launch = LAUNCH.format(tests=tests, more=more)
            program = [sys.executable, "-c", launch, "run", *self.options, *arguments]
            process = subprocess.Popen(program, stderr=errors, env=environ)
            try:
                yield Managed(process, inbox, log)
            finally:
                process.kill()
                process.wait()


@pytest.fixture
def rig(tmp_path: Path, carphone: Path, broker: Any) -> Iterator[Rig]:  # noqa: F811
    try:
        find_landmarks()
    except ModelError as error:
        pytest.skip(str(error))
    film, frames = cv2.VideoCapture(str(carphone)), []
    for _ in range(40):
        frames.append(cv2.cvtColor(film.read()[1], cv2.COLOR_BGR2GRAY))
    hardware = Hardware(tmp_path, frames)
    settings = {
        "model.path": write_tiny_model(tmp_path, "tiny-fp32", temperature=0.2),
        "vision.min_face_px": 40,
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
