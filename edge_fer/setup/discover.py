"""What is there to choose from at a first start: cameras on this machine, brokers around it.

Opens no camera and calls no broker; whether they work is for `edge_fer.setup.checks` to say.
"""

import dataclasses
import importlib.util
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from edge_fer.sysfs import number, text

_SERVICES: Final = {"_mqtt._tcp": "", "_home-assistant._tcp": "1883"}
"""What mDNS calls a broker, and what has one beside it; the port where it is not the service's."""

_BROWSE_S: Final = 10.0
_CONNECT_S: Final = 0.5


@dataclasses.dataclass(frozen=True, slots=True)
class Choice:
    """Something to choose."""

    value: str
    """As in the configuration: camera.source or one of mqtt.brokers."""
    name: str
    """What it calls itself; may be empty."""


def find_cameras(root: Path = Path("/")) -> list[Choice]:
    """Return the Pi's own camera where picamera2 is installed, then the video devices."""
    own = [Choice("picamera2:0", "the Pi's camera")] if _has_pi_camera(root) else []
    nodes = (root / "sys/class/video4linux").glob("video*")
    return own + [
        Choice(f"v4l2:/dev/{node.name}", text(node / "name") or "")
        for node in sorted(nodes, key=lambda node: int(re.sub(r"\D", "", node.name) or 0))
        # A camera's further nodes give metadata; the stages of a Pi's give no pictures by V4L2.
        if number(node / "index") == 0 and not _is_stage(text(node / "name") or "")
    ]


def _has_pi_camera(root: Path) -> bool:
    names = (text(file) or "" for file in (root / "sys/class/video4linux").glob("video*/name"))
    return any(map(_is_stage, names)) and importlib.util.find_spec("picamera2") is not None


def _is_stage(name: str) -> bool:
    """Part of a Raspberry Pi's camera, image processor or codec, by the driver's name."""
    return bool(re.match(r"(unicam|rp1-cfe|bcm2835-(isp|codec)|pispbe|rpi-hevc)", name))


def find_brokers() -> list[Choice]:
    """Return a broker on this machine, then those that mDNS knows, where avahi-browse is there."""
    found = [Choice("mqtt://localhost:1883", "on this machine")] if _is_here() else []
    found += [choice for service in _SERVICES for choice in _browse(service)]
    return list({choice.value: choice for choice in reversed(found)}.values())[::-1]


def _is_here() -> bool:
    try:
        with socket.create_connection(("localhost", 1883), _CONNECT_S):
            return True
    except OSError:
        return False


def _browse(service: str) -> Iterator[Choice]:
    program = shutil.which("avahi-browse")
    if program is None:
        return
    command = [program, "--resolve", "--parsable", "--terminate", service]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=_BROWSE_S).stdout
    except (OSError, subprocess.SubprocessError):
        return
    for line in answer.splitlines():
        # "=", interface, protocol, name, type, domain, host, address, port, texts
        fields = line.split(";")
        if fields[0] == "=" and len(fields) >= 9 and fields[2] == "IPv4":
            port = _SERVICES[service] or fields[8]
            yield Choice(f"mqtt://{fields[7]}:{port}", _plain(fields[3]))


def _plain(name: str) -> str:
    r"""Undo avahi's escapes: decimal codes, such as ``\032`` for a blank."""
    codes = re.sub(r"\\(\d{3})", lambda code: chr(int(code[1]) % 256), name)
    return "".join(char for char in codes.replace("\\", "") if char.isprintable())
