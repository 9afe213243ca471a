"""Several cameras: instances of the templated unit, each a daemon of its own on one broker."""

import json
import queue
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edge_fer.config.broker_url import parse_broker
from edge_fer.demo.demo import PrivateBroker
from edge_fer.mqtt.connection import subscribe
from tests.support.tiny_model import write_tiny_model

FOLDER = Path(__file__).parents[2] / "deploy" / "systemd"
UNIT, TEMPLATE = (FOLDER / name for name in ("edge-fer.service", "edge-fer@.service"))
INSTANCES = ("front", "yard_2")

OWN = {
    "/etc/edge-fer/edge-fer.toml": "/etc/edge-fer/%i.toml",
    "Description=Facial expressions from a camera to MQTT": (
        "Description=Facial expressions from camera %i to MQTT"
    ),
    "StateDirectory=edge-fer\n": "StateDirectory=edge-fer-%i\n",
    "CacheDirectory=edge-fer\n": "CacheDirectory=edge-fer-%i\n",
    "Environment=ORT_DISABLE_TELEMETRY=1\n": "Environment=ORT_DISABLE_TELEMETRY=1\n"
    "# Topics and client id are made of the device's name, so each instance needs its own.\n"
    "Environment=EDGE_FER_DEVICE__NAME=%H-%i EDGE_FER_CAMERA__NAME=%i\n",
}
"""What the template says instead of the unit, and nothing else."""


def without_head(text: str) -> str:
    return text[text.index("[Unit]") :]


def test_the_template_is_the_unit_but_for_what_an_instance_has_of_its_own() -> None:
    expected = without_head(UNIT.read_text())
    for shared, own in OWN.items():
        assert shared in expected
        expected = expected.replace(shared, own)
    assert expected == without_head(TEMPLATE.read_text())


def test_make_install_brings_both_units(tmp_path: Path) -> None:
    said = subprocess.run(
        ["make", "--dry-run", "install", f"DESTDIR={tmp_path}"],
        cwd=FOLDER.parents[1],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    (line,) = (line for line in said.splitlines() if UNIT.name in line and "install -D" in line)
    subprocess.run(line, shell=True, cwd=FOLDER.parents[1], check=True)
    home = tmp_path / "etc/systemd/system"
    assert [UNIT.read_text(), TEMPLATE.read_text()] == [
        (home / file.name).read_text() for file in (UNIT, TEMPLATE)
    ]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
def test_the_template_is_exposed_as_little_as_the_unit(tmp_path: Path) -> None:
    # The offline check takes a file of a unit that could be started.
    instance = tmp_path / "edge-fer@front.service"
    instance.write_text(TEMPLATE.read_text())
    check = ["systemd-analyze", "security", "--offline=true", "--threshold=15", str(instance)]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stdout[-200:]
    verify = subprocess.run(
        ["systemd-analyze", "verify", str(instance)], capture_output=True, text=True, check=False
    )
    complaints = [line for line in verify.stderr.splitlines() if "edge-fer@front" in line]
    assert [] == [line for line in complaints if "is not executable" not in line]


def environment(instance: str) -> dict[str, str]:
    """As systemd makes it of the template's Environment= lines on the host pi4."""
    lines = re.findall(r"^Environment=(.*)$", TEMPLATE.read_text(), re.M)
    words = " ".join(lines).replace("%H", "pi4").replace("%i", instance).split()
    return dict(word.split("=", 1) for word in words)


def test_two_instances_share_a_broker_and_nothing_else(
    carphone: Path,
    tmp_path: Path,
) -> None:
    model = write_tiny_model(tmp_path, temperature=0.2)
    daemons = []
    with PrivateBroker() as broker, subscribe(parse_broker(broker.url), ["edge-fer/#"]) as inbox:
        for instance in INSTANCES:
            config = tmp_path / f"{instance}.toml"
            config.write_text(
                f'[privacy]\nacknowledge_use = "research"\n[camera]\nsource = "file:{carphone}"\n'
                f'[vision]\nmin_face_px = 40\n[model]\npath = "{model}"\n'
                f'[smoothing]\nenter = 0.2\nleave = 0.1\n[mqtt]\nbrokers = ["{broker.url}"]\n'
            )
            state = {"STATE_DIRECTORY": str(tmp_path / f"state-{instance}")}
            command = [
                sys.executable,
                "-m",
                "edge_fer",
                "run",
                "-c",
                str(config),
                "--max-frames=40",
            ]
            path = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
            daemons.append(
                subprocess.Popen(command, env={**path, **environment(instance), **state})
            )
        assert [0, 0] == [daemon.wait(300) for daemon in daemons]
        messages = []
        while True:
            try:
                messages.append(inbox.get(timeout=1))
            except queue.Empty:
                break
    for instance in INSTANCES:
        topic = f"edge-fer/pi4-{instance}"
        own = [m for m in messages if m.topic.startswith(f"{topic}/")]
        states = [json.loads(m.payload)["state"] for m in own if m.topic == f"{topic}/status"]
        assert ["online", "stopped"] == states
        events = [json.loads(m.payload) for m in own if m.topic == f"{topic}/event"]
        assert events
        assert {instance} == {event["camera"] for event in events}
        assert len(events) == len({event["seq"] for event in events})
