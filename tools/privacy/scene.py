"""One run of the daemon under strace: what happens to it meanwhile, and what it leaves behind."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from edge_fer.config.broker_url import parse_broker
from edge_fer.mqtt.connection import subscribe
from edge_fer.mqtt.messages import Message
from tools.ports import free_port
from tools.privacy.trace import strace

ROOT = Path(__file__).parents[2]
DEADLINE_S = 300.0
COMMANDS = (("enabled", b"nonsense"), ("reboot", b"now"), ("enabled", b"OFF"), ("enabled", b"ON"))


@dataclasses.dataclass(frozen=True)
class Scene:
    """All that is left when it is over."""

    folder: Path
    port: int
    heard: tuple[Message, ...]
    """By a subscriber to everything."""
    code: int

    @property
    def record(self) -> Path:
        """Of strace."""
        return self.folder / "trace"

    @property
    def log(self) -> Path:
        """The daemon's standard error."""
        return self.folder / "log"

    @property
    def notify(self) -> Path:
        """The socket on which it tells systemd how it is."""
        return self.folder / "notify"

    @property
    def outbox(self) -> Path:
        """Where it keeps what no broker has."""
        return self.folder / "state" / "edge-fer" / "edge-fer-porch.db"


class _Broker:
    """A mosquitto on a port of its own."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._config = folder / "mosquitto.conf"
        self._config.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\n")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            ["mosquitto", "-c", str(self._config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin"},
        )
        while self._process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return
            time.sleep(0.02)
        raise RuntimeError("mosquitto does not start")

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def play(folder: Path, mode: str, clip: Path, seconds: float, leak: str = "") -> Scene:
    """Run the daemon on ``clip`` for a while; its home, state and log are in ``folder``."""
    broker = _Broker(folder)
    broker.start()
    try:
        with subscribe(parse_broker(f"mqtt://127.0.0.1:{broker.port}"), ["#"]) as inbox:
            with _daemon(folder, broker.port, mode, clip, leak) as process:
                _live(process, broker, inbox, seconds)
                process_id = _child(process)
                os.kill(process_id, signal.SIGTERM)
                code = process.wait(timeout=DEADLINE_S)
            heard = tuple(_drain(inbox))
    finally:
        broker.stop()
    return Scene(folder, broker.port, heard, code)


def _live(
    process: subprocess.Popen[bytes],
    broker: _Broker,
    inbox: queue.SimpleQueue[Message],
    seconds: float,
) -> None:
    """What happens to it."""
    waiting = time.monotonic() + DEADLINE_S
    kept: list[Message] = []
    while not any(message.topic.endswith("/stats") for message in kept):
        if process.poll() is not None or time.monotonic() > waiting:
            raise RuntimeError("the daemon does not get going")
        with contextlib.suppress(queue.Empty):
            kept.append(inbox.get(timeout=1))
    for name, payload in COMMANDS:
        _publish(broker.port, f"edge-fer/porch/{name}/set", payload)
        time.sleep(1)
    time.sleep(seconds / 3)
    broker.stop()
    time.sleep(seconds / 3)
    broker.start()
    time.sleep(seconds / 3)
    for message in kept:
        inbox.put(message)


@contextlib.contextmanager
def _daemon(
    folder: Path, port: int, mode: str, clip: Path, leak: str
) -> Iterator[subprocess.Popen[bytes]]:
    settings = {
        "privacy.acknowledge_use": "research",
        "privacy.mode": mode,
        "privacy.interval_s": 3,
        "privacy.min_group": 3,
        "vision.min_face_px": 40,
        "device.name": "porch",
        "stats.interval_s": 2,
        "mqtt.spill_after_s": 0.1,
        "mqtt.brokers": f"mqtt://127.0.0.1:{port}",
        "smoothing.hold_s": 0,
        "log.level": "debug",
        "homeassistant.discovery": "on",
    }
    home = folder / "home"
    home.mkdir()
    (folder / "state").mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(folder / "notify"))
        # Somebody has to listen, or the daemon waits a second for each message.
        threading.Thread(target=_listen, args=(systemd,), daemon=True).start()
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "XDG_STATE_HOME": str(folder / "state"),
            "NOTIFY_SOCKET": str(folder / "notify"),
            "EDGE_FER_LEAKS": leak,
            "PYTHONPATH": str(ROOT),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        command = [
            *strace(folder / "trace"),
            sys.executable,
            "-m",
            "tools.privacy.eye",
            "run",
            "--camera",
            f"eye:{clip.resolve()}",
            *(f"--set={name}={value}" for name, value in settings.items()),
        ]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                command, cwd=ROOT, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
            try:
                yield process
            finally:
                process.kill()
                process.wait()


def _listen(systemd: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while systemd.recv(4096):
            pass


def _child(process: subprocess.Popen[bytes]) -> int:
    """What strace has started."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return int(children.read_text().split()[0])


def _publish(port: int, topic: str, payload: bytes) -> None:
    command = ["mosquitto_pub", "-p", str(port), "-q", "1", "-t", topic, "-s"]
    subprocess.run(command, input=payload, check=True)


def _drain(inbox: queue.SimpleQueue[Message]) -> Iterator[Message]:
    with contextlib.suppress(queue.Empty):
        while True:
            yield inbox.get(timeout=1)
