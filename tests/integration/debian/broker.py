"""mosquitto in a bare system, installed and set up by the newcomer's page, for two free ports."""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import time
from collections.abc import Iterator

from release import ROOT, ReleaseError

from tests.support.chroot import Root
from tests.support.ports import free_port

PAGE = ROOT / "docs" / "start" / "first-event.md"
BLOCK = re.compile(r"^```cfg\n(.*?)^```", re.DOTALL | re.MULTILINE)
PLACE = "etc/mosquitto/conf.d/edge-fer.conf"
START_S = 30.0


@contextlib.contextmanager
def mosquitto(root: Root) -> Iterator[tuple[int, int]]:
    """The system's own broker, as the page says; the ports for MQTT and for websockets.

    Ports are other than the page's, which a broker of this machine may have: no chroot has a
    network of its own.

    Raises:
        ReleaseError: it does not start; the text is the end of its log.
    """
    ports = free_port(), free_port()
    (root.folder / PLACE).write_text(documented(*ports))
    # As Debian's unit does.
    root.run("install", "-d", "-o", "mosquitto", "/run/mosquitto")
    command = root.command("mosquitto", "-c", "/etc/mosquitto/mosquitto.conf")
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as broker:
        try:
            _wait(root, broker, ports)
            yield ports
        finally:
            broker.terminate()


def documented(port: int, websockets: int) -> str:
    """The configuration in `PAGE`, for other ports."""
    found = BLOCK.search(PAGE.read_text())
    assert found is not None, f"{PAGE.name} has a configuration for mosquitto"
    return found[1].replace("1883", str(port)).replace("9001", str(websockets))


def _wait(root: Root, broker: subprocess.Popen[bytes], ports: tuple[int, int]) -> None:
    deadline = time.monotonic() + START_S
    while not all(map(_listens, ports)):
        if broker.poll() is not None or time.monotonic() > deadline:
            log = root.folder / "var/log/mosquitto/mosquitto.log"
            said = log.read_text()[-300:] if log.exists() else "no log"
            raise ReleaseError(f"mosquitto does not start: {said}")
        time.sleep(0.05)


def _listens(port: int) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0
