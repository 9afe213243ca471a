"""The AsyncAPI document: fresh, valid, and true of what a real daemon says."""

import json
import queue
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from edge_fer.config.broker_url import parse_broker
from edge_fer.mqtt.connection import subscribe
from edge_fer.mqtt.messages import Message
from tests.support.media import CACHE
from tests.support.mqtt import Inbox
from tests.support.tiny_model import write_tiny_model

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docs" / "reference" / "asyncapi.json"
PARSER = CACHE / "asyncapi"


@pytest.fixture(scope="module")
def document() -> Any:
    return json.loads(FILE.read_text())


def parse(path: Path) -> "subprocess.CompletedProcess[str]":
    if shutil.which("node") is None or not (PARSER / "node_modules").is_dir():
        pytest.skip("AsyncAPI's parser is not there; `make asyncapi` brings it")
    command = ["node", str(ROOT / "packaging/validate_asyncapi.mjs"), str(path)]
    return subprocess.run(command, cwd=PARSER, capture_output=True, text=True)


def test_the_document_is_freshly_made(document: Any) -> None:
    code = "import json, docs.generate_asyncapi as g; print(json.dumps(g.document()))"
    command = [sys.executable, "-c", code]
    made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(made.stdout) == document, "run: make docs"


def test_asyncapis_own_parser_takes_it(document: Any) -> None:
    done = parse(FILE)
    counts = f"{len(document['channels'])} channels, {len(document['operations'])} operations"
    assert (0, True) == (done.returncode, counts in done.stdout), done.stdout


def test_asyncapis_own_parser_would_tell_a_mistake(document: Any, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.json"
    wrong.write_text(json.dumps({**document, "operations": {"event": {"action": "shout"}}}))
    assert "error: operations.event" in parse(wrong).stdout


def channel_of(document: Any, topic: str) -> str:
    """The one channel with that address."""
    patterns = {
        name: channel["address"].replace("{prefix}", ".+").replace("{device}", "[^/]+")
        for name, channel in document["channels"].items()
    }
    (name,) = (name for name, pattern in patterns.items() if re.fullmatch(pattern, topic))
    return name


def check(document: Any, message: Message) -> str:
    """Hold the message against its channel's schema; returns the channel's name."""
    name = channel_of(document, message.topic)
    told = document["components"]["messages"][name]
    text = message.payload.decode()
    value = json.loads(text) if told["contentType"] == "application/json" else text
    Draft7Validator({**told["payload"], "components": document["components"]}).validate(value)
    return name


def test_a_field_that_is_wrong_does_not_pass(document: Any) -> None:
    for name in ("status", "event", "state", "aggregate"):
        (example,) = document["components"]["messages"][name]["examples"]
        text = json.dumps({**example["payload"], "session": 5}).encode()
        with pytest.raises(Exception, match="5 is not of type 'string'"):
            check(document, Message(f"edge-fer/porch/{name}", text, 1, False))


def next_of(inbox: Inbox, process: "subprocess.Popen[bytes]") -> Message:
    try:
        return inbox.get(timeout=120)
    except queue.Empty:
        process.kill()
        raise


def order(broker: Any, *texts: str) -> None:
    for text in texts:
        command = ["mosquitto_pub", "-p", str(broker.port), "-q", "1", "-m", text]
        subprocess.run([*command, "-t", "edge-fer/porch/enabled/set"], check=True)


@pytest.mark.usefixtures("landmarks")
@pytest.mark.parametrize(
    ("mode", "told"),
    [
        ("faces", {"event", "state", "emotion", "faces", "presence", "live"}),
        ("aggregate", {"aggregate"}),
    ],
)
def test_every_message_of_a_real_run_is_as_the_document_says(
    broker: Any,
    carphone: Path,
    document: Any,
    tmp_path: Path,
    mode: str,
    told: set[str],
) -> None:
    model = write_tiny_model(tmp_path, "tiny-fp32", temperature=0.2)
    settings = {
        "model.path": model,
        "vision.min_face_px": 40,
        "device.name": "porch",
        "privacy.acknowledge_use": "research",
        "privacy.mode": mode,
        "privacy.interval_s": 1,
        "smoothing.enter": 0.2,
        "smoothing.leave": 0.1,
        "mqtt.live_hz": 10,
        "stats.interval_s": 0.2,
        "stats.textfile": tmp_path / "edge-fer.prom",
        "homeassistant.discovery": "on",
    }
    options = [f"--set={key}={value}" for key, value in settings.items()]
    command = ["run", "--camera", str(carphone), "--mqtt", broker.url, *options]
    heard: list[Message] = []
    whole = [sys.executable, "-m", "edge_fer", *command]
    listening = subscribe(parse_broker(broker.url), ["#"])
    with listening as inbox, subprocess.Popen(whole, cwd=ROOT) as process:
        while not heard or b'"stopped"' not in heard[-1].payload:
            heard.append(next_of(inbox, process))
            if len(heard) == 1:
                order(broker, "ON", "half")
    assert 0 == process.returncode
    # An empty state is none, and what is no command is ours.
    ours = [message for message in heard if message.topic.startswith("edge-fer/")]
    filled = [message for message in ours if message.payload not in (b"", b"half")]
    names = [check(document, message) for message in filled]
    assert {"status", "enabled", "stats", "command", "response", *told} == set(names)
    answers = [message for message in filled if message.topic.endswith("/response")]
    (other,) = (message.topic for message in heard if message not in ours)
    assert "homeassistant/device/edge-fer-porch/config" == other
    numbers = json.loads([m for m in filled if m.topic.endswith("/stats")][-1].payload)
    written = re.findall(r"^edge_fer_(\w+){", (tmp_path / "edge-fer.prom").read_text(), re.M)
    assert numbers.keys() == {"time", *written}
    assert [True, False] == [json.loads(answer.payload)["ok"] for answer in answers]
