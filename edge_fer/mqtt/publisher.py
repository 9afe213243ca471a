"""Build the message of each topic, and publish it when it is due.

The functions are pure: they turn reports into messages and have no clock. `Publisher` decides
which message is published; `sender` delivers it.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType

import msgspec

from edge_fer.config.settings import Mqtt
from edge_fer.mqtt.aggregate import Summary
from edge_fer.mqtt.commands import Commands, address_response
from edge_fer.mqtt.homeassistant import NONE, Announcement
from edge_fer.mqtt.messages import Identity, Message, client_id
from edge_fer.mqtt.schema import (
    SCHEMA,
    AggregatePayload,
    BoxPayload,
    EventPayload,
    FacePayload,
    LiveFacePayload,
    LivePayload,
    ModelName,
    ModelPayload,
    ResponsePayload,
    State,
    StatePayload,
    StatusPayload,
)
from edge_fer.mqtt.sender import Sender
from edge_fer.types import Box, Event, Phase, Presence, Scores

EVENT_SUFFIX = "/event"
"""Suffix of every device's event topic."""

FLAT = ("emotion", "faces", "presence")
"""Retained topics with one plain value each, beside the state."""


class Publisher:
    """Publish a device's messages while the context is entered.

    ``on_enabled`` is called on paho's thread, with True for ON and False for OFF.

    Without ``folder``, unacknowledged events exist only in memory. Without ``per_face``, the
    publisher sends nothing about a single face: it publishes no event, deletes the events that
    an earlier process stored, and removes the retained state from the broker.

    Call all methods from one thread, that of the main loop. None of them blocks on a broker or
    raises because of one.

    Raises:
        ConfigError: an address, the password file or a TLS file is invalid.
    """

    def __init__(
        self,
        settings: Mqtt,
        identity: Identity,
        on_enabled: Callable[[bool], None],
        *,
        folder: Path | None = None,
        announcement: Announcement | None = None,
        per_face: bool = True,
    ) -> None:
        name = client_id(identity.prefix, identity.device)
        will = status_message(identity, "offline")
        self._identity = identity
        self._sender = Sender(settings, name, will, folder, "" if per_face else EVENT_SUFFIX)
        self._commands = Commands(identity, on_enabled, self._respond)
        self._sender.subscribe(self._commands.topic, self._commands.receive)
        self._announcement = announcement
        if announcement is not None:
            self._sender.subscribe(announcement.birth_topic, self._on_birth)
        self._per_face = per_face
        self._seq = 0
        self._in_view: list[tuple[str, str]] | None = None

    def __enter__(self) -> "Publisher":
        self._sender.publish_retained(status_message(self._identity, "online"))
        if self._announcement is not None:
            self._sender.publish_retained(self._announcement.message)
        # After a crash the broker still has the faces of the last run.
        faces = (
            flat_messages(self._identity, [])
            if self._per_face
            else no_state_messages(self._identity)
        )
        for message in faces:
            self._sender.publish_retained(message)
        self._sender.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._sender.close(status_message(self._identity, "stopped"))

    @property
    def undelivered(self) -> int:
        """Number of events lost at the end: neither acknowledged nor on disk."""
        return self._sender.undelivered

    @property
    def connected(self) -> bool:
        """True while a broker has accepted the connection and it is not known to be lost."""
        return self._sender.connected

    @property
    def durable(self) -> bool:
        """True while unacknowledged events are written to disk in time."""
        return self._sender.durable

    def publish_event(self, event: Event, size: tuple[int, int]) -> None:
        """Enqueue an event; ``size`` is the frame's width and height in px."""
        assert self._per_face
        self._enqueue(event_message(self._identity, event, size, self._seq + 1))

    def publish_aggregate(self, summary: Summary) -> None:
        """Enqueue the emotion shares of one interval."""
        self._enqueue(aggregate_message(self._identity, summary, self._seq + 1))

    def publish_state(
        self, present: Sequence[Presence], size: tuple[int, int], stamp: float
    ) -> None:
        """Publish the faces in view, if one came, left or changed its emotion, or another is first.

        ``size`` is the frame's width and height in px, ``stamp`` its time in Unix seconds.
        """
        assert self._per_face
        in_view = [(face.track, face.emotion) for face in present]
        if in_view != self._in_view:
            self._in_view = in_view
            self._sender.publish_retained(state_message(self._identity, present, size, stamp))
            for message in flat_messages(self._identity, present):
                self._sender.publish_retained(message)

    def publish_live(
        self, present: Sequence[Presence], size: tuple[int, int], stamp: float
    ) -> None:
        """Publish the faces in view with their scores; without a broker they are dropped."""
        assert self._per_face
        self._sender.publish_unassured(live_message(self._identity, present, size, stamp))

    def publish_stats(self, numbers: Mapping[str, float], stamp: float) -> None:
        """Publish the numbers of stats; without a broker they are dropped."""
        self._sender.publish_latest(stats_message(self._identity, numbers, stamp))

    def publish_enabled(self, enabled: bool) -> None:
        """Publish whether the camera is open."""
        self._sender.publish_retained(enabled_message(self._identity, enabled))

    def counters(self) -> dict[str, int]:
        """Return counts of messages and commands since the start; only ``waiting`` can fall."""
        return {**self._sender.counters(), **self._commands.counters()}

    def _on_birth(self, birth: Message) -> None:
        # Ignore a retained birth, which is old: each connect publishes the announcement anyway.
        if self._announcement is not None and birth.payload == b"online" and not birth.retain:
            self._sender.republish(self._announcement.message.topic)

    def _respond(self, response: ResponsePayload, command: Message) -> None:
        message = response_message(self._identity, response)
        self._sender.publish_response(address_response(message, command))

    def _enqueue(self, message: Message) -> None:
        self._seq += 1
        self._sender.enqueue(message, f"{self._identity.session}-{self._seq}")


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
        emotion=None if event.phase is Phase.END else event.emotion,
        previous=event.previous,
        started=None if event.started is None else rfc3339(event.started),
        duration_s=None if event.duration_s is None else round(event.duration_s, 3),
        confidence=round(event.confidence, 4),
        scores=_rounded(event.scores),
        box=_box(event.box, size),
        model=ModelName(name=identity.model_name),
    )
    return _json_message(identity, "event", payload)


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
        model=_model(identity),
    )
    return _json_message(identity, "aggregate", payload)


def status_message(identity: Identity, state: State) -> Message:
    """Return the retained status; the broker gets the one with ``offline`` as the last will."""
    payload = StatusPayload(
        state=state,
        session=identity.session,
        version=identity.version,
        model=_model(identity),
    )
    return _json_message(identity, "status", payload, retain=True)


def state_message(
    identity: Identity, present: Sequence[Presence], size: tuple[int, int], stamp: float
) -> Message:
    """Return the retained list of the faces in view."""
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
        schema=SCHEMA,
        session=identity.session,
        time=rfc3339(stamp),
        device=identity.device,
        camera=identity.camera,
        faces=faces,
    )
    return _json_message(identity, "state", payload, retain=True)


def live_message(
    identity: Identity, present: Sequence[Presence], size: tuple[int, int], stamp: float
) -> Message:
    """Return the faces in view with their scores, at QoS 0."""
    faces = [
        LiveFacePayload(
            track=face.track,
            emotion=face.emotion,
            confidence=round(face.confidence, 4),
            box=_box(face.box, size),
            scores=_rounded(face.scores),
        )
        for face in present
    ]
    payload = LivePayload(
        schema=SCHEMA,
        session=identity.session,
        time=rfc3339(stamp),
        device=identity.device,
        camera=identity.camera,
        faces=faces,
    )
    return dataclasses.replace(_json_message(identity, "live", payload), qos=0)


def flat_messages(identity: Identity, present: Sequence[Presence]) -> list[Message]:
    """Return the retained values of `FLAT`: the main face's emotion, the number, the presence."""
    emotion = present[0].emotion if present else NONE
    values = (emotion, str(len(present)), "ON" if present else "OFF")
    return [
        Message(_topic(identity, name), value.encode(), 1, True)
        for name, value in zip(FLAT, values, strict=True)
    ]


def no_state_messages(identity: Identity) -> list[Message]:
    """Return the empty messages that remove what is retained about faces from the broker."""
    return [Message(_topic(identity, name), b"", 1, True) for name in ("state", *FLAT)]


def stats_message(identity: Identity, numbers: Mapping[str, float], stamp: float) -> Message:
    """Return the numbers as one flat object, floats rounded to 4 decimals."""
    return _json_message(identity, "stats", {"time": rfc3339(stamp), **_rounded(numbers)})


def enabled_message(identity: Identity, enabled: bool) -> Message:
    """Return the retained ``ON`` or ``OFF``."""
    return Message(_topic(identity, "enabled"), b"ON" if enabled else b"OFF", 1, True)


def response_message(identity: Identity, response: ResponsePayload) -> Message:
    """Return the response to a command, on the device's own response topic."""
    return _json_message(identity, "response", response)


def rfc3339(stamp: float) -> str:
    """Return Unix seconds as ``2024-05-01T12:00:00.250Z``."""
    time = datetime.fromtimestamp(round(stamp, 3), timezone.utc)
    return f"{time.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def _json_message(
    identity: Identity, name: str, payload: object, *, retain: bool = False
) -> Message:
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
    return BoxPayload(
        left=box.left,
        top=box.top,
        width=box.width,
        height=box.height,
        frame_width=size[0],
        frame_height=size[1],
    )


def _model(identity: Identity) -> ModelPayload:
    return ModelPayload(name=identity.model_name, sha256=identity.model_sha256)


def _rounded(numbers: Scores, decimals: int = 4) -> dict[str, float]:
    return {name: round(number, decimals) for name, number in numbers.items()}
