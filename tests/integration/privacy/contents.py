"""Compare messages and files with the list of what leaves, and with the pictures."""

from __future__ import annotations

import base64
import fnmatch
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import jsonschema
import numpy as np
from numpy.typing import NDArray

from edge_fer.mqtt.data_inventory import inventory
from edge_fer.mqtt.schema import schemas
from tests.integration.privacy.packets import Packet

MOST_BYTES = 4096
"""Size of a message; a bare face crop of 32 x 32 px would be 1024, in Base64 1368."""
MOST_CONFIG_BYTES = 16384
"""Size of the discovery message for Home Assistant."""
HOMEASSISTANT = "homeassistant/device/edge-fer-porch/config"
LISTED = "<homeassistant.prefix>/device/<prefix>-<device>/config"
MOST_TEXT = 128
"""Characters of a text in a message: a hash has 64."""
RUN_PX = 12
"""Consecutive pixels to search for; no two rows of a picture are equal by chance."""
SWITCH = re.compile(rb"ON|OFF")
PLAIN = {"emotion": re.compile(rb"[a-z0-9_-]{1,32}"), "faces": re.compile(rb"\d{1,2}")}
"""Forms of the topics without JSON; the others are switches."""
_USER = re.compile(rb"(schema=2|session=[0-9a-f]{8})")
_JSON = re.compile(rb'\{"schema":2,.*?"name":"[^"]*"(?:,"sha256":"[0-9a-f]{64}")?\}\}')


class Contents:
    """Collect what is not allowed; ``base`` is `<prefix>/<device>`."""

    def __init__(self, base: str, mode: str) -> None:
        self._base, self._schemas = base, schemas()
        self._topics: Mapping[str, Any] = inventory(mode)["topics"]
        self.fields: set[str] = set()
        """Topics and fields that occurred, as the list names them."""
        self.findings: list[str] = []
        self._announced = b""

    def message(self, packet: Packet) -> None:
        """Check one PUBLISH."""
        name = packet.topic.removeprefix(f"{self._base}/").replace(HOMEASSISTANT, LISTED)
        if (name, packet.payload) == ("state", b""):
            # It clears what an earlier run in the other mode may have retained.
            return
        topic = self._topics.get(name)
        if topic is None:
            self.findings.append(f"{packet.topic}: is not in the list")
            return
        self._envelope(packet, topic)
        if "fields" in topic:
            self._payload(name, topic["fields"], packet.payload)
        elif name == LISTED:
            # It describes the device; it must not depend on what the camera sees.
            if self._announced not in (b"", packet.payload):
                self.findings.append(f"{packet.topic}: differs from the previous message")
            self._announced = packet.payload
        elif not PLAIN.get(name, SWITCH).fullmatch(packet.payload):
            self.findings.append(f"{packet.topic}: {packet.payload!r}")

    def _envelope(self, packet: Packet, topic: Mapping[str, Any]) -> None:
        most = MOST_BYTES if "fields" in topic else MOST_CONFIG_BYTES
        if packet.retain != topic["retained"] or len(packet.payload) > most:
            self.findings.append(f"{packet.topic}: {packet.retain=}, {len(packet.payload)} bytes")
        for key, value in packet.properties:
            known = key in ("content type", "expiry", "correlation", "user") and len(value) <= 64
            if not known or (key == "user" and not _USER.fullmatch(value)):
                self.findings.append(f"{packet.topic}: property {key} {value!r}")

    def kept(self, data: bytes) -> int:
        """Check the messages in an outbox's bytes; return their number, repeats included."""
        found = _JSON.findall(data)
        for payload in found:
            name = "aggregate" if b'"withheld":' in payload else "event"
            if name in self._topics:
                self._payload(name, self._topics[name]["fields"], payload)
            else:
                self.findings.append(f"outbox: holds an {name}")
        return len(found)

    def _payload(self, name: str, fields: Mapping[str, Any], payload: bytes) -> None:
        value = json.loads(payload)
        try:
            jsonschema.validate(value, {**self._schemas, **self._schemas[name]})
        except jsonschema.ValidationError as error:
            self.findings.append(f"{name}: {error.message}")
        for path, leaf in flat(value):
            listed = [field for field in fields if fnmatch.fnmatchcase(path, _pattern(field))]
            if not listed and not (leaf is None and any(f.startswith(path) for f in fields)):
                self.findings.append(f"{name}: {path} is not in the list")
            if isinstance(leaf, str) and (len(leaf) > MOST_TEXT or not leaf.isprintable()):
                self.findings.append(f"{name}: {path} is a text of {len(leaf)} characters")
            self.fields.update(f"{name} {field}" for field in listed)


def _pattern(field: str) -> str:
    return field.replace("[]", "[[]]")


def flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield path and value of each leaf; an empty list or object has none."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from flat(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for inner in value:
            yield from flat(inner, f"{path}[]")
    else:
        yield path, value


class Pixels:
    """Runs of pixels of the camera's pictures, to search for in the data that left."""

    def __init__(self, pictures: Iterable[NDArray[np.uint8]]) -> None:
        self._runs: set[bytes] = set()
        for luma in pictures:
            for row in luma[::8]:
                for start in range(0, len(row) - RUN_PX, RUN_PX):
                    run = row[start : start + RUN_PX]
                    # Flat runs occur in every file.
                    if len(np.unique(run)) >= RUN_PX // 2:
                        self._runs.add(run.tobytes())
        # Base64 has a different text for each of the three offsets of a run.
        base64s = {
            base64.b64encode(run[skip : skip + 9]) for run in self._runs for skip in range(3)
        }
        hexes = {run.hex().encode() for run in self._runs}
        self._forms = {
            "raw": (RUN_PX, self._runs),
            "in Base64": (12, base64s),
            "in hex": (2 * RUN_PX, hexes),
        }

    def __len__(self) -> int:
        return len(self._runs)

    def found_in(self, data: bytes) -> str:
        """Return "raw", "in hex" or "in Base64" if a picture is in there, else ""."""
        for form, (length, runs) in self._forms.items():
            if any(data[at : at + length] in runs for at in range(len(data) - length + 1)):
                return form
        return ""
