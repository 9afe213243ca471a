"""Reports to messages: the only file that knows the JSON on the wire. Pure functions, no clock.

The messages are a contract, told in docs/mqtt.md and, for programs, in schema.json beside
this file. Fields may be added under the same `SCHEMA`; one that goes or changes its meaning
raises the number.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from edge_fer.delivery.message import Message as Message
from edge_fer.types import Box, Event, Presence, Scores

SCHEMA: Literal[1] = 1

EMOTIONS = (
    "angry", "disgust", "fear", "happy", "sad", "surprise", "neutral", "contempt", "uncertain",
)  # fmt: skip
OWN_LABEL = "^[a-z0-9_-]{1,32}$"
Emotion = Annotated[
    str,
    Meta(
        extra_json_schema={
            "anyOf": [
                {"enum": list(EMOTIONS)},
                {"pattern": OWN_LABEL, "description": "A label of the model's own."},
            ]
        },
    ),
]
State = Literal["online", "stopped", "offline"]
Probability = Annotated[float, Meta(ge=0, le=1, description="Rounded to 4 decimals.")]
Time = Annotated[
    str,
    Meta(
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$",
        description="RFC 3339, UTC, milliseconds.",
    ),
]


@dataclasses.dataclass(frozen=True, slots=True)
class Identity:
    """Who speaks; the same in every message of a process."""

    prefix: str
    device: str
    camera: str
    session: str
    """Random, short, hex; new at each start."""
    version: str
    model_name: str
    model_sha256: str


class ModelPayload(Struct, frozen=True):
    """The network that judged."""

    name: str
    sha256: str


class BoxPayload(Struct, frozen=True):
    """A face rectangle in px of the frame, origin top left; it may reach beyond the frame."""

    left: int
    top: int
    width: int
    height: int
    frame_width: int
    frame_height: int


class EventPayload(Struct, frozen=True):
    """A face got its first emotion, another one, or went."""

    schema: Literal[1]
    id: Annotated[str, Meta(description="Unique: the same id twice is the same event twice.")]
    session: Annotated[str, Meta(description="Random; new at each start of the daemon.")]
    seq: Annotated[int, Meta(ge=1, description="Counts events of a session, without gaps.")]
    time: Time
    device: str
    camera: str
    track: Annotated[str, Meta(description="Random, short-lived name of a followed face.")]
    phase: Literal["begin", "change", "end"]
    emotion: Emotion
    previous: Annotated[Emotion | None, Meta(description="null in a track's first event.")]
    confidence: Annotated[Probability, Meta(description="Smoothed, of the strongest label.")]
    scores: Annotated[dict[str, Probability], Meta(description="Smoothed, by label.")]
    box: BoxPayload
    model: ModelPayload


class StatusPayload(Struct, frozen=True):
    """Whether the daemon lives; `offline` is the LWT, said by the broker."""

    state: State
    session: str
    version: str


class FacePayload(Struct, frozen=True):
    """A face in view; box and confidence are those of the moment the state was published."""

    track: str
    emotion: Emotion
    confidence: Probability
    box: BoxPayload


class StatePayload(Struct, frozen=True):
    """The faces in view; true while status says `online` with the same session."""

    schema: Literal[1]
    session: str
    time: Time
    device: str
    camera: str
    faces: list[FacePayload]


class StatsPayload(Struct, frozen=True):
    """Numbers about the daemon: `time`, and beside it one number per name."""

    time: Time


def event_message(identity: Identity, event: Event, size: tuple[int, int], seq: int) -> Message:
    """Return the message of event number ``seq``; ``size`` is the frame's width and height."""
    payload = EventPayload(
        schema=SCHEMA,
        id=f"{identity.session}-{seq}",
        session=identity.session,
        seq=seq,
        time=rfc3339(event.stamp),
        device=identity.device,
        camera=identity.camera,
        track=event.track,
        phase=event.phase.value,
        emotion=event.emotion,
        previous=event.previous,
        confidence=round(event.confidence, 4),
        scores=_rounded(event.scores),
        box=_box(event.box, size),
        model=ModelPayload(identity.model_name, identity.model_sha256),
    )
    return _message(identity, "event", payload, retain=False)


def status_message(identity: Identity, state: State) -> Message:
    """Return the retained status; ``offline`` is what the broker gets as LWT."""
    payload = StatusPayload(state, identity.session, identity.version)
    return _message(identity, "status", payload, retain=True)


def state_message(
    identity: Identity, present: Sequence[Presence], size: tuple[int, int], stamp: float
) -> Message:
    """Return the retained picture of who is in view."""
    faces = [
        FacePayload(
            track=face.track,
            emotion=face.emotion,
            confidence=round(face.confidence, 4),
            box=_box(face.box, size),
        )
        for face in present
    ]
    payload = StatePayload(
        SCHEMA, identity.session, rfc3339(stamp), identity.device, identity.camera, faces
    )
    return _message(identity, "state", payload, retain=True)


def stats_message(identity: Identity, numbers: Mapping[str, float], stamp: float) -> Message:
    """Return the numbers as one flat object, floats rounded to 4 decimals."""
    return _message(identity, "stats", {"time": rfc3339(stamp), **_rounded(numbers)}, retain=False)


def enabled_message(identity: Identity, enabled: bool) -> Message:
    """Return the retained ``ON`` or ``OFF``."""
    return Message(_topic(identity, "enabled"), b"ON" if enabled else b"OFF", 1, True)


def enabled_command_topic(identity: Identity) -> str:
    """Return the topic on which commands come in."""
    return _topic(identity, "enabled/set")


def parse_enabled(payload: bytes) -> bool | None:
    """Return what a command asks for; None where it is neither ``ON`` nor ``OFF``."""
    return {b"ON": True, b"OFF": False}.get(payload)


def rfc3339(stamp: float) -> str:
    """Return Unix seconds as ``2024-05-01T12:00:00.250Z``."""
    time = datetime.fromtimestamp(round(stamp, 3), timezone.utc)
    return f"{time.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def schemas() -> dict[str, Any]:
    """Return the JSON Schemas of all JSON topics: one document, keyed by the topic's last part."""
    types = {
        "event": EventPayload,
        "state": StatePayload,
        "stats": StatsPayload,
        "status": StatusPayload,
    }
    roots, definitions = msgspec.json.schema_components(
        types.values(), ref_template="#/$defs/{name}"
    )
    definitions["StatsPayload"]["additionalProperties"] = {"type": "number"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **dict(zip(types, roots, strict=True)),
        "$defs": definitions,
    }


def _message(identity: Identity, name: str, payload: object, *, retain: bool) -> Message:
    return Message(
        _topic(identity, name),
        msgspec.json.encode(payload),
        1,
        retain,
        "application/json",
        (("schema", str(SCHEMA)), ("session", identity.session)),
    )


def _topic(identity: Identity, name: str) -> str:
    return f"{identity.prefix}/{identity.device}/{name}"


def _box(box: Box, size: tuple[int, int]) -> BoxPayload:
    return BoxPayload(box.left, box.top, box.width, box.height, *size)


def _rounded(numbers: Scores) -> dict[str, float]:
    return {name: round(number, 4) for name, number in numbers.items()}
