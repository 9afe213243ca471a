import json
import runpy
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_fer.emotion.card import LABELS, OWN_LABEL, UNCERTAIN
from edge_fer.mqtt import commands, publisher, schema
from edge_fer.mqtt.messages import Identity, Message
from edge_fer.types import Box, Event, Phase, Presence

ROOT = Path(__file__).parents[2]
ME = Identity("edge-fer", "porch", "cam0", "9f3a61c2", "1.2.3", "small", "ab" * 32)
SIZE = (640, 480)


def event(**changes: Any) -> Event:
    values: dict[str, Any] = {
        "track": "t1",
        "phase": Phase.CHANGE,
        "emotion": "happy",
        "previous": "neutral",
        "confidence": 0.98765432,
        "scores": {"happy": 0.98765432, "sad": 0.01234568},
        "box": Box(-3, 40, 120, 121),
        "stamp": 1714564800.25,
        "started": 1714564790.25,
        "duration_s": 10.0001,
    }
    return Event(**{**values, **changes})


def check(name: str, message: Message) -> Any:
    """Return the decoded payload, once it has passed the shipped schema."""
    value = json.loads(message.payload)
    schemas = json.loads((ROOT / "edge_fer/mqtt/schema.json").read_text())
    jsonschema.Draft202012Validator({**schemas, **schemas[name]}).validate(value)
    return value


def test_an_event_says_all_the_contract_promises() -> None:
    message = publisher.event_message(ME, event(), SIZE, 7)
    assert {
        "schema": 2,
        "id": "9f3a61c2-7",
        "session": "9f3a61c2",
        "seq": 7,
        "time": "2024-05-01T12:00:00.250Z",
        "device": "porch",
        "camera": "cam0",
        "track": "t1",
        "phase": "change",
        "emotion": "happy",
        "previous": "neutral",
        "started": "2024-05-01T11:59:50.250Z",
        "duration_s": 10.0,
        "confidence": 0.9877,
        "scores": {"happy": 0.9877, "sad": 0.0123},
        "box": {
            "left": -3,
            "top": 40,
            "width": 120,
            "height": 121,
            "frame_width": 640,
            "frame_height": 480,
        },
        "model": {"name": "small"},
    } == check("event", message)
    assert ("edge-fer/porch/event", 1, False) == (message.topic, message.qos, message.retain)


@pytest.mark.parametrize("phase", list(Phase))
@pytest.mark.parametrize("emotion", [*LABELS, UNCERTAIN])
def test_every_phase_and_emotion_passes_the_schema(phase: Phase, emotion: str) -> None:
    changes = {"phase": phase, "emotion": emotion, "previous": None}
    said = check("event", publisher.event_message(ME, event(**changes), SIZE, 1))["emotion"]
    assert said == (None if phase is Phase.END else emotion)


def test_the_schema_takes_a_models_own_label_and_nothing_that_cannot_be_one() -> None:
    made = check("event", publisher.event_message(ME, event(emotion="raised-brows"), SIZE, 1))
    assert "raised-brows" == made["emotion"]
    for emotion in ("Bored", "", "a" * 33, "so so"):
        with pytest.raises(jsonschema.ValidationError):
            check("event", publisher.event_message(ME, event(emotion=emotion), SIZE, 1))


def test_the_wire_has_the_same_emotions_as_the_models() -> None:
    assert (*LABELS, UNCERTAIN) == schema.EMOTIONS
    assert f"^{OWN_LABEL.pattern}$" == schema.OWN_LABEL


def test_status_is_retained_and_names_session_and_version() -> None:
    message = publisher.status_message(ME, "offline")
    assert {
        "state": "offline",
        "session": "9f3a61c2",
        "version": "1.2.3",
        "model": {"name": "small", "sha256": "ab" * 32},
    } == check("status", message)
    assert message.retain


def test_an_empty_room_is_a_state_too() -> None:
    message = publisher.state_message(ME, [], SIZE, 0)
    assert [] == check("state", message)["faces"]
    assert message.retain


def test_state_lists_the_faces_in_view() -> None:
    face = Presence("t1", "uncertain", 0.33333333, Box(1, 2, 3, 4))
    (shown,) = check("state", publisher.state_message(ME, [face], SIZE, 0))["faces"]
    assert ("t1", "uncertain", 0.3333) == (shown["track"], shown["emotion"], shown["confidence"])
    assert 640 == shown["box"]["frame_width"]


def test_the_flat_topics_say_what_the_state_says() -> None:
    faces = [
        Presence(name, emotion, 0.9, Box(1, 2, 3, 4))
        for name, emotion in (("a", "happy"), ("b", "sad"))
    ]
    values = [(m.topic, m.payload, m.retain) for m in publisher.flat_messages(ME, faces)]
    assert [
        ("edge-fer/porch/emotion", b"happy", True),
        ("edge-fer/porch/faces", b"2", True),
        ("edge-fer/porch/presence", b"ON", True),
    ] == values
    assert [b"none", b"0", b"OFF"] == [m.payload for m in publisher.flat_messages(ME, [])]


def test_live_has_boxes_and_scores_and_no_assurance() -> None:
    face = Presence("t1", "happy", 0.9, Box(1, 2, 3, 4), {"happy": 0.9, "sad": 0.1})
    message = publisher.live_message(ME, [face], SIZE, 0)
    (shown,) = check("live", message)["faces"]
    assert ({"happy": 0.9, "sad": 0.1}, 3) == (shown["scores"], shown["box"]["width"])
    assert (0, False) == (message.qos, message.retain)


def test_stats_are_flat_numbers_and_a_time() -> None:
    message = publisher.stats_message(ME, {"fps": 14.99999, "frames": 150}, 0)
    assert {"time": "1970-01-01T00:00:00.000Z", "fps": 15.0, "frames": 150} == check(
        "stats", message
    )
    assert not message.retain


@pytest.mark.parametrize(
    ("command", "wanted"),
    [(b"ON", True), (b"OFF", False), (b"on", None), (b"", None), (b"\xff", None)],
)
def test_a_command_is_on_or_off_and_nothing_else(command: bytes, wanted: bool | None) -> None:
    assert wanted is commands.parse_enabled(command)


@settings(deadline=None)
@given(st.floats(0, 4e9))
def test_times_are_right_to_the_millisecond(stamp: float) -> None:
    text = publisher.rfc3339(stamp)
    assert len("2024-05-01T12:00:00.250Z") == len(text)
    read = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)
    assert abs(read.timestamp() - stamp) <= 0.000501


@settings(deadline=None)
@given(
    st.dictionaries(st.sampled_from(LABELS), st.floats(0, 1)),
    st.floats(0, 1),
    st.tuples(*[st.integers(-5000, 5000)] * 4),
)
def test_any_event_passes_the_schema(
    scores: dict[str, float], confidence: float, box: tuple[int, int, int, int]
) -> None:
    made = event(scores=scores, confidence=confidence, box=Box(*box))
    check("event", publisher.event_message(ME, made, SIZE, 1))


def test_the_shipped_schema_is_the_one_the_types_give() -> None:
    shipped = (ROOT / "edge_fer/mqtt/schema.json").read_text()
    assert schema.schemas() == json.loads(shipped), "run: python docs/generate_mqtt.py"


def test_the_examples_in_the_docs_are_freshly_made() -> None:
    render = runpy.run_path(str(ROOT / "docs/generate_mqtt.py"))["render"]
    text = (ROOT / "docs/reference/topics.md").read_text()
    assert render(text) == text, "run: python docs/generate_mqtt.py"
