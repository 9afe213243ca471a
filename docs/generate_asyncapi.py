"""Generate docs/reference/asyncapi.json: every topic, its sender and its payload, for programs.

    python -m docs.generate_asyncapi

It is AsyncAPI 3.0 (https://www.asyncapi.com/docs/reference/specification/v3.0.0), made from the
types in edge_fer/mqtt/schema.py and the examples in docs/reference/topics.md. `make asyncapi`
validates it with AsyncAPI's own parser.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from docs.generate_mqtt import examples
from edge_fer import __version__
from edge_fer.mqtt import schema

PAGE = Path(__file__).parent / "reference" / "asyncapi.json"

RETAINED = ("emotion", "enabled", "faces", "presence", "state", "status")
WHAT = {
    "aggregate": "The emotion shares of an interval, with privacy.mode = aggregate only.",
    "emotion": "The main face's emotion: a label, uncertain, or none without a face.",
    "enabled": "Whether the camera is open.",
    "event": "A face got its first emotion, changed its emotion, or left.",
    "faces": "The number of faces in view.",
    "live": "The faces in view with boxes and scores, mqtt.live_hz times a second.",
    "presence": "Whether a face is in view.",
    "response": "The response to a command.",
    "state": "The faces in view. With privacy.mode = aggregate, one empty message removes it.",
    "stats": "Numbers about the daemon.",
    "status": "Whether the daemon runs; the broker publishes offline (last will).",
}
PARAMETERS = {
    "prefix": {"default": "edge-fer", "description": "mqtt.prefix, which may have levels."},
    "device": {"description": "device.name, or else the host name."},
}
HEADERS = {
    "type": "object",
    "description": "User properties, with MQTT 5.",
    "properties": {"schema": {"type": "string"}, "session": {"type": "string"}},
}
SWITCH = {"type": "string", "enum": ["ON", "OFF"]}
PLAIN: Mapping[str, Mapping[str, Any]] = {
    "emotion": {"type": "string", "pattern": schema.OWN_LABEL},
    "enabled": SWITCH,
    "faces": {"type": "string", "pattern": "^[0-9]+$"},
    "presence": SWITCH,
}
"""Payloads of the topics that have no JSON."""


def document() -> dict[str, Any]:
    """Return the document."""
    schemas = json.loads(json.dumps(schema.schemas()).replace("#/$defs/", "#/components/schemas/"))
    made = examples()
    messages = {name: _message(name, schemas, made[name].payload) for name in WHAT}
    messages["command"] = {"contentType": "text/plain", "payload": SWITCH}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "edge-fer",
            "version": __version__,
            "description": "Facial expressions over MQTT. Documented in docs/reference/topics.md.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "broker": {"host": "localhost:1883", "protocol": "mqtt", "protocolVersion": "5.0"}
        },
        "channels": {
            **{name: _channel(name, name, what) for name, what in WHAT.items()},
            "command": _channel("command", "enabled/set", "Closes or opens the camera."),
        },
        "operations": {**{name: _send(name) for name in WHAT}, "command": _receive()},
        "components": {"messages": messages, "schemas": schemas["$defs"]},
    }


def _channel(name: str, topic: str, what: str) -> dict[str, Any]:
    return {
        "address": f"{{prefix}}/{{device}}/{topic}",
        "description": what,
        "parameters": PARAMETERS,
        "messages": {name: {"$ref": f"#/components/messages/{name}"}},
    }


def _message(name: str, schemas: Mapping[str, Any], example: bytes) -> dict[str, Any]:
    if name in PLAIN:
        return {"contentType": "text/plain", "payload": PLAIN[name]}
    return {
        "contentType": "application/json",
        "headers": HEADERS,
        "payload": schemas[name],
        "examples": [{"payload": json.loads(example)}],
    }


def _send(name: str) -> dict[str, Any]:
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{name}"},
        "bindings": {"mqtt": {"qos": 0 if name == "live" else 1, "retain": name in RETAINED}},
    }


def _receive() -> dict[str, Any]:
    return {
        "action": "receive",
        "channel": {"$ref": "#/channels/command"},
        "bindings": {"mqtt": {"qos": 1, "retain": False}},
        "reply": {"channel": {"$ref": "#/channels/response"}},
    }


def main() -> None:
    """Update the file."""
    PAGE.write_text(json.dumps(document(), indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
