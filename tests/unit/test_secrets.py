"""A password is in its file and nowhere else: not in arguments, environment or log."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import ports
from tests.support.broker import Mosquitto
from tests.support.service_manager import Rig
from tests.support.wait import wait_until

SECRET = "correct-horse-battery-staple"


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker that wants the password."""
    folder = tmp_path / "locked"
    folder.mkdir()
    port = ports.free_port()
    broker = Mosquitto(folder, port, user="porch", password=SECRET)
    broker.start()
    yield broker
    broker.stop()


@pytest.mark.parametrize(
    ("password", "expected"),
    [(SECRET, "connected"), (f"not-{SECRET}", "bad user name or password")],
    ids=["right", "wrong"],  # the temporary folder has the name in it
)
def test_a_running_daemon_shows_its_password_nowhere(
    rig: Rig,
    locked: Mosquitto,
    password: str,
    expected: str,
) -> None:
    file = rig.folder / "password"
    file.write_text(f"{password}\n")
    file.chmod(0o600)
    options = {"brokers": locked.url, "password_file": file, "drain_s": 0}
    rig.hardware.plug()
    settings = [f"--set=mqtt.{name}={value}" for name, value in options.items()]
    with rig.run(*settings, "--set=log.level=debug") as daemon:
        daemon.until("READY=1")
        wait_until(lambda: expected in daemon.log, expected)
        proc = Path(f"/proc/{daemon.process.pid}")
        seen = [(proc / name).read_bytes() for name in ("cmdline", "environ")]
        assert str(file).encode() in seen[0]
        daemon.stop()
        seen.append(daemon.log.encode())
    assert not any(SECRET.encode() in text for text in seen)
