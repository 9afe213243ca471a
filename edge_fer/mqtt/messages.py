"""Reports to messages: who says what on which topic. Pure functions, no clock.

The JSON in them is that of `wire`.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone

import msgspec

from edge_fer.mqtt.aggregate import Summary
from edge_fer.mqtt.message import Message as Message
from edge_fer.mqtt.schema import (
    SCHEMA,
    AggregatePayload,
    BoxPayload,
    EventPayload,
    FacePayload,
    ModelPayload,
    ResponsePayload,
    State,
    StatePayload,
    StatusPayload,
)
from edge_fer.types import Box, Event, Presence, Scores

EVENTS = "/event"
"""How every device's topic of events ends."""


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


def client_id(prefix: str, device: str) -> str:
    """Return what a broker knows us by, the same at each start; our files have it as name.

    The broker then ends a half-dead connection of the last run, and its LWT comes before our
    `online`, not minutes after it.
    """
    return f"{prefix}-{device}".replace("/", "-")


def aggregate_message(identity: Identity, summary: Summary, seq: int) -> Message:
    """Return the message of interval number ``seq``."""
    shares = summary.shares
    payload = AggregatePayload(
        schema=SCHEMA,
        id=f"{identity.session}-{seq}",
        session=identity.session,
        seq=seq,
        time=rfc3339(summary.stamp),
        device=identity.device,
        camera=identity.camera,
        seconds=round(summary.seconds, 1),
        withheld=shares is None,
        people=summary.people,
        shares=None if shares is None else _rounded(shares, 2),
        model=ModelPayload(identity.model_name, identity.model_sha256),
    )
    return _message(identity, "aggregate", payload, retain=False)


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


def no_state_message(identity: Identity) -> Message:
    """Return what takes the retained state away from the broker."""
    return Message(_topic(identity, "state"), b"", 1, True)


def stats_message(identity: Identity, numbers: Mapping[str, float], stamp: float) -> Message:
    """Return the numbers as one flat object, floats rounded to 4 decimals."""
    return _message(identity, "stats", {"time": rfc3339(stamp), **_rounded(numbers)}, retain=False)


def enabled_message(identity: Identity, enabled: bool) -> Message:
    """Return the retained ``ON`` or ``OFF``."""
    return Message(_topic(identity, "enabled"), b"ON" if enabled else b"OFF", 1, True)


def command_topic(identity: Identity, name: str) -> str:
    """Return the topic on which that command comes in."""
    return _topic(identity, f"{name}/set")


def parse_enabled(payload: bytes) -> bool | None:
    """Return what a command asks for; None where it is neither ``ON`` nor ``OFF``."""
    return {b"ON": True, b"OFF": False}.get(payload)


def response_message(identity: Identity, command: str, reason: str | None, got: str) -> Message:
    """Return the answer to a command; ``reason`` says why it was refused, None that it was not."""
    payload = ResponsePayload(SCHEMA, command, reason is None, reason, got)
    return _message(identity, "response", payload, retain=False)


def rfc3339(stamp: float) -> str:
    """Return Unix seconds as ``2024-05-01T12:00:00.250Z``."""
    time = datetime.fromtimestamp(round(stamp, 3), timezone.utc)
    return f"{time.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


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


def _rounded(numbers: Scores, decimals: int = 4) -> dict[str, float]:
    return {name: round(number, decimals) for name, number in numbers.items()}
