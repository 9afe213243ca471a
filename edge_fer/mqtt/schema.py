"""The types of the JSON on the wire, and the schemas made of them. `payload` fills them in.

They are a contract, told in docs/reference/topics.md and, for programs, in schema.json beside this file;
`leaves` makes the list of what leaves the device of them.
Fields may be added under the same `SCHEMA`; one that goes or changes its meaning raises the
number.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

SCHEMA: Literal[1] = 1

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


def _tells(meaning: str, unit: str = "", **bounds: Any) -> Meta:
    """What a field means, and in which unit it is."""
    return Meta(description=meaning, extra_json_schema={"x-unit": unit} if unit else None, **bounds)


_EMOTION: dict[str, Any] = {
    "anyOf": [
        {"enum": list(EMOTIONS)},
        {"pattern": OWN_LABEL, "description": "A label of the model's own."},
    ]
}
Emotion = Annotated[str, Meta(extra_json_schema=_EMOTION)]
State = Literal["online", "stopped", "offline"]
Probability = Annotated[float, Meta(ge=0, le=1)]
_STAMP = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"
_CONFIDENCE = "Smoothed probability of the strongest label, rounded to 4 decimals."
_RFC3339 = "RFC 3339, UTC, milliseconds"

Schema = Annotated[Literal[1], _tells("Version of the contract.")]
Id = Annotated[str, _tells("Unique: the same id twice is the same message twice.")]
Session = Annotated[str, _tells("Random; new at each start of the daemon.")]
Device = Annotated[str, _tells("device.name, else the host name.")]
Camera = Annotated[str, _tells("camera.name.")]
Track = Annotated[
    str, _tells("Random, short-lived name of a followed face; says nothing of who it is.")
]
Confidence = Annotated[float, _tells(_CONFIDENCE, ge=0, le=1)]


class ModelPayload(Struct, frozen=True):
    """The network that judged."""

    name: Annotated[str, _tells("Name of the model that judged.")]
    sha256: Annotated[str, _tells("Hash of its file.")]


class BoxPayload(Struct, frozen=True):
    """A face rectangle in px of the frame, origin top left; it may reach beyond the frame."""

    left: Annotated[int, _tells("Left edge of the face.", "px")]
    top: Annotated[int, _tells("Top edge of the face.", "px")]
    width: Annotated[int, _tells("Width of the face.", "px")]
    height: Annotated[int, _tells("Height of the face.", "px")]
    frame_width: Annotated[int, _tells("Width of the frame.", "px")]
    frame_height: Annotated[int, _tells("Height of the frame.", "px")]


class EventPayload(Struct, frozen=True):
    """A face got its first emotion, another one, or went."""

    schema: Schema
    id: Id
    session: Session
    seq: Annotated[int, _tells("Counts events of a session, without gaps.", ge=1)]
    time: Annotated[str, _tells("When the frame was taken.", _RFC3339, pattern=_STAMP)]
    device: Device
    camera: Camera
    track: Track
    phase: Annotated[
        Literal["begin", "change", "end"], _tells("First emotion, another one, or gone.")
    ]
    emotion: Annotated[Emotion, _tells("What the face looks like to the model.")]
    previous: Annotated[Emotion | None, _tells("The one before; null in a track's first event.")]
    confidence: Confidence
    scores: Annotated[dict[str, Probability], _tells("Smoothed, by label, rounded to 4 decimals.")]
    box: BoxPayload
    model: ModelPayload


class AggregatePayload(Struct, frozen=True):
    """The shares of emotions in an interval, with `privacy.mode = "aggregate"` alone."""

    schema: Schema
    id: Id
    session: Session
    seq: Annotated[int, _tells("Counts intervals of a session, without gaps.", ge=1)]
    time: Annotated[str, _tells("The end of the interval.", _RFC3339, pattern=_STAMP)]
    device: Device
    camera: Camera
    seconds: Annotated[float, _tells("What was filmed of the interval.", "s", ge=0)]
    withheld: Annotated[bool, _tells("Fewer than privacy.min_group people; maybe none.")]
    people: Annotated[
        Annotated[int, Meta(ge=3)] | None,
        _tells("At least; a multiple of privacy.min_group. null where withheld."),
    ]
    shares: Annotated[
        dict[str, Probability] | None,
        _tells("By label, a vote a person, rounded to 2 decimals; null where withheld."),
    ]
    model: ModelPayload


class StatusPayload(Struct, frozen=True):
    """Whether the daemon lives; `offline` is the LWT, said by the broker."""

    state: Annotated[State, _tells("Alive, ended in order, or gone.")]
    session: Session
    version: Annotated[str, _tells("Of edge-fer.")]


class FacePayload(Struct, frozen=True):
    """A face in view; box and confidence are those of the moment the state was published."""

    track: Track
    emotion: Annotated[Emotion, _tells("What the face looks like to the model.")]
    confidence: Confidence
    box: BoxPayload


class StatePayload(Struct, frozen=True):
    """The faces in view; true while status says `online` with the same session."""

    schema: Schema
    session: Session
    time: Annotated[str, _tells("When the frame was taken.", _RFC3339, pattern=_STAMP)]
    device: Device
    camera: Camera
    faces: Annotated[list[FacePayload], _tells("One each; empty where nobody is in view.")]


class ResponsePayload(Struct, frozen=True):
    """What became of a command."""

    schema: Schema
    command: Annotated[str, _tells("The level ahead of /set; 40 characters at most.")]
    ok: Annotated[bool, _tells("It is obeyed; `enabled` shows what came of it.")]
    reason: Annotated[str | None, _tells("Why it is refused; null where it is not.")]
    got: Annotated[str, _tells("Its payload in ASCII, 40 characters at most.")]


class StatsPayload(Struct, frozen=True):
    """Numbers about the daemon: `time`, and beside it one number per name."""

    time: Annotated[str, _tells("When the numbers were taken.", _RFC3339, pattern=_STAMP)]


def schemas() -> dict[str, Any]:
    """Return the JSON Schemas of all JSON topics: one document, keyed by the topic's last part."""
    types = {
        "event": EventPayload,
        "aggregate": AggregatePayload,
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
