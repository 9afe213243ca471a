"""One run of the daemon under strace, and what it leaves behind."""

import contextlib
import dataclasses
import os
import queue
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from edge_fer.config.broker_url import parse_broker
from edge_fer.mqtt.connection import subscribe
from edge_fer.mqtt.messages import Message
from tests.integration.privacy.trace import strace
from tests.support.broker import Mosquitto, running
from tests.support.daemon import PROGRAM, STUCK_S, options
from tests.support.media import ROOT
from tests.support.wait import wait_until

COMMANDS = (("enabled", b"nonsense"), ("reboot", b"now"), ("enabled", b"OFF"), ("enabled", b"ON"))
START_S = 300.0
SETTINGS = {
    "privacy.acknowledge_use": "research",
    "privacy.interval_s": 3,
    "privacy.min_group": 3,
    "vision.min_face_px": 40,
    "device.name": "porch",
    "stats.interval_s": 2,
    "mqtt.spill_after_s": 0.1,
    "smoothing.hold_s": 0,
    "log.level": "debug",
    "homeassistant.discovery": "on",
}


@dataclasses.dataclass(frozen=True)
class Run:
    """What is left after a run."""

    folder: Path
    port: int
    received: tuple[Message, ...]
    """All messages at the broker."""
    code: int

    @property
    def record(self) -> Path:
        """The record of strace."""
        return self.folder / "trace"

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def notify(self) -> Path:
        """The socket of the service manager."""
        return self.folder / "notify"

    @property
    def outbox(self) -> Path:
        return self.folder / "state" / "edge-fer" / "edge-fer-porch.db"


def run(folder: Path, mode: str, clip: Path, seconds: float, leak: str = "") -> Run:
    """Run the daemon on ``clip`` for a while; its home, state and log are in ``folder``."""
    with (
        running(Mosquitto(folder / "broker")) as broker,
        subscribe(parse_broker(broker.url), ["#"]) as inbox,
    ):
        with _daemon(folder, broker, mode, clip, leak) as process:
            received = _live(process, broker, inbox, seconds)
            os.kill(_child(process), signal.SIGTERM)
            code = process.wait(timeout=STUCK_S)
        received += _drain(inbox)
    return Run(folder, broker.port, tuple(received), code)


def _live(
    process: "subprocess.Popen[bytes]",
    broker: Mosquitto,
    inbox: "queue.SimpleQueue[Message]",
    seconds: float,
) -> list[Message]:
    """Send commands, and stop the broker for a third of the time; return the first messages."""
    received: list[Message] = []

    def has_stats() -> bool:
        assert process.poll() is None, "the daemon has ended"
        with contextlib.suppress(queue.Empty):
            received.append(inbox.get(timeout=1))
        return any(message.topic.endswith("/stats") for message in received)

    wait_until(has_stats, "stats", START_S)
    for name, payload in COMMANDS:
        topic = f"edge-fer/porch/{name}/set"
        command = ["mosquitto_pub", "-p", str(broker.port), "-q", "1", "-t", topic, "-s"]
        subprocess.run(command, input=payload, check=True)
        time.sleep(1)
    time.sleep(seconds / 3)
    broker.stop()
    time.sleep(seconds / 3)
    broker.start()
    time.sleep(seconds / 3)
    return received


@contextlib.contextmanager
def _daemon(
    folder: Path, broker: Mosquitto, mode: str, clip: Path, leak: str
) -> "Iterator[subprocess.Popen[bytes]]":
    home, state, notify = (folder / name for name in ("home", "state", "notify"))
    home.mkdir()
    state.mkdir()
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "XDG_STATE_HOME": str(state),
        "NOTIFY_SOCKET": str(notify),
        "EDGE_FER_LEAKS": leak,
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    addresses = ["--camera", f"live:{clip.resolve()}", "--mqtt", broker.url]
    command = [*PROGRAM, *addresses, *options({**SETTINGS, "privacy.mode": mode})]
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd,
        (folder / "log").open("wb") as log,
    ):
        systemd.bind(str(notify))
        # Without a reader the daemon waits a second for each message.
        threading.Thread(target=_read, args=(systemd,), daemon=True).start()
        process = subprocess.Popen(
            [*strace(folder / "trace"), *command],
            cwd=ROOT,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def _read(systemd: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while systemd.recv(4096):
            pass


def _child(process: "subprocess.Popen[bytes]") -> int:
    """Return the process that strace has started."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return int(children.read_text().split()[0])


def _drain(inbox: "queue.SimpleQueue[Message]") -> list[Message]:
    found: list[Message] = []
    with contextlib.suppress(queue.Empty):
        while True:
            found.append(inbox.get(timeout=1))
    return found
