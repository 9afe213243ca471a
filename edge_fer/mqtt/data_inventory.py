"""List the data that leaves the device, for programs: every topic, every field, every file.

The list is made from the payload types, so it includes all their fields.
docs/reference/leaves.json is a copy; `make privacy` compares it with what a running daemon
writes and sends.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from edge_fer.mqtt.schema import SCHEMA, schemas

BOTH = ("faces", "aggregate")


@dataclasses.dataclass(frozen=True, slots=True)
class Topic:
    """One topic below `<prefix>/<device>/`, unless its name is a full topic."""

    about: str
    """Subject of the data: face, group or device."""
    modes: tuple[str, ...]
    """The values of privacy.mode with which it is published."""
    retained: bool
    when: str
    plain: str = ""
    """Its content, if that is no JSON payload of `schema`."""


TOPICS: Mapping[str, Topic] = {
    "event": Topic(
        "face", ("faces",), False, "a face got its first emotion, changed its emotion, or left"
    ),
    "state": Topic(
        "face", ("faces",), True, "a face came, left or changed its emotion, or another is the main"
    ),
    "emotion": Topic(
        "face",
        ("faces",),
        True,
        "with state",
        "the main face's emotion, a label or uncertain; none without a face",
    ),
    "faces": Topic("face", ("faces",), True, "with state", "the number of faces in view"),
    "presence": Topic("face", ("faces",), True, "with state", "ON if a face is in view, else OFF"),
    "live": Topic("face", ("faces",), False, "mqtt.live_hz times a second, if set; QoS 0"),
    "aggregate": Topic("group", ("aggregate",), False, "every privacy.interval_s"),
    "stats": Topic("device", BOTH, False, "every stats.interval_s"),
    "status": Topic("device", BOTH, True, "on connect, at the end, and by the broker (last will)"),
    "enabled": Topic("device", BOTH, True, "on connect and when it changes", "ON or OFF"),
    "response": Topic(
        "device", BOTH, False, "a command was received; on a subtopic if MQTT 5 requests one"
    ),
    "<homeassistant.prefix>/device/<prefix>-<device>/config": Topic(
        "device",
        BOTH,
        True,
        "on connect, with homeassistant.discovery only",
        "which of these topics Home Assistant shows, and how: names of device and model, "
        "version, labels; no measurement",
    ),
}

_OUTCOMES = "Faces in frames, by outcome; with mode faces only."
_EVENTS = "Events (intervals with mode aggregate)"

NUMBERS: Mapping[str, tuple[str, str]] = {
    "faces_*": ("", _OUTCOMES),
    "frames": ("", "Frames processed."),
    "frames_rejected": ("", "Frames that could not be decoded."),
    "frames_skipped": ("", "Frames skipped because of load."),
    "fps": ("1/s", "Frames processed."),
    "frame_p50_ms": ("ms", "Processing time per frame, median."),
    "frame_p95_ms": ("ms", "The same, 95th percentile."),
    "frame_p99_ms": ("ms", "The same, 99th percentile."),
    "events": ("", f"{_EVENTS} published."),
    **{
        name: ("", f"{_EVENTS} {meaning}.")
        for name, meaning in {
            "queued": "enqueued",
            "sent": "sent, repeats included",
            "acked": "acknowledged by the broker",
            "waiting": "not acknowledged yet",
            "unsaved": "not acknowledged yet, in memory only",
            "stored": "written to disk",
            "resumed": "of earlier runs, loaded from disk",
            "dropped_full": "dropped as the oldest, because of mqtt.max_queued",
            "dropped_bytes": "dropped as the oldest, because of mqtt.max_queued_mb",
            "dropped_expired": "dropped because of mqtt.expire_s",
            "dropped_damaged": "lost with a damaged file",
            "dropped_barred": "deleted because privacy.mode no longer allows them",
        }.items()
    },
    "outbox_faults": ("", "Disk errors."),
    "outbox_damaged": ("", "Damaged files moved aside."),
    "connects": ("", "Connections to a broker."),
    "refused": ("", "Messages that a broker rejected."),
    "stats_skipped": ("", "Stats messages that were not sent."),
    "commands": ("", "Commands executed."),
    "commands_refused": ("", "Commands refused."),
    "commands_unanswered": ("", "Commands without a response, because there were too many."),
    "camera_losses": ("", "Camera losses."),
    "camera_reopens": ("", "Camera recoveries."),
    "camera_wrong_size": ("", "Changes of the frame size."),
    "camera_black": ("", "Changes to a black picture."),
    "camera_lost_s": ("s", "Time since the last frame, while the camera is lost."),
    "black": ("", "1 while the picture is black."),
    "degradations": ("", "Times that the load was reduced by a step."),
    "degraded": ("", "Steps by which the load is reduced now."),
    "load": ("", "Processing time as a share of the frame interval."),
    "throttled": ("", "1 while the board throttles its clock."),
    "temperature_c": ("°C", "Temperature of the processor."),
    "reloads": ("", "Successful reloads."),
    "reloads_refused": ("", "Failed reloads."),
    "rss_mb": ("MB", "Resident memory of the process."),
    "uptime_s": ("s", "Run time of the process."),
}
"""The numbers of stats, with unit and meaning."""

NEVER = (
    "frames",
    "chips",
    "landmarks",
    "embeddings",
    "names or identities",
    "sound",
    "telemetry of onnxruntime",
)

DISK = {
    "<mqtt.outbox>/<prefix>-<device>.db": "unacknowledged messages of event and aggregate, "
    "for mqtt.expire_s at most; SQLite adds -wal and -journal files",
    "<mqtt.outbox>/<prefix>-<device>.db.damaged": "such a file that is damaged",
    "<mqtt.outbox>/<prefix>-<device>.paused": "empty; it exists while the camera is to stay closed "
    "over a restart",
    "<stats.textfile>": "the numbers of stats for node_exporter, if set",
    "stderr or the journal": "the log: events (track, phase, emotion, confidence), or "
    "intervals with mode aggregate; refused commands; faults",
}

_KINDS = {str: "string", int: "integer"}


def inventory(mode: str | None = None) -> dict[str, Any]:
    """Return the list as JSON values; for one `privacy.mode` only, if ``mode`` is given."""
    return {
        "schema": SCHEMA,
        "with": "the client id <prefix>-<device>, user and password of mqtt; with each message the "
        "properties schema and session, its content type and expiry (MQTT 5)",
        "to": "the brokers of mqtt.brokers over MQTT, and the resolver for their names",
        "never": list(NEVER),
        "disk": DISK,
        "topics": {
            name: _entry(name, topic)
            for name, topic in TOPICS.items()
            if mode in (None, *topic.modes)
        },
    }


def _entry(name: str, topic: Topic) -> dict[str, Any]:
    entry = dataclasses.asdict(topic) | {"modes": list(topic.modes)}
    del entry["plain"]
    if topic.plain:
        return {**entry, "content": topic.plain}
    published = schemas()
    fields = dict(_fields(published[name], published["$defs"], ""))
    if name == "stats":
        for number, (unit, meaning) in NUMBERS.items():
            fields[number] = _field("number", unit, meaning)
    return {**entry, "fields": fields}


def _fields(
    schema: Mapping[str, Any], definitions: Mapping[str, Any], path: str
) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield path and description of each leaf value."""
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    if "properties" in schema:
        for name, inner in schema["properties"].items():
            yield from _fields(inner, definitions, f"{path}.{name}" if path else name)
        return
    choices = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    if len(choices) == 1 and "$ref" in choices[0]:
        yield from _fields(choices[0], definitions, path)
        return
    whole = next((one for one in choices if "type" in one), schema)
    text = schema.get("description", "")
    kind = whole.get("type") or _KINDS[type(whole["enum"][0])]
    if kind == "array":
        yield from _fields(whole["items"], definitions, f"{path}[]")
    elif kind == "object":
        yield f"{path}.*", _field(whole["additionalProperties"]["type"], "", text)
    else:
        yield path, _field(kind, schema.get("x-unit", ""), text)


def _field(kind: str, unit: str, meaning: str) -> dict[str, str]:
    return {"type": kind, **({"unit": unit} if unit else {}), "meaning": meaning}
