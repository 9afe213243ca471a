"""A run to an account of its bytes: where each went, and what should not have been."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_fer.cameras import open_camera
from edge_fer.config.settings import Camera
from tools.privacy import trace
from tools.privacy.contents import Contents, Pixels
from tools.privacy.judge import Sinks
from tools.privacy.packets import Packet, packets
from tools.privacy.scene import Scene

BASE = "edge-fer/porch"
MOST_FRAMES = 400
"""Of the clip, whose pixels are looked for."""
MOST_CONTROL_BYTES = 512
"""Of a packet that is no message; CONNECT holds the will."""


@dataclasses.dataclass
class Account:
    """What one run came to."""

    mode: str
    findings: list[str]
    sinks: Mapping[str, int]
    """Where bytes went, and how many."""
    messages: Mapping[str, int]
    """Topics, and how many messages of each."""
    kept: int
    """Messages in the outbox's bytes."""
    fields: set[str]
    runs: int
    """Runs of pixels that were looked for."""
    calls: int

    def told(self) -> str:
        """In lines for people."""
        lines = [f"mode {self.mode}: {self.calls} system calls, {self.runs} runs of pixels"]
        lines += [f"  {name}: {size} bytes" for name, size in self.sinks.items()]
        lines += [f"  {topic}: {count} messages" for topic, count in self.messages.items()]
        return "\n".join([*lines, *(f"  NOT ALLOWED: {finding}" for finding in self.findings)])

    def rows(self) -> Iterator[dict[str, str | int | float]]:
        """For the page of proofs."""
        for name, size in self.sinks.items():
            held = {
                "broker": ", ".join(f"{count} {topic}" for topic, count in self.messages.items()),
                "outbox": f"{self.kept} messages, repeats included",
            }.get(name, "")
            yield {"mode": self.mode, "where": name, "bytes": size, "what": held}


def account(scene: Scene, mode: str, clip: Path) -> Account:
    """Judge all that is left of a run."""
    sinks = Sinks(_files(scene), _addresses(scene))
    calls = list(trace.read(scene.record))
    sinks.take(calls)
    contents, pixels = Contents(BASE, mode), Pixels(_frames(clip))
    sent = list(packets(bytes(sinks.bytes.get("broker", b""))))
    for packet in sent:
        if packet.kind == "PUBLISH":
            contents.message(packet)
    kept = contents.kept(bytes(sinks.bytes.get("outbox", b"")))
    findings = [
        *([f"exit code {scene.code}"] if scene.code else []),
        *sinks.findings,
        *contents.findings,
        *_unseen(scene, sent),
        *_pictures(sinks, pixels),
        *_left(scene),
    ]
    if mode == "aggregate" and b"track" in sinks.bytes["log"]:
        findings.append("log: tells of single faces")
    topics = Counter(_named(packet) for packet in sent if packet.topic)
    return Account(
        mode,
        findings,
        {name: len(it) for name, it in sinks.bytes.items()},
        topics,
        kept,
        contents.fields,
        len(pixels),
        len(calls),
    )


def _named(packet: Packet) -> str:
    withheld = " (withheld)" if b'"withheld":true' in packet.payload else ""
    return packet.topic.removeprefix(f"{BASE}/") + withheld


def _unseen(scene: Scene, sent: Sequence[Packet]) -> Iterator[str]:
    """Large packets that are no messages, and messages that nobody was seen to send."""
    for packet in sent:
        if packet.kind != "PUBLISH" and packet.size > MOST_CONTROL_BYTES:
            yield f"a {packet.kind} of {packet.size} bytes"
    said = {(packet.topic, packet.payload) for packet in sent}
    for message in scene.heard:
        ours = message.topic.endswith("/set")
        will = b'"offline"' in message.payload
        if not ours and not will and (message.topic, message.payload) not in said:
            yield f"{message.topic}: heard, but not seen to be sent"


def _pictures(sinks: Sinks, pixels: Pixels) -> Iterator[str]:
    for name, data in sinks.bytes.items():
        if how := pixels.found_in(bytes(data)):
            yield f"{name}: holds a picture, {how}"


def _left(scene: Scene) -> Iterator[str]:
    for path in (scene.folder / "home").rglob("*"):
        if path.is_file():
            yield f"left in the home folder: {path.name}"


def _files(scene: Scene) -> Callable[[str], str]:
    outbox = str(scene.outbox)
    allowed = {
        str(scene.log): "log",
        str(scene.outbox.parent): "outbox",
        outbox: "outbox",
        f"{outbox}-wal": "outbox",
        f"{outbox}-journal": "outbox",
        str(scene.outbox.with_suffix(".paused")): "outbox",
        f"{scene.outbox}.damaged": "outbox",
    }
    return lambda path: allowed.get(path.replace(" (deleted)", ""), "")


def _addresses(scene: Scene) -> Callable[[str], str]:
    allowed = {f"127.0.0.1:{scene.port}": "broker", str(scene.notify): "systemd"}
    return lambda address: allowed.get(address, "")


def _frames(clip: Path) -> Iterator[NDArray[np.uint8]]:
    with open_camera(Camera(source=f"file:{clip}")) as camera:
        for number, frame in enumerate(camera):
            if number == MOST_FRAMES:
                return
            yield frame.luma
