"""Generate the examples in docs/reference/topics.md, schema.json and docs/reference/leaves.json.

    python docs/generate_mqtt.py

schema.json is beside the payload types in edge_fer/mqtt. An example is between
`<!-- example: NAME -->` and `<!-- end -->`; the rest of the page is written by hand.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path

from edge_fer.mqtt import commands, publisher, schema
from edge_fer.mqtt.aggregate import Summary
from edge_fer.mqtt.data_inventory import inventory
from edge_fer.mqtt.messages import Identity, Message
from edge_fer.types import Box, Event, Phase, Presence

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference" / "topics.md"
SCHEMAS = ROOT / "edge_fer" / "mqtt" / "schema.json"
LEAVES = ROOT / "docs" / "reference" / "leaves.json"


def examples() -> Mapping[str, Message]:
    """Return one message per topic, from fixed inputs."""
    me = Identity(
        prefix="edge-fer",
        device="porch",
        camera="cam0",
        session="9f3a61c2",
        version="1.0.0",
        model_name="example",
        model_sha256="d2c76e6a2b8f3a7f4e9c1d50b6a7c8e9f00112233445566778899aabbccddeef",
    )
    size, box, stamp = (640, 480), Box(212, 96, 148, 148), 1714564800.25
    scores = {
        "angry": 0.01,
        "disgust": 0.0021,
        "fear": 0.0043,
        "happy": 0.87654,
        "sad": 0.01,
        "surprise": 0.03206,
        "neutral": 0.065,
    }
    shares = {"neutral": 0.5512, "happy": 0.3188, "uncertain": 0.13}
    event = Event(
        "5b1c", Phase.CHANGE, "happy", "neutral", 0.87654, scores, box, stamp, stamp - 4.2, 4.2
    )
    present = [Presence("5b1c", "happy", 0.87654, box, scores)]
    emotion, faces, presence = publisher.flat_messages(me, present)
    numbers = {"frames": 150, "fps": 14.98, "events": 3, "queued": 3, "acked": 3, "waiting": 0}
    refused = schema.ResponsePayload(
        schema=schema.SCHEMA,
        command="enabled",
        ok=False,
        reason=commands.NO_SWITCH,
        got="on",
    )
    return {
        "status": publisher.status_message(me, "online"),
        "event": publisher.event_message(me, event, size, 7),
        "state": publisher.state_message(me, present, size, stamp),
        "emotion": emotion,
        "faces": faces,
        "presence": presence,
        "live": publisher.live_message(me, present, size, stamp),
        "stats": publisher.stats_message(me, numbers, stamp),
        "aggregate": publisher.aggregate_message(me, Summary(stamp, 60.0, 15, shares), 7),
        "enabled": publisher.enabled_message(me, True),
        "response": publisher.response_message(me, refused),
    }


def render(page: str) -> str:
    """Return ``page`` with every example replaced."""
    made = examples()

    def example(match: "re.Match[str]") -> str:
        message = made[match[1]]
        text, kind = message.payload.decode(), "text"
        if text.startswith("{"):
            text, kind = json.dumps(json.loads(text), indent=2), "json"
        return f"<!-- example: {match[1]} -->\n```{kind}\n{text}\n```\n<!-- end -->"

    return re.sub(r"<!-- example: (\w+) -->.*?<!-- end -->", example, page, flags=re.DOTALL)


def main() -> None:
    """Update the files."""
    PAGE.write_text(render(PAGE.read_text()))
    SCHEMAS.write_text(json.dumps(schema.schemas(), indent=2) + "\n")
    LEAVES.write_text(json.dumps(inventory(), indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
