"""A payload may change: what CONTRIBUTING.md says about it, done here field by field."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest
from msgspec import Struct, defstruct

from edge_fer.client import Aggregate, Event, State, Subscription, subscribe
from edge_fer.config.broker_url import parse_broker
from edge_fer.mqtt.aggregate import Summary
from edge_fer.mqtt.client import ConnectOptions
from edge_fer.mqtt.publisher import aggregate_message, event_message, state_message
from edge_fer.mqtt.schema import BoxPayload, FacePayload, described
from tests.support.mqtt import EVENT, FACE, ME, SIZE, warnings

ROOT = Path(__file__).parents[2]
TOPIC = "edge-fer/porch/event"
BOX = {"left": 1, "top": 2, "width": 3, "height": 4, "frame_width": 640, "frame_height": 480}
MODEL = {"name": "small", "sha256": "ab" * 32}
HEAD = {
    "schema": 1,
    "session": "9f3a61c2",
    "time": "2024-05-01T12:00:00.250Z",
    "device": "porch",
    "camera": "cam0",
}
FIRST: dict[type[Struct], dict[str, Any]] = {
    Event: {
        **HEAD,
        "id": "9f3a61c2-7",
        "seq": 7,
        "track": "t1",
        "phase": "change",
        "emotion": "happy",
        "previous": "neutral",
        "confidence": 0.98,
        "scores": {"happy": 0.9},
        "box": BOX,
        "model": MODEL,
    },
    State: {
        **HEAD,
        "faces": [{"track": "t1", "emotion": "happy", "confidence": 0.98, "box": BOX}],
    },
    Aggregate: {
        **HEAD,
        "id": "9f3a61c2-7",
        "seq": 7,
        "seconds": 60.0,
        "withheld": False,
        "people": 3,
        "shares": {"happy": 1.0},
        "model": MODEL,
    },
}
"""A message of each kind with the fields that the first release published. Never add to these."""

LASTED = Annotated[float | None, described("How long the emotion before lasted.", "s")]
NewEvent: Any = defstruct(
    "NewEvent", [("unknown_s", LASTED, None)], bases=(Event,), frozen=True, kw_only=True
)
"""An event with a field added by the rule: it has a default."""
NewBox: Any = defstruct(
    "NewBox", [("angle", float, 0.0)], bases=(BoxPayload,), frozen=True, kw_only=True
)
NewFace: Any = defstruct(
    "NewFace", [("box", NewBox)], bases=(FacePayload,), frozen=True, kw_only=True
)


def say(broker: Any, *payloads: bytes) -> None:
    for payload in payloads:
        command = ["mosquitto_pub", "-p", str(broker.port), "-t", TOPIC, "-q", "1", "-s"]
        subprocess.run(command, input=payload, check=True)


def new_event(**changes: Any) -> bytes:
    """Return what a device publishes whose events have the new field."""
    fields = {name: getattr(_decoded(Event), name) for name in Event.__struct_fields__}
    return msgspec.json.encode(NewEvent(**{**fields, "unknown_s": 2.5, **changes}))


def _decoded(kind: type[Struct]) -> Any:
    return msgspec.json.decode(json.dumps(FIRST[kind]), type=kind)


@pytest.mark.parametrize("kind", FIRST)
def test_a_message_of_the_first_release_still_decodes(kind: type[Struct]) -> None:
    assert 1 == _decoded(kind).schema


@pytest.mark.parametrize("kind", FIRST)
def test_a_decoder_ignores_unknown_fields(kind: type[Struct]) -> None:
    text = json.dumps({**FIRST[kind], "unknown_s": 2.5, "more": {"deep": [1]}})
    assert _decoded(kind) == msgspec.json.decode(text, type=kind)


def test_whatever_is_published_has_every_field_also_those_with_a_default() -> None:
    messages = {
        Event: event_message(ME, EVENT, SIZE, 1),
        State: state_message(ME, [FACE], SIZE, 0),
        Aggregate: aggregate_message(ME, Summary(0, 60, None, None), 1),
    }
    for kind, message in messages.items():
        assert list(kind.__struct_fields__) == list(json.loads(message.payload))
    assert json.loads(new_event(unknown_s=None))["unknown_s"] is None


def test_an_old_message_decodes_in_a_new_client(broker: Any) -> None:
    options = ConnectOptions()
    with Subscription(parse_broker(broker.url), TOPIC, NewEvent, options) as subscription:
        say(broker, json.dumps(FIRST[Event]).encode(), new_event(id="9f3a61c2-8", seq=8))
        old, new = next(subscription), next(subscription)
    assert ((7, None), (8, 2.5)) == ((old.seq, old.unknown_s), (new.seq, new.unknown_s))
    assert 0 == subscription.unreadable


def test_an_end_of_an_older_device_has_no_emotion_either(broker: Any) -> None:
    with subscribe(broker.url) as subscription:
        end = {**FIRST[Event], "phase": "end", "previous": "happy"}
        say(broker, json.dumps(end).encode())
        event = next(subscription)
    assert (1, None, "happy", None) == (
        event.schema,
        event.emotion,
        event.previous,
        event.started,
    )


def test_a_new_message_decodes_in_an_old_client(
    broker: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with subscribe(broker.url) as subscription:
        say(broker, new_event())
        event = next(subscription)
    assert (_decoded(Event), 0, []) == (event, subscription.unreadable, warnings(caplog))


def test_a_field_is_added_to_a_nested_type_by_the_same_rule() -> None:
    old = msgspec.json.decode(json.dumps(FIRST[State]["faces"][0]), type=NewFace)
    assert (0.0, 640) == (old.box.angle, old.box.frame_width)
    assert msgspec.json.decode(msgspec.json.encode(old), type=FacePayload).box.left == 1


def test_a_newer_schema_is_read_if_the_known_fields_are_there_and_warned_of_once(
    broker: Any, caplog: pytest.LogCaptureFixture
) -> None:
    newer = {**FIRST[Event], "schema": 3, "unknown_s": 1.0}
    with subscribe(broker.url) as subscription:
        say(broker, *(json.dumps({**newer, "id": f"a-{n}", "seq": n}).encode() for n in (1, 2)))
        assert [(3, 1), (3, 2)] == [
            (event.schema, event.seq) for event in (next(subscription), next(subscription))
        ]
    assert [f"{TOPIC}: schema 3 is newer than 2; ignoring its new fields"] == warnings(caplog)
    assert 0 == subscription.unreadable


def test_a_newer_schema_without_a_known_field_is_skipped_counted_and_warned_of_once(
    broker: Any, caplog: pytest.LogCaptureFixture
) -> None:
    newer = {**FIRST[Event], "schema": 3}
    del newer["confidence"]
    with subscribe(broker.url) as subscription:
        say(broker, json.dumps(newer).encode(), json.dumps(newer).encode())
        say(broker, json.dumps(FIRST[Event]).encode())
        assert 7 == next(subscription).seq
    (warning,) = warnings(caplog)
    assert warning.startswith(f"{TOPIC}: unreadable message skipped: ")
    assert "missing required field `confidence`" in warning
    assert 2 == subscription.unreadable


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Follow the how-to in a copy of the tree: the type, what fills it in, the generators."""
    tree = tmp_path_factory.mktemp("changed")
    for name in ("edge_fer", "docs"):
        ignored = shutil.ignore_patterns("__pycache__", "images", "*.onnx")
        shutil.copytree(ROOT / name, tree / name, ignore=ignored)
    _insert(
        tree / "edge_fer/mqtt/schema.py",
        "    confidence: Confidence\n    scores:",
        '    smoothed: Annotated[bool, described("True if smoothing is on.")] = True\n',
    )
    _insert(
        tree / "edge_fer/mqtt/publisher.py",
        "        confidence=round(event.confidence, 4),\n        scores=",
        "        smoothed=len(event.scores) > 1,\n",
    )
    _python(tree, "docs/generate_mqtt.py")
    _python(tree, "-m", "docs.generate_asyncapi")
    return tree


def test_the_how_to_renews_the_schemas_and_the_pages(changed: Path) -> None:
    reference = changed / "docs/reference"
    page = _text(reference / "topics.md")
    event = re.search(r"<!-- example: event -->.*?<!-- end -->", page, re.DOTALL)
    assert event is not None
    assert '"smoothed": true' in event[0]
    shipped = json.loads(_text(changed / "edge_fer/mqtt/schema.json"))["$defs"]["EventPayload"]
    assert "smoothed" in shipped["properties"]
    assert "smoothed" not in shipped["required"]
    leaves = json.loads(_text(reference / "leaves.json"))
    meaning = {"type": "boolean", "meaning": "True if smoothing is on."}
    assert meaning == leaves["topics"]["event"]["fields"]["smoothed"]
    assert "smoothed" in _text(reference / "asyncapi.json")


DECODE = (
    "import sys, msgspec; from edge_fer.client import Event; "
    "print(msgspec.json.decode(sys.stdin.read(), type=Event).smoothed)"
)
ENCODE = (
    "from edge_fer.mqtt import schema; {change}"
    "from edge_fer.mqtt.publisher import event_message; "
    "from edge_fer.mqtt.messages import Identity; from edge_fer.types import Box, Event, Phase; "
    "event = Event('t1', Phase.BEGIN, 'happy', None, 0.9, {{'happy': 0.9}}, Box(1, 2, 3, 4), 0); "
    "me = Identity('edge-fer', 'porch', 'cam0', '9f3a61c2', '1.2.3', 'small', 'ab' * 32); "
    "print(event_message(me, event, (640, 480), 1).payload.decode())"
)


def test_the_changed_tree_reads_old_messages_and_this_one_reads_new_ones(changed: Path) -> None:
    assert "True\n" == _python(changed, "-c", DECODE, stdin=json.dumps(FIRST[Event]))
    for change, schema in (("", 2), ("schema.SCHEMA = 3; ", 3)):
        text = _python(changed, "-c", ENCODE.format(change=change))
        assert json.loads(text)["smoothed"] is False
        event = msgspec.json.decode(text, type=Event)
        assert (schema, 1, "happy") == (event.schema, event.seq, event.emotion)


def _python(tree: Path, *arguments: str, stdin: str = "") -> str:
    environ = {**os.environ, "PYTHONPATH": str(tree)}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=tree,
        env=environ,
        input=stdin,
        text=True,
        check=True,
        stdout=subprocess.PIPE,
    ).stdout


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _insert(path: Path, before: str, line: str) -> None:
    """Insert ``line`` between the two lines that begin with ``before``."""
    first, _, second = before.partition("\n")
    text = _text(path)
    assert text.count(before) == 1, path
    path.write_text(text.replace(before, f"{first}\n{line}{second}"), encoding="utf-8")
