"""A first start by questions on a terminal, a second one, and the boot after them."""

from __future__ import annotations

import contextlib
import json
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edge_fer.config.load import load
from edge_fer.config.settings import Settings
from tests.integration.systemd.environment import CONFIG, UNIT, lay_film, until
from tests.integration.systemd.finding import Finding, same
from tests.integration.systemd.life import events, listening
from tests.integration.systemd.machine import HERE, NAME, Machine, booted
from tests.integration.systemd.terminal import converse

PROGRAM = "/opt/edge-fer/bin/edge-fer"
CLIP = HERE / ".cache" / "carphone_pristine.mp4"
FILM = "file:/srv/film"
BROKER = "mqtt://localhost:1883"
LISTEN = ("mosquitto_sub", "-t", "#", "-F", "%j", "-q", "1")
GIVEN = ("--set", "camera.pace=real", "--set", "camera.fps=10", "--set", "vision.min_face_px=40")
"""So that the film lasts; nobody is asked about these."""

ANSWERS = (
    (r"use: $", "research"),
    (r"camera \[v4l2:/dev/video0\]: $", FILM),
    (rf"1  {BROKER}  on this machine\s+broker \[{BROKER}\]: $", "1"),
    (r"Announce this device to Home Assistant\? \[y/N\]: $", "y"),
    (r"Start the service now and at every boot\? \[Y/n\]: $", ""),
)
AGAIN = (
    (r"use \[research\]: $", ""),
    (rf"camera \[{FILM}\]: $", ""),
    (rf"broker \[{BROKER}\]: $", ""),
    (r"Announce this device to Home Assistant\? \[Y/n\]: $", ""),
    (r"Start the service now and at every boot\? \[Y/n\]: $", ""),
)


def asked(root: Path) -> Iterator[Finding]:
    """All of it, on a copy of the Debian that is thrown away."""
    with _copy(root) as disk:
        with booted(disk, keep=True) as machine:
            lay_camera(machine)
            yield from _first(machine)
            yield from _second(machine)
        with booted(disk, keep=True) as machine:
            yield from _runs(machine, "after the machine was booted again", "hall")


def _first(machine: Machine) -> Iterator[Finding]:
    before = state(machine)
    status, shown = converse([*machine.enter, PROGRAM, "setup", *GIVEN], ANSWERS)
    yield ended("asked on a terminal; the broker is the one it has found", status, shown)
    yield same(
        "/etc/edge-fer/edge-fer.toml has the answers",
        f"research {FILM} {BROKER} on",
        answers(written(machine)),
    )
    yield same(
        "the service, before and after",
        "disabled, inactive; enabled, active",
        f"{before}; {state(machine)}",
    )
    yield from _runs(machine, "after setup", "cam0")


def _second(machine: Machine) -> Iterator[Finding]:
    """Enter to every question, after a line was changed by hand."""
    config = machine.path(CONFIG)
    named = config.read_text().replace('name = "cam0"', 'name = "hall"')
    config.write_text(named)
    status, shown = converse([*machine.enter, PROGRAM, "setup"], AGAIN)
    yield ended("setup once more, with Enter to every question", status, shown)
    settings = written(machine)
    yield same(
        "it keeps the answers, what was given by --set, and what was changed by hand",
        f"research {FILM} {BROKER} on, 10 frames/s, camera hall",
        f"{answers(settings)}, {settings.camera.fps:g} frames/s, camera {settings.camera.name}",
    )
    kept = machine.path(f"{CONFIG}.old").read_text()
    yield same("a copy of the file as it was", "the same", "the same" if kept == named else kept)


def _runs(machine: Machine, when: str, camera: str) -> Iterator[Finding]:
    """The unit is up, and a subscriber hears an event, status and discovery of it."""
    until(lambda: show(machine, "StatusText") == "watching", "watching")
    with listening(machine, LISTEN) as heard:
        until(lambda: [e for e in events(heard) if e["payload"]["camera"] == camera], "an event")
        event = events(heard)[0]
        topics = _retained(heard)
    status = topics.get(f"edge-fer/{NAME}/status")
    yield same(
        f"{when}: the unit; a subscriber receives status, discovery and an event",
        f"enabled, active: watching; online; {NAME}; camera {camera}",
        f"{state(machine)}: {show(machine, 'StatusText')}; "
        f"{json.loads(status)['state'] if status else 'no status'}; "
        f"{_announced(topics)}; camera {event['payload']['camera']}",
    )


def _retained(heard: Path) -> dict[str, str]:
    messages = [json.loads(line) for line in heard.read_text().splitlines()]
    return {item["topic"]: item.get("payload", "") for item in messages if item["retain"]}


def _announced(topics: dict[str, str]) -> Any:
    """The device's name in Home Assistant's discovery message."""
    found = [text for topic, text in topics.items() if topic.startswith("homeassistant/device/")]
    return json.loads(found[0])["device"]["name"] if found else "no discovery"


def lay_camera(machine: Machine) -> None:
    """The film, without the pipes that hold it up."""
    lay_film(machine, CLIP)
    open_film(machine)


def open_film(machine: Machine) -> None:
    """Put a picture in the place of the pipe that it begins with."""
    pipe = machine.path("/srv/film/00000.png")
    pipe.unlink()
    pipe.symlink_to("face-000.png")


def show(machine: Machine, name: str) -> str:
    """A property of the unit."""
    return machine.tell("systemctl", "show", UNIT, f"--property={name}", "--value")


def state(machine: Machine) -> str:
    """Whether the unit starts at boot, and whether it runs."""
    asks = (machine.run("systemctl", verb, UNIT) for verb in ("is-enabled", "is-active"))
    return ", ".join(done.stdout.strip() for done in asks)


def written(machine: Machine) -> Settings:
    """What the configuration says."""
    return load(machine.path(CONFIG), environ={})


def answers(settings: Settings) -> str:
    """What setup asks about."""
    parts = (settings.privacy.acknowledge_use, settings.camera.source, *settings.mqtt.brokers)
    return " ".join((*parts, settings.homeassistant.discovery))


def ended(shown: str, status: int, text: str) -> Finding:
    """It said at last that the service runs."""
    last = text.strip().splitlines()[-1] if text.strip() else ""
    return same(
        shown,
        "exit status 0: started; for its status run: systemctl status edge-fer",
        f"exit status {status}: {last}",
    )


@contextlib.contextmanager
def _copy(root: Path) -> Iterator[Path]:
    """The same files, to write to; gone at the end."""
    with tempfile.TemporaryDirectory(dir=root.parent, prefix="copy-") as scratch:
        upper, work, disk = (Path(scratch, name) for name in ("upper", "work", "root"))
        for place in (upper, work, disk):
            place.mkdir()
        options = f"lowerdir={root},upperdir={upper},workdir={work}"
        mount = ["mount", "-t", "overlay", "-o", options, "overlay", str(disk)]
        subprocess.run(mount, check=True)
        try:
            yield disk
        finally:
            subprocess.run(["umount", "--lazy", str(disk)], check=False)
