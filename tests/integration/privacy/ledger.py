"""Account for every byte of a run: where it went, and whether it was allowed."""

import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_fer.cameras import open_camera
from edge_fer.config.settings import Camera
from tests.integration.privacy import trace
from tests.integration.privacy.contents import Contents, Pixels
from tests.integration.privacy.packets import Packet, packets
from tests.integration.privacy.run import Run
from tests.integration.privacy.verdict import Verdict

BASE = "edge-fer/porch"
MOST_FRAMES = 400
"""Frames of the clip whose pixels are searched for."""
MOST_CONTROL_BYTES = 512
"""Size of a packet that is no message; CONNECT holds the will."""


@dataclasses.dataclass
class Ledger:
    """The account of one run."""

    mode: str
    findings: list[str]
    """What was not allowed."""
    places: Mapping[str, int]
    """Where bytes went, and how many."""
    messages: Mapping[str, int]
    """Topics, and the number of messages of each."""
    kept: int
    """Messages in the outbox's bytes."""
    fields: set[str]
    """Fields that occurred."""

    def rows(self) -> list[dict[str, object]]:
        """Return one row for each place."""
        what = {
            "broker": ", ".join(f"{count} {topic}" for topic, count in self.messages.items()),
            "outbox": f"{self.kept} messages, repeats included",
        }
        return [
            {"mode": self.mode, "where": name, "bytes": size, "what": what.get(name, "")}
            for name, size in self.places.items()
        ]


def account(run: Run, mode: str, clip: Path) -> Ledger:
    """Judge what is left of a run."""
    files, addresses = _files(run), _addresses(run)
    verdict = Verdict(
        lambda path: files.get(path.replace(" (deleted)", ""), ""),
        lambda address: addresses.get(address, ""),
    )
    verdict.take(trace.read(run.record))
    contents, pixels = Contents(BASE, mode), Pixels(_frames(clip))
    sent = list(packets(bytes(verdict.bytes.get("broker", b""))))
    for packet in sent:
        if packet.kind == "PUBLISH":
            contents.message(packet)
    kept = contents.kept(bytes(verdict.bytes.get("outbox", b"")))
    findings = [
        *([f"exit code {run.code}"] if run.code else []),
        *verdict.findings,
        *contents.findings,
        *_unaccounted(run, sent),
        *_pictures(verdict, pixels),
        *_left(run),
    ]
    if mode == "aggregate" and b"track" in verdict.bytes["log"]:
        findings.append("log: mentions single faces")
    places = {name: len(data) for name, data in verdict.bytes.items()}
    topics = Counter(_name(packet) for packet in sent if packet.topic)
    return Ledger(mode, findings, places, topics, kept, contents.fields)


def _name(packet: Packet) -> str:
    withheld = " (withheld)" if b'"withheld":true' in packet.payload else ""
    return packet.topic.removeprefix(f"{BASE}/") + withheld


def _unaccounted(run: Run, sent: Sequence[Packet]) -> Iterator[str]:
    """Yield large packets that are no messages, and messages that were received but not sent."""
    for packet in sent:
        if packet.kind != "PUBLISH" and packet.size > MOST_CONTROL_BYTES:
            yield f"a {packet.kind} of {packet.size} bytes"
    known = {(packet.topic, packet.payload) for packet in sent}
    for message in run.received:
        command = message.topic.endswith("/set")
        will = b'"offline"' in message.payload
        if not command and not will and (message.topic, message.payload) not in known:
            yield f"{message.topic}: received, but not sent by the process"


def _pictures(verdict: Verdict, pixels: Pixels) -> Iterator[str]:
    for name, data in verdict.bytes.items():
        if how := pixels.found_in(bytes(data)):
            yield f"{name}: holds a picture, {how}"


def _left(run: Run) -> Iterator[str]:
    for path in (run.folder / "home").rglob("*"):
        if path.is_file():
            yield f"in the home folder: {path.name}"


def _files(run: Run) -> dict[str, str]:
    outbox = str(run.outbox)
    kept = (
        str(run.outbox.parent),
        outbox,
        f"{outbox}-wal",
        f"{outbox}-journal",
        f"{outbox}.damaged",
        str(run.outbox.with_suffix(".paused")),
    )
    return {str(run.log): "log", **dict.fromkeys(kept, "outbox")}


def _addresses(run: Run) -> dict[str, str]:
    return {f"127.0.0.1:{run.port}": "broker", str(run.notify): "systemd"}


def _frames(clip: Path) -> Iterator[NDArray[np.uint8]]:
    with open_camera(Camera(source=f"file:{clip}")) as camera:
        for number, frame in enumerate(camera):
            if number == MOST_FRAMES:
                return
            yield frame.luma
