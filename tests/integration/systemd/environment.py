"""What stands around the unit in the container: a broker with its files, a film, the configuration.

The broker is mosquitto with the files of deploy/mosquitto and TLS. The film is a folder of
pictures; a named pipe among them is a camera that gives no frame until somebody fills it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tests.integration.systemd.machine import HERE, NAME, Machine

UNIT = "edge-fer.service"
CONFIG = "/etc/edge-fer/edge-fer.toml"
DROP_IN = f"/etc/systemd/system/{UNIT}.d/proof.conf"
SECRET = "correct-horse-battery-staple"
FPS = 10
FACE, EMPTY, LONG = 50, 20, 20_000
"""Frames with a face, then without, in turns; frames of the film."""
HANGS_AT = 30
PATIENCE_S = 240.0
"""Long, for a machine that does other things too."""

BASE: dict[str, dict[str, Any]] = {
    "privacy": {"acknowledge_use": "research"},
    "camera": {
        "source": "file:/srv/film",
        "name": "door",
        "fps": FPS,
        "pace": "real",
        "timeout_s": 1,
    },
    "vision": {"min_face_px": 40},
    "mqtt": {"brokers": [f"mqtts://{NAME}@localhost"], "ca_file": "/etc/edge-fer/ca.pem"},
    "log": {"level": "debug"},
}
"""Without a word about a password: that is the credential's."""


class Rig:
    """The unit, by the names that systemctl and journalctl have for things."""

    def __init__(self, machine: Machine, clip: Path) -> None:
        self.machine = machine
        lay_film(machine, clip)
        _lay_broker(machine)
        self.configure()

    def configure(self, **changes: Any) -> None:
        """Write the configuration; ``camera__source="x"`` is [camera] source = "x"."""
        options = {section: dict(values) for section, values in BASE.items()}
        for name, value in changes.items():
            section, key = name.split("__")
            options.setdefault(section, {})[key] = value
        # A JSON string, number or list of them is a TOML value too.
        lines = [
            line
            for section, values in options.items()
            for line in (f"[{section}]", *(f"{k} = {json.dumps(v)}" for k, v in values.items()))
        ]
        self.machine.write(CONFIG, "\n".join(lines) + "\n")

    def drop_in(self, *lines: str) -> None:
        """Add to [Service]; nothing takes the last addition back."""
        if lines:
            self.machine.write(DROP_IN, "\n".join(["[Service]", *lines]) + "\n")
        else:
            self.machine.path(DROP_IN).unlink(missing_ok=True)
        self.machine.tell("systemctl", "daemon-reload")

    def control(self, verb: str, *options: str) -> subprocess.CompletedProcess[str]:
        """``systemctl VERB edge-fer``, as a user types it."""
        return self.machine.run("systemctl", verb, *options, UNIT)

    def fresh(self, **changes: Any) -> None:
        """Stop it, forget its failures, and start it with this configuration."""
        self.control("stop")
        self.control("reset-failed")
        self.configure(**changes)
        self.control("start")

    def show(self, name: str, unit: str = UNIT) -> str:
        """A property."""
        return self.machine.tell("systemctl", "show", unit, f"--property={name}", "--value")

    @property
    def pid(self) -> int:
        """The main process's, in the container."""
        return int(self.show("MainPID"))

    def journal(self, *matches: str) -> list[Mapping[str, Any]]:
        """What the journal has of the unit, its manager's words included."""
        own = matches or (f"--unit={UNIT}",)
        text = self.machine.tell("journalctl", "--output=json", "--no-pager", "--all", *own)
        return [json.loads(line) for line in text.splitlines()]

    def said(self, text: str) -> str:
        """The last line of the journal that has ``text`` in it; empty where none has."""
        lines = [str(entry.get("MESSAGE", "")) for entry in self.journal()]
        return next((line for line in reversed(lines) if text in line), "")

    def fill(self, pipe: str) -> None:
        """Write a picture into a pipe when the camera reads it; a link to it takes its place."""
        path = self.machine.path(pipe)
        until(lambda: _fill(path), "the camera reads the pipe")
        path.unlink()
        path.symlink_to("face-000.png")


def until(reached: Callable[[], Any], what: str, seconds: float = PATIENCE_S) -> float:
    """Wait; the seconds that it took.

    Raises:
        RuntimeError: it did not come.
    """
    began = time.monotonic()
    while not reached():
        if time.monotonic() - began > seconds:
            raise RuntimeError(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.1)
    return time.monotonic() - began


def _fill(pipe: Path) -> bool:
    try:
        end = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        # Nobody reads it yet.
        return False
    try:
        # A pipe takes 64 KB at once, and the picture has less.
        os.write(end, (pipe.parent / "face-000.png").read_bytes())
    finally:
        os.close(end)
    return True


def lay_film(machine: Machine, clip: Path) -> None:
    """/srv/film begins with a pipe, and /srv/hang ends with one."""
    film, hang = machine.path("/srv/film"), machine.path("/srv/hang")
    film.mkdir(parents=True)
    hang.mkdir()
    video, size = cv2.VideoCapture(str(clip)), (0, 0)
    for number in range(FACE):
        frame = cv2.cvtColor(video.read()[1], cv2.COLOR_BGR2GRAY)
        size = frame.shape
        for folder in (film, hang):
            cv2.imwrite(str(folder / f"face-{number:03}.png"), frame)
    cv2.imwrite(str(film / "none.png"), np.full(size, 127, np.uint8))
    os.mkfifo(film / "00000.png")
    for number in range(1, LONG):
        at = number % (FACE + EMPTY)
        (film / f"{number:05}.png").symlink_to(f"face-{at:03}.png" if at < FACE else "none.png")
    for number in range(HANGS_AT):
        (hang / f"{number:05}.png").symlink_to(f"face-{number:03}.png")
    os.mkfifo(hang / f"{HANGS_AT:05}.png")


def _lay_broker(machine: Machine) -> None:
    """The broker, as docs/guides/security.md has it set up: our files, passwords, a certificate."""
    for name in ("edge-fer.conf", "edge-fer.acl"):
        place = "conf.d/" if name.endswith(".conf") else ""
        machine.write(
            f"/etc/mosquitto/{place}{name}", (HERE / "deploy/mosquitto" / name).read_text()
        )
    with tempfile.TemporaryDirectory() as folder:
        for path in _certificates(Path(folder)):
            place = "/etc/edge-fer" if path.name == "ca.pem" else "/etc/mosquitto/certs"
            shutil.copy(path, machine.path(f"{place}/{path.name}"))
    passwords = "/etc/mosquitto/edge-fer.passwords"
    machine.tell("touch", passwords)
    for user, password in ((NAME, SECRET), ("dashboard", "seen")):
        machine.tell("mosquitto_passwd", "-b", passwords, user, password)
    private = [passwords, "/etc/mosquitto/certs/edge-fer.key"]
    machine.tell("chown", "mosquitto:mosquitto", *private)
    machine.tell("chmod", "600", *private)
    machine.path("/etc/credstore").mkdir(mode=0o700, exist_ok=True)
    machine.write("/etc/credstore/edge-fer.mqtt-password", f"{SECRET}\n", 0o600)
    machine.tell("systemctl", "restart", "mosquitto")


def _certificates(folder: Path) -> list[Path]:
    """An authority and what it says about localhost."""

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc")
    openssl(
        "req",
        "-x509",
        *curve,
        "-keyout",
        "ca.key",
        "-out",
        "ca.pem",
        "-subj",
        "/CN=ca",
        "-days",
        "2",
        "-addext",
        "keyUsage=critical,keyCertSign,cRLSign",
    )
    openssl(
        "req",
        "-x509",
        *curve,
        "-keyout",
        "edge-fer.key",
        "-out",
        "edge-fer.crt",
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
        "-subj",
        "/CN=localhost",
        "-days",
        "2",
        "-extensions",
        "usr_cert",
        "-addext",
        "subjectAltName=DNS:localhost",
    )
    (folder / "ca.pem").chmod(0o644)
    return [folder / "ca.pem", folder / "edge-fer.crt", folder / "edge-fer.key"]


@contextlib.contextmanager
def frozen(rig: Rig, unit: str) -> Any:
    """Have none of the unit's processes do anything for a while."""
    rig.machine.tell("systemctl", "kill", "--signal=STOP", unit)
    try:
        yield
    finally:
        rig.machine.run("systemctl", "kill", "--signal=CONT", unit)
