"""The payload types of the JSON topics, and the JSON Schemas made from them.

They are a contract, documented in docs/reference/topics.md and, for programs, in schema.json
beside this file. `publisher` fills them in; `data_inventory` lists their fields.

The rule for a change: a new field has a default, which a decoder uses for a message of an older
device; the publisher always fills it in. A decoder ignores unknown fields. So an old client reads
new messages and a new client reads old ones under the same `SCHEMA`. A field that is removed or
changes its meaning raises the number; a client still reads such a message if all fields that it
knows are there and valid.
"""

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

SCHEMA: Final = 2

EMOTIONS = (
    "angry",
    "disgust",
    "fear",
    "happy",
    "sad",
    "surprise",
    "neutral",
    "contempt",
    "uncertain",
)
OWN_LABEL = "^[a-z0-9_-]{1,32}$"


def described(meaning: str, unit: str = "", **constraints: Any) -> Meta:
    """Return the annotation of a field: what it means, in which unit, and its constraints."""
    extra = {"x-unit": unit} if unit else None
    return Meta(description=meaning, extra_json_schema=extra, **constraints)


_EMOTION: dict[str, Any] = {
    "anyOf": [
        {"enum": list(EMOTIONS)},
        {"pattern": OWN_LABEL, "description": "A label of a custom model."},
    ]
}
Emotion = Annotated[str, Meta(extra_json_schema=_EMOTION)]
State = Literal["online", "stopped", "offline"]
Probability = Annotated[float, Meta(ge=0, le=1)]
_STAMP = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"
_CONFIDENCE = "Smoothed probability of the strongest label, rounded to 4 decimals."
_RFC3339 = "RFC 3339, UTC, milliseconds"

# A client reads messages of any schema; this version of the daemon publishes one.
Schema = Annotated[
    int,
    Meta(description="Version of the contract.", ge=1, extra_json_schema={"enum": [SCHEMA]}),
]
Id = Annotated[str, described("Unique; a repeated id is the same message delivered twice.")]
Session = Annotated[str, described("Random; new at each start of the daemon.")]
Device = Annotated[str, described("device.name, or else the host name.")]
Camera = Annotated[str, described("camera.name.")]
Track = Annotated[
    str, described("Random, short-lived name of a tracked face; it does not identify the person.")
]
Confidence = Annotated[float, described(_CONFIDENCE, ge=0, le=1)]


class ModelPayload(Struct, frozen=True, kw_only=True):
    """The model that classified the face."""

    name: Annotated[str, described("Name of the model.")]
    sha256: Annotated[str, described("SHA-256 of the model file.")]


class ModelName(Struct, frozen=True, kw_only=True):
    """The model that classified the face; status has its SHA-256."""

    name: Annotated[str, described("Name of the model.")]


class BoxPayload(Struct, frozen=True, kw_only=True):
    """A face's bounding box in px of the frame, origin top left; may extend beyond the frame."""

    left: Annotated[int, described("Left edge of the face.", "px")]
    top: Annotated[int, described("Top edge of the face.", "px")]
    width: Annotated[int, described("Width of the face.", "px")]
    height: Annotated[int, described("Height of the face.", "px")]
    frame_width: Annotated[int, described("Width of the frame.", "px")]
    frame_height: Annotated[int, described("Height of the frame.", "px")]


class EventPayload(Struct, frozen=True, kw_only=True):
    """A face got its first emotion, changed its emotion, or left."""

    schema: Schema
    id: Id
    session: Session
    seq: Annotated[int, described("Counts the events of a session, without gaps.", ge=1)]
    time: Annotated[str, described("When the frame was taken.", _RFC3339, pattern=_STAMP)]
    device: Device
    camera: Camera
    track: Track
    phase: Annotated[
        Literal["begin", "change", "end"],
        described("begin: first emotion; change: another emotion; end: the face left."),
    ]
    emotion: Annotated[
        Emotion | None, described("The predicted emotion; null if the face left (end).")
    ]
    previous: Annotated[
        Emotion | None, described("The emotion before; null in a track's first event.")
    ]
    started: Annotated[
        str | None,
        described("When `previous` was published; null in a track's first event.", _RFC3339),
    ] = None
    duration_s: Annotated[
        Annotated[float, Meta(ge=0)] | None,
        described("How long `previous` lasted; null in a track's first event.", "s"),
    ] = None
    confidence: Confidence
    scores: Annotated[
        dict[str, Probability],
        described("Smoothed probability of each label, rounded to 4 decimals."),
    ]
    box: BoxPayload
    model: ModelName


class AggregatePayload(Struct, frozen=True, kw_only=True):
    """The emotion shares of one interval, published with `privacy.mode = "aggregate"` only."""

    schema: Schema
    id: Id
    session: Session
    seq: Annotated[int, described("Counts the intervals of a session, without gaps.", ge=1)]
    time: Annotated[str, described("The end of the interval.", _RFC3339, pattern=_STAMP)]
    device: Device
    camera: Camera
    seconds: Annotated[float, described("How much of the interval was filmed.", "s", ge=0)]
    withheld: Annotated[
        bool, described("True if there were fewer people than privacy.min_group, or none.")
    ]
    people: Annotated[
        Annotated[int, Meta(ge=3)] | None,
        described("Minimum number of people, a multiple of privacy.min_group; null if withheld."),
    ]
    shares: Annotated[
        dict[str, Probability] | None,
        described(
            "Share of each label, one vote per person, rounded to 2 decimals; null if withheld."
        ),
    ]
    model: ModelPayload


class StatusPayload(Struct, frozen=True, kw_only=True):
    """State of the daemon; the broker publishes `offline` as its last will."""

    state: Annotated[
        State, described("online: running; stopped: ended normally; offline: connection lost.")
    ]
    session: Session
    version: Annotated[str, described("Version of edge-fer.")]
    model: Annotated[
        ModelPayload | None, described("The model; null if an older version published this.")
    ] = None


class FacePayload(Struct, frozen=True, kw_only=True):
    """A face in view, with box and confidence at the time the state was published."""

    track: Track
    emotion: Annotated[Emotion, described("The predicted emotion.")]
    confidence: Confidence
    box: BoxPayload


class LiveFacePayload(FacePayload, frozen=True, kw_only=True):
    """A face in view, with its scores."""

    scores: Annotated[
        dict[str, Probability],
        described("Smoothed probability of each label, rounded to 4 decimals."),
    ]


class LivePayload(Struct, frozen=True, kw_only=True):
    """The faces in view, `mqtt.live_hz` times a second and without a guarantee of delivery."""

    schema: Schema
    session: Session
    time: Annotated[str, described("When the frame was taken.", _RFC3339, pattern=_STAMP)]
    device: Device
    camera: Camera
    faces: Annotated[list[LiveFacePayload], described("The faces, the main one first.")]


class StatePayload(Struct, frozen=True, kw_only=True):
    """The faces in view; valid while status is `online` with the same session."""

    schema: Schema
    session: Session
    time: Annotated[str, described("When the frame was taken.", _RFC3339, pattern=_STAMP)]
    device: Device
    camera: Camera
    faces: Annotated[list[FacePayload], described("The faces, the main one first; empty if none.")]


class ResponsePayload(Struct, frozen=True, kw_only=True):
    """The response to a command."""

    schema: Schema
    command: Annotated[str, described("The topic level before /set; 40 characters at most.")]
    ok: Annotated[bool, described("True if the command is executed; see `enabled` for the result.")]
    reason: Annotated[str | None, described("Why the command is refused; null if it is not.")]
    got: Annotated[str, described("The command's payload in ASCII, 40 characters at most.")]


class StatsPayload(Struct, frozen=True, kw_only=True):
    """Numbers about the daemon: `time`, and one number per name."""

    time: Annotated[str, described("When the numbers were taken.", _RFC3339, pattern=_STAMP)]


def schemas() -> dict[str, Any]:
    """Return the JSON Schemas of all JSON topics in one document, by the topic's last level."""
    types = {
        "event": EventPayload,
        "aggregate": AggregatePayload,
        "live": LivePayload,
        "response": ResponsePayload,
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
