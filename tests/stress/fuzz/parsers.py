"""Parsers of what a user writes or the network sends, and how a case reaches them."""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import msgspec
import numpy as np

from edge_fer.bench import results_file
from edge_fer.cameras import open_camera
from edge_fer.cameras.file import is_cut_short
from edge_fer.config import load
from edge_fer.config.broker_url import parse_broker, read_password
from edge_fer.config.options import OPTIONS
from edge_fer.config.render import render
from edge_fer.config.settings import Camera
from edge_fer.emotion.card import LABELS, Card, Input, find_model, read_card
from edge_fer.mqtt.commands import Commands, address_response
from edge_fer.mqtt.messages import Identity, Message
from edge_fer.mqtt.publisher import response_message
from edge_fer.mqtt.schema import ResponsePayload
from tests.stress.fuzz.mutate import mutate
from tests.stress.fuzz.outcome import judge

CAMERAS = (
    b"v4l2:/dev/video0",
    b"file:clips/eat.mkv",
    b"picamera2:0",
    b"csi:1",
    b"rtsp://me:secret@[fe80::1]:8554/a?b=c",
    b"gst:videotestsrc ! video/x-raw ! appsink",
)


@dataclasses.dataclass(frozen=True)
class Target:
    """One parser."""

    seeds: Sequence[bytes]
    read: Callable[[bytes], object]
    words: Sequence[bytes] = ()
    several: bool = False
    """It reports all mistakes together, one line each."""

    def run(self, name: str, number: int) -> str:
        """Damage a seed, call the parser, and return the outcome."""
        return self.judge(mutate(self.seeds, name, number, self.words))

    def judge(self, data: bytes) -> str:
        """Return the outcome for these bytes, as `judge`."""
        return judge(lambda: self.read(data), several=self.several)


WORDS = tuple(
    word.encode()
    for section, options in OPTIONS.items()
    for name, option in options.items()
    for word in (f"[{section}]\n", f"{name} = ", f"\n{section}.{name}=", *option.choices)
)
CARD_WORDS = tuple(
    f'"{word}"'.encode() for word in (*Card.__struct_fields__, *Input.__struct_fields__, *LABELS)
)
ADDRESSES = (
    b"mqtt://localhost:1883",
    b"mqtts://me@[fe80::1]:8883",
    b"wss://h\xc3\xa4user.example/mqtt",
    b"mqtt://user%40home@10.0.0.1",
    b"ws://broker:80/path?x#y",
)


def targets(folder: Path) -> dict[str, Target]:
    """Return the targets by name; they write files to ``folder``."""
    jpeg = cv2.imencode(".jpg", np.full((16, 16), 99, np.uint8))[1].tobytes()
    return {
        "config": _config(folder / "edge-fer.toml"),
        "override": _override(),
        "environment": _environment(),
        "broker": Target(ADDRESSES, _read_broker, (b"mqtt://", b"wss://", b"@", b":", b"%2F")),
        "camera": Target(CAMERAS, _read_camera, (b"rtsp://", b"gst:", b"v4l2:", b"!", b"@")),
        "password": _file(
            folder / "password", [b"correct horse\n"], lambda p: read_password(str(p))
        ),
        "command": Target([b"enabled\nON", b"enabled\nOFF", b"reload\n{}"], _read_command),
        "card": _card(folder),
        "bench result": _result(folder / "result.json"),
        "jpeg": Target([jpeg], is_cut_short, (b"\xff\xd8", b"\xff\xd9", b"\xff\xff", b"\xff\xe1")),
    }


def _file(
    path: Path,
    seeds: Sequence[bytes],
    read: Callable[[Path], object],
    words: Sequence[bytes] = (),
    *,
    several: bool = False,
) -> Target:
    path.touch(0o600)

    def call(data: bytes) -> object:
        path.write_bytes(data)
        return read(path)

    return Target(seeds, call, words, several=several)


def _config(path: Path) -> Target:
    # The whole file takes a hundred times as long as a section, and tests nothing more.
    whole = [line for line in render().splitlines() if line and not line.startswith("#")]
    sections = "\n".join(whole).split("\n[")
    seeds = [f"[{text.removeprefix('[')}\n".encode() for text in sections]
    return _file(path, seeds, lambda path: load.load(path, (), {}), WORDS, several=True)


def _override() -> Target:
    seeds = [
        b"mqtt.prefix=hall",
        b"vision.threshold=-0.5",
        b"mqtt.brokers=mqtt://a,mqtt://b",
        b'mqtt.brokers=["mqtts://a", "mqtts://b:1"]',
        b"privacy.acknowledge_use=home",
    ]

    def read(data: bytes) -> object:
        return load.load(None, [data.decode("utf-8", "surrogateescape")], {})

    return Target(seeds, read, WORDS, several=True)


def _environment() -> Target:
    seeds = [b"EDGE_FER_MQTT__PREFIX\nhall", b"EDGE_FER_SMOOTHING__ENTER\n0.7"]

    def read(data: bytes) -> object:
        name, _, value = data.decode("utf-8", "surrogateescape").partition("\n")
        return load.load(None, (), {name: value})

    return Target(seeds, read, WORDS, several=True)


def _read_camera(data: bytes) -> object:
    return open_camera(Camera(source=data.decode("utf-8", "surrogateescape")))


def _read_broker(data: bytes) -> object:
    broker = parse_broker(data.decode("utf-8", "surrogateescape"))
    again = parse_broker(str(broker))
    assert broker == again, f"{broker!r} is read back as {again!r}"
    return broker


def _read_command(data: bytes) -> object:
    name, _, payload = data.partition(b"\n")
    # The daemon subscribes to one level, so no broker sends it another slash.
    name = name.replace(b"/", b"")
    answers: list[Message] = []
    me = Identity("edge-fer", "porch", "cam0", "9f3a61c2", "1.2.3", "small", "ab" * 32)
    topic = f"edge-fer/porch/{name.decode('utf-8', 'replace')}/set"
    reply = payload[-40:].decode("utf-8", "replace")
    switched: list[bool] = []

    def respond(response: ResponsePayload, command: Message) -> None:
        answers.append(address_response(response_message(me, response), command))

    Commands(me, switched.append, respond).receive(
        Message(topic, payload, 1, False, response_topic=reply, correlation=payload[:99])
    )
    (answer,) = answers
    told = json.loads(answer.payload)
    assert answer.topic == "edge-fer/porch/response" or answer.topic.startswith(
        "edge-fer/porch/response/"
    ), answer.topic
    assert len(answer.payload) < 500, "a long answer"
    wanted = {b"ON": [True], b"OFF": [False]}.get(payload, []) if name == b"enabled" else []
    assert switched == wanted, f"{switched} for {data!r}"
    assert told["ok"] == bool(wanted), f"{told} for {data!r}"
    return answer


def _card(folder: Path) -> Target:
    """Read only the card, of an empty model; `files` has cards of real networks."""
    model = folder / "net-fp32.onnx"
    model.touch()
    seeds = card_seeds(hashlib.sha256(b"").hexdigest())
    return _file(model.with_suffix(".json"), seeds, lambda _: read_card(model), CARD_WORDS)


def card_seeds(sha256: str) -> list[bytes]:
    """Return the shipped model's card, and one with its required fields alone."""
    whole = json.loads(find_model("").with_suffix(".json").read_text())
    whole |= {"sha256": sha256, "metrics": {}, "data": {}, "limits": ["none"], "command": ""}
    least = {
        field.name: whole[field.name] for field in msgspec.structs.fields(Card) if field.required
    }
    return [json.dumps(card).encode() for card in (whole, least)]


def _result(path: Path) -> Target:
    whole = {
        "schema": results_file.SCHEMA,
        "stages": {"scan": {"p50_ms": 1.0}},
        "fps": 30.0,
        "frames": 9,
        "device": {"cpu": "x"},
        "settings": {"vision": {"min_face_px": 60}},
        "unsteady": [],
        "model": "m",
        "pace": {"core_share": 0.5},
    }
    words = [json.dumps(word).encode() for word in whole]

    def read(path: Path) -> object:
        figures = results_file.read(path)
        return results_file.compare(figures, figures)

    return _file(path, [json.dumps(whole).encode()], read, words)
