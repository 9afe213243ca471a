"""Real Mosquitto brokers: the only place of the tests that starts one."""

import contextlib
import dataclasses
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import ports
from tests.support.wait import wait_until

STARTED_WITHIN_S = 10.0
PERSISTENT = (
    "max_queued_messages 0",
    "persistence true",
    "autosave_on_changes true",
    "autosave_interval 1",
)
"""Configuration of a broker that keeps its messages over a restart."""


@dataclasses.dataclass
class Mosquitto:
    """A broker with its own port, which `stop` and `start` keep."""

    folder: Path
    port: int = dataclasses.field(default_factory=ports.free_port)
    host: str = "127.0.0.1"
    user: str | None = None
    password: str | None = None
    websockets: int | None = None
    """A second port, for MQTT over websockets."""
    persistent: bool = False
    """Keep sessions and messages on disk, as `PERSISTENT` says."""
    process: "subprocess.Popen[bytes] | None" = None
    _lock: threading.Lock = dataclasses.field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        user = f"{self.user}@" if self.user else ""
        return f"mqtt://{user}{self.host}:{self.port}"

    @property
    def websocket(self) -> str:
        return f"ws://{self.host}:{self.websockets}"

    def start(self) -> None:
        """Start it and wait until it accepts connections."""
        with self._lock, (self.folder / "mosquitto.log").open("ab") as log:
            arguments = [find_mosquitto(), "-c", str(self._config())]
            self.process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=log)
            wait_until(self._is_up, "mosquitto accepts connections", STARTED_WITHIN_S)

    def stop(self, number: int | None = None) -> None:
        """End it by that signal; a persistent broker by SIGTERM, so that it saves what it has."""
        with self._lock:
            if self.process is not None:
                default = signal.SIGTERM if self.persistent else signal.SIGKILL
                self.process.send_signal(number or default)
                self.process.wait()
                self.process = None

    def restart(self, number: int | None = None) -> None:
        """End it by that signal and start it again at once."""
        self.stop(number)
        self.start()

    def send(self, number: int) -> None:
        """Send it a signal."""
        if self.process is not None:
            self.process.send_signal(number)

    def accepts(self, port: int) -> bool:
        return ports.accepts(self.host, port)

    def _is_up(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "mosquitto.log").read_text()
        return all(self.accepts(port) for port in (self.port, self.websockets) if port)

    def _config(self) -> Path:
        lines = [f"listener {self.port} {self.host}", "user root"]
        if self.user and self.password:
            passwords = self.folder / "passwords"
            subprocess.run(
                ["mosquitto_passwd", "-b", "-c", str(passwords), self.user, self.password],
                check=True,
                capture_output=True,
            )
            lines += ["allow_anonymous false", f"password_file {passwords}"]
        else:
            lines += ["allow_anonymous true"]
        if self.persistent:
            lines += [*PERSISTENT, f"persistence_location {self.folder}/"]
        else:
            lines += ["persistence false"]
        if self.websockets:
            lines += [f"listener {self.websockets} {self.host}", "protocol websockets"]
        config = self.folder / "mosquitto.conf"
        config.write_text("\n".join(lines) + "\n")
        return config


@contextlib.contextmanager
def running(broker: Mosquitto) -> Iterator[Mosquitto]:
    """Run a broker within the context."""
    broker.folder.mkdir(parents=True, exist_ok=True)
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()


def find_mosquitto() -> str:
    """Return the path of the program; skip the test if it is not installed."""
    # Debian keeps it in sbin, which is not on every user's path.
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if found is None or shutil.which("mosquitto_passwd") is None:
        pytest.skip("mosquitto is not installed (apt install mosquitto mosquitto-clients)")
    return found


@pytest.fixture(name="free_port")
def _free_port() -> int:
    return ports.free_port()


@pytest.fixture
def broker(tmp_path: Path, free_port: int) -> Iterator[Mosquitto]:
    with running(Mosquitto(tmp_path, free_port)) as broker:
        yield broker


@pytest.fixture
def second_broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with running(Mosquitto(tmp_path / "second")) as broker:
        yield broker


@pytest.fixture
def locked_broker(tmp_path: Path, free_port: int) -> Iterator[Mosquitto]:
    """A broker that accepts only the user camera with the password "correct horse"."""
    locked = Mosquitto(tmp_path, free_port, user="camera", password="correct horse")
    with running(locked) as broker:
        yield broker


@pytest.fixture
def web_broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker that browsers reach over websockets."""
    with running(Mosquitto(tmp_path, websockets=ports.free_port())) as broker:
        yield broker
