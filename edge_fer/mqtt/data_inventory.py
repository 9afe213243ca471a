"""The list of what leaves the device, for programs: every topic, every field, every file.

It is made of the types on the wire, so it cannot lack a field of theirs. docs/reference/leaves.json is a
copy; `make privacy` holds what a running daemon writes and sends against it.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from edge_fer.mqtt.schema import SCHEMA, schemas

BOTH = ("faces", "aggregate")


@dataclasses.dataclass(frozen=True, slots=True)
class Topic:
    """One topic below `<prefix>/<device>/`, unless it names another place."""

    about: str
    """face, group or device."""
    modes: tuple[str, ...]
    """Of privacy.mode."""
    retained: bool
    when: str
    plain: str = ""
    """What it says, where it is no JSON of `wire`."""


TOPICS: Mapping[str, Topic] = {
    "event": Topic("face", ("faces",), False, "a face got an emotion, another one, or went"),
    "state": Topic("face", ("faces",), True, "a face came, went or changed its emotion"),
    "aggregate": Topic("group", ("aggregate",), False, "every privacy.interval_s"),
    "stats": Topic("device", BOTH, False, "every stats.interval_s"),
    "status": Topic("device", BOTH, True, "on connect, at the end, and by the broker (LWT)"),
    "enabled": Topic("device", BOTH, True, "on connect and when it changes", "ON or OFF"),
    "response": Topic("device", BOTH, False, "a command came; below it where MQTT 5 asks for it"),
    "<homeassistant.prefix>/device/<prefix>-<device>/config": Topic(
        "device",
        BOTH,
        True,
        "on connect, with homeassistant.discovery alone",
        "which of these topics Home Assistant shall show, and how: names of device and model, "
        "version, labels; nothing that was measured",
    ),
}

_CAME_TO = "Faces in frames, by what became of them; with mode faces alone."
_EVENTS = "Events (intervals with mode aggregate)"

NUMBERS: Mapping[str, tuple[str, str]] = {
    "faces_*": ("", _CAME_TO),
    "frames": ("", "Frames looked at."),
    "frames_rejected": ("", "Frames that were no picture."),
    "frames_skipped": ("", "Frames left out for want of time."),
    "fps": ("1/s", "Frames looked at."),
    "frame_p50_ms": ("ms", "Time a frame takes, median."),
    "frame_p95_ms": ("ms", "The same, 95th percentile."),
    "frame_p99_ms": ("ms", "The same, 99th percentile."),
    "events": ("", f"{_EVENTS} told."),
    **{
        name: ("", f"{_EVENTS} {meaning}.")
        for name, meaning in {
            "queued": "made",
            "sent": "handed over, repeats included",
            "acked": "at the broker",
            "waiting": "that are not at the broker yet",
            "unsaved": "of those, in memory alone",
            "stored": "written to disk",
            "resumed": "of earlier runs, found on disk",
            "dropped_full": "dropped as the oldest of too many",
            "dropped_bytes": "dropped as the oldest of too large ones",
            "dropped_expired": "dropped as too old",
            "dropped_damaged": "lost with a damaged file",
            "dropped_barred": "deleted since nothing of single faces may leave any more",
        }.items()
    },
    "outbox_faults": ("", "Times the disk could not be used."),
    "outbox_damaged": ("", "Damaged files moved aside."),
    "connects": ("", "Connections to a broker."),
    "refused": ("", "Messages that a broker did not take."),
    "stats_skipped": ("", "Messages on stats that were not sent."),
    "commands": ("", "Commands obeyed."),
    "commands_refused": ("", "Commands refused."),
    "commands_unanswered": ("", "Commands without an answer, since there were too many."),
    "camera_losses": ("", "Times the camera was lost."),
    "camera_reopens": ("", "Times it came back."),
    "camera_wrong_size": ("", "Times it gave another size."),
    "camera_black": ("", "Times the picture became black."),
    "camera_lost_s": ("s", "Since the last frame, while the camera is lost."),
    "black": ("", "1 while the picture is black."),
    "degradations": ("", "Steps down for want of time."),
    "degraded": ("", "Steps down at present."),
    "load": ("", "Share of a frame's interval that is spent on it."),
    "throttled": ("", "1 while the board slows itself down."),
    "temperature_c": ("°C", "Of the processor."),
    "reloads": ("", "Configurations taken."),
    "reloads_refused": ("", "Configurations not taken."),
    "rss_mb": ("MB", "Memory of the process."),
    "uptime_s": ("s", "Age of the process."),
}
"""The names on stats, with unit and meaning."""

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
    "<mqtt.outbox>/<prefix>-<device>.db": "messages of event and aggregate that no broker has "
    "yet, for mqtt.expire_s at most; beside it -wal and -journal, SQLite's own",
    "<mqtt.outbox>/<prefix>-<device>.db.damaged": "such a file that could not be read",
    "<mqtt.outbox>/<prefix>-<device>.paused": "nothing, being there while the camera is to stay "
    "closed over a restart",
    "<stats.textfile>": "the numbers of stats, for node_exporter, where that is set",
    "stderr or the journal": "the log: events in words (track, phase, emotion, confidence), "
    "intervals with mode aggregate; commands refused; faults",
}

_KINDS = {str: "string", int: "integer"}


def leaves(mode: str | None = None) -> dict[str, Any]:
    """Return the list, ready for JSON; of one `privacy.mode` alone, if it is given."""
    return {
        "schema": SCHEMA,
        "with": "the client id <prefix>-<device>, user and password of mqtt; to each message the "
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
    """Path and description of each value that is none of several."""
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    if "properties" in schema:
        for name, inner in schema["properties"].items():
            yield from _fields(inner, definitions, f"{path}.{name}" if path else name)
        return
    choices = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
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
