"""Inspect the device and the installed software: what a bug report needs beside the checks.

No finding is an error, so no exit code depends on it. The texts for a report contain neither user
names nor passwords.
"""

import ctypes
import grp
import os
import re
import shutil
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import edge_fer
from edge_fer.bench.device import Conditions, conditions, device_facts, throttle_names
from edge_fer.config.options import OPTIONS, shown
from edge_fer.config.settings import Settings
from edge_fer.mqtt.outbox import outbox_folder
from edge_fer.setup.checks import Finding
from edge_fer.setup.discover import find_cameras

ROOT: Final = Path("/")
PACKAGES: Final = ("paho-mqtt", "msgspec")
"""Packages that `device_facts` does not report."""

_TIME_ERROR: Final = 5
"""Return value of ntp_adjtime(3) for a clock that is not synchronized."""

_USER: Final = re.compile(r"(://)[^/@'\"\s]*@")
_LOW_BYTES: Final = 100_000_000


def inspect(settings: Settings | None, root: Path = ROOT) -> Iterator[Finding]:
    """Inspect versions, system, cameras, throttling, clock, state folder and telemetry.

    The state folder is left out without settings, which may be what is wrong.
    """
    facts = device_facts(root)
    yield Finding("versions", "ok", _versions(facts))
    yield Finding("system", "ok", _system(facts))
    yield _devices(root)
    yield _heat(conditions(root))
    yield clock(_is_synchronized())
    if settings is not None:
        yield _state(settings)
    yield _telemetry()


def masked(text: str, home: Path | None = None) -> str:
    """Return the text without user names in addresses and in the home folder's path."""
    folder = str(home or Path.home())
    plain = _USER.sub(r"\1***@", text)
    return plain if folder == "/" else plain.replace(folder, "~")


def changes(settings: Settings) -> str:
    """Return the options that differ from the defaults, as TOML without user names."""
    lines = []
    for section, options in OPTIONS.items():
        values = getattr(settings, section)
        own = [
            f"{name} = {masked(shown(value))}"
            for name, option in options.items()
            if (value := getattr(values, name)) != option.default
        ]
        if own:
            lines += [f"[{section}]", *own]
    return "\n".join(lines)


def _versions(facts: dict[str, Any]) -> str:
    known: dict[str, str | None] = {"edge-fer": edge_fer.__version__}
    known |= {name: facts[name] for name in ("python", "numpy", "onnxruntime", "opencv", "dlib")}
    known |= {name: _version(name) for name in PACKAGES}
    return ", ".join(f"{name} {number or 'unknown'}" for name, number in known.items())


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _system(facts: dict[str, Any]) -> str:
    parts = [
        facts["cpu"],
        facts["core"] if facts["core"] != facts["cpu"] else None,
        f"{facts['cores']} cores",
        " ".join(facts["features"]),
        f"{facts['memory_mb']} MB" if facts["memory_mb"] else None,
        facts["governor"],
        facts["power_mode"],
        facts["l4t"],
        facts["system"],
    ]
    return ", ".join(part for part in parts if part)


def _devices(root: Path) -> Finding:
    found = find_cameras(root)
    names = "; ".join(f"{choice.value} ({choice.name})" for choice in found) or "no camera found"
    groups = sorted(_group(number) for number in {*os.getgroups(), os.getegid()})
    text = f"{names}; groups of this user: {', '.join(groups)}"
    nodes = [Path(choice.value.removeprefix("v4l2:")) for choice in found]
    if closed := [str(n) for n in nodes if n.exists() and not os.access(n, os.R_OK | os.W_OK)]:
        return Finding(
            "cameras",
            "warning",
            f"{text}; no permission to open {', '.join(closed)} (the service has it); run: "
            "sudo adduser $USER video, then log in again",
        )
    return Finding("cameras", "ok", text)


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def _heat(now: Conditions) -> Finding:
    warm = f"{now.cpu_celsius:.0f} °C" if now.cpu_celsius is not None else "no temperature sensor"
    if now.throttled is None:
        return Finding("throttling", "ok", f"{warm}; the board does not report throttling")
    if names := throttle_names(now.throttled):
        return Finding("throttling", "warning", f"{warm}; {', '.join(names)}")
    return Finding("throttling", "ok", f"{warm}; none since boot")


def clock(synchronized: bool | None) -> Finding:
    """Return the finding about the clock, which the times in events depend on."""
    if synchronized is None:
        return Finding("clock", "ok", "the kernel does not report whether it is synchronized")
    if synchronized:
        return Finding("clock", "ok", "synchronized over the network")
    return Finding(
        "clock",
        "warning",
        "not synchronized over the network, so times in events may be wrong; see: timedatectl",
    )


def _is_synchronized() -> bool | None:
    """Return whether the clock is synchronized, by the kernel; None if it does not report it."""
    try:
        state = ctypes.CDLL(None).ntp_adjtime(ctypes.create_string_buffer(512))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else bool(state != _TIME_ERROR)


def _state(settings: Settings) -> Finding:
    folder = outbox_folder(settings.mqtt)
    if folder is None:
        return Finding("state", "ok", "in memory: waiting events are lost when the daemon ends")
    existing = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    free = shutil.disk_usage(existing).free
    text = f"{folder}: {free / 1e6:.0f} MB free"
    if not os.access(existing, os.W_OK):
        return Finding("state", "warning", f"{text}, not writable for this user")
    if free < _LOW_BYTES:
        return Finding("state", "warning", f"{text}; this may be too little for mqtt.max_queued_mb")
    return Finding("state", "ok", text)


def _telemetry() -> Finding:
    if os.environ.get("ORT_DISABLE_TELEMETRY") == "1":
        return Finding("telemetry", "ok", "off: onnxruntime sends nothing")
    return Finding(
        "telemetry", "warning", "ORT_DISABLE_TELEMETRY is not 1, so onnxruntime may send telemetry"
    )
