"""Fixtures that tests of several rooms share: real brokers, and where media and data are."""

import dataclasses
import itertools
import logging
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_fer.errors import ModelError
from edge_fer.vision.landmarks import find_landmarks
from tools import ports

pytest_plugins = ("support.skips",)

STARTED_WITHIN_S = 10.0


@dataclasses.dataclass
class Mosquitto:
    """A real broker on a port of its own; `stop` and `start` keep the port, but no messages."""

    folder: Path
    port: int
    host: str = "127.0.0.1"
    user: str | None = None
    password: str | None = None
    websockets: int | None = None
    """A second port, on which browsers speak MQTT."""
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        user = f"{self.user}@" if self.user else ""
        return f"mqtt://{user}{self.host}:{self.port}"

    def start(self) -> None:
        with (self.folder / "mosquitto.log").open("ab") as log:
            arguments = [_mosquitto(), "-c", str(self._config())]
            self.process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=log)
        deadline = time.monotonic() + STARTED_WITHIN_S
        while not all(self._accepts(port) for port in (self.port, self.websockets) if port):
            assert self.process.poll() is None, (self.folder / "mosquitto.log").read_text()
            assert time.monotonic() < deadline, "mosquitto did not start"
            time.sleep(0.01)

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def _accepts(self, port: int) -> bool:
        try:
            socket.create_connection((self.host, port), timeout=1).close()
        except OSError:
            return False
        return True

    def _config(self) -> Path:
        lines = [f"listener {self.port} {self.host}", "persistence false", "user root"]
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
        if self.websockets:
            lines += [f"listener {self.websockets} {self.host}", "protocol websockets"]
        config = self.folder / "mosquitto.conf"
        config.write_text("\n".join(lines) + "\n")
        return config


def _mosquitto() -> str:
    # Debian keeps it in sbin, which is not on every user's path.
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if found is None or shutil.which("mosquitto_passwd") is None:
        pytest.skip("mosquitto is not installed (apt install mosquitto)")
    return found


@pytest.fixture(scope="session", autouse=True)
def _states(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Folders for what a daemon of a test keeps; a fresh one in the environment."""
    os.environ.pop("STATE_DIRECTORY", None)
    folders = tmp_path_factory.mktemp("state")
    states = (folders / str(number) for number in itertools.count())
    os.environ["XDG_STATE_HOME"] = str(next(states))
    return states


@pytest.fixture(autouse=True)
def _own_state(_states: Iterator[Path]) -> Iterator[None]:
    """What a daemon keeps is not the user's, and a pause is not the next test's.

    The next folder is there when a test ends: what its module shares starts ahead of it.
    """
    yield
    os.environ["XDG_STATE_HOME"] = str(next(_states))


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    """A command's handler writes to the stderr of its test, which is closed at the end."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(scope="session")
def landmarks() -> Path:
    """The stock landmark file."""
    try:
        return find_landmarks()
    except ModelError as error:
        pytest.skip(str(error))


@pytest.fixture(name="free_port")
def _free_port() -> int:
    return ports.free_port()


@pytest.fixture
def broker(tmp_path: Path, free_port: int) -> Iterator[Mosquitto]:
    yield from _running(Mosquitto(tmp_path, free_port))


@pytest.fixture
def second_broker(tmp_path: Path) -> Iterator[Mosquitto]:
    folder = tmp_path / "second"
    folder.mkdir()
    port = ports.free_port()
    yield from _running(Mosquitto(folder, port))


@pytest.fixture
def locked_broker(tmp_path: Path, free_port: int) -> Iterator[Mosquitto]:
    """It lets in nobody but camera with the password "correct horse"."""
    yield from _running(Mosquitto(tmp_path, free_port, user="camera", password="correct horse"))


def _running(broker: Mosquitto) -> Iterator[Mosquitto]:
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture(scope="session")
def media() -> Path:
    """Folder with test pictures and clips."""
    return _folder("EDGE_FER_MEDIA")


@pytest.fixture(scope="session")
def data() -> Path:
    """Folder with data sets."""
    return _folder("EDGE_FER_DATA")


def _folder(variable: str) -> Path:
    value = os.environ.get(variable)
    if not value:
        pytest.skip(f"{variable} is not set")
    folder = Path(value)
    if not folder.is_dir():
        pytest.skip(f"{variable} = {value}: no such folder")
    return folder
