"""Discover cameras on this machine and brokers on the network, for the first start.

This module opens no camera and logs in at no broker; `edge_fer.setup.checks` tests them.
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
"""mDNS services of a broker, and of hosts that usually run one; the port if it differs."""

_BROWSE_S: Final = 10.0
_CONNECT_S: Final = 0.5


@dataclasses.dataclass(frozen=True, slots=True)
class Choice:
    """A camera or broker to choose."""

    value: str
    """Value of the option: camera.source, or an item of mqtt.brokers."""
    name: str
    """Its own name; may be empty."""


def find_cameras(root: Path = Path("/")) -> list[Choice]:
    """Return the Pi's camera if picamera2 is installed, then the video devices."""
    own = [Choice("picamera2:0", "Raspberry Pi camera")] if _has_pi_camera(root) else []
    nodes = (root / "sys/class/video4linux").glob("video*")
    return own + [
        Choice(f"v4l2:/dev/{node.name}", text(node / "name") or "")
        for node in sorted(nodes, key=lambda node: int(re.sub(r"\D", "", node.name) or 0))
        # Further nodes of a camera deliver metadata; the Pi's stages deliver no pictures by V4L2.
        if number(node / "index") == 0 and not _is_stage(text(node / "name") or "")
    ]


def _has_pi_camera(root: Path) -> bool:
    names = (text(file) or "" for file in (root / "sys/class/video4linux").glob("video*/name"))
    return any(map(_is_stage, names)) and importlib.util.find_spec("picamera2") is not None


def _is_stage(name: str) -> bool:
    """Return True for a part of a Pi's camera, image processor or codec, by driver name."""
    return bool(re.match(r"(unicam|rp1-cfe|bcm2835-(isp|codec)|pispbe|rpi-hevc)", name))


def find_brokers() -> list[Choice]:
    """Return a broker on this machine, then those found by mDNS if avahi-browse is installed."""
    found = [Choice("mqtt://localhost:1883", "on this machine")] if _has_local_broker() else []
    found += [choice for service in _SERVICES for choice in _browse(service)]
    return list({choice.value: choice for choice in reversed(found)}.values())[::-1]


def _has_local_broker() -> bool:
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
    r"""Decode avahi's escapes: decimal codes, such as ``\032`` for a space."""
    codes = re.sub(r"\\(\d{3})", lambda code: chr(int(code[1]) % 256), name)
    return "".join(char for char in codes.replace("\\", "") if char.isprintable())
