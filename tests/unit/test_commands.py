"""Which commands a device executes over MQTT, and how it refuses others."""

import json
import queue
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_fer.mqtt import commands, schema
from edge_fer.mqtt.commands import Commands, address_response
from edge_fer.mqtt.messages import Message
from edge_fer.mqtt.publisher import response_message
from edge_fer.mqtt.schema import ResponsePayload
from tests.support.mqtt import ME, listening, publisher
from tests.support.wait import DEADLINE_S, wait_until

OWN = "edge-fer/porch/response"


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Desk:
    """`Commands` with all it said and did."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.asked: list[bool] = []
        self.answers: list[Message] = []
        self.commands = Commands(ME, self.asked.append, self.respond, self.clock)

    def respond(self, response: ResponsePayload, command: Message) -> None:
        self.answers.append(address_response(response_message(ME, response), command))

    def get(self, payload: bytes, name: str = "enabled", **more: Any) -> Any:
        """Take a command in and return its answer, once it has passed the schema."""
        retain = more.pop("retain", False)
        before = len(self.answers)
        self.commands.receive(Message(f"edge-fer/porch/{name}/set", payload, 1, retain, **more))
        if len(self.answers) == before:
            return None
        said = json.loads(self.answers[-1].payload)
        published = schema.schemas()
        jsonschema.Draft202012Validator({**published, **published["response"]}).validate(said)
        return said


def test_a_command_is_obeyed_and_answered() -> None:
    desk = Desk()
    assert {"schema": 2, "command": "enabled", "ok": True, "reason": None, "got": "OFF"} == (
        desk.get(b"OFF")
    )
    assert desk.get(b"ON")["ok"]
    assert [False, True] == desk.asked
    assert (OWN, False, 1) == (desk.answers[0].topic, desk.answers[0].retain, desk.answers[0].qos)


@pytest.mark.parametrize(
    ("payload", "more", "reason"),
    [
        (b"on", {}, commands.NO_SWITCH),
        (b"", {}, commands.NO_SWITCH),
        (b"\xff\x00", {}, commands.NO_SWITCH),
        (b"ON ", {}, commands.NO_SWITCH),
        (b"ON", {"retain": True}, commands.RETAINED),
        (b"OFF", {"retain": True}, commands.RETAINED),
        (b"x" * 256, {}, commands.NO_SWITCH),
        (b"x" * 257, {}, commands.TOO_LONG),
        (b"ON", {"name": "reboot"}, commands.UNKNOWN),
        (b"ON", {"name": ""}, commands.UNKNOWN),
    ],
)
def test_anything_else_is_refused_with_a_reason(payload: bytes, more: Any, reason: str) -> None:
    desk = Desk()
    said = desk.get(payload, **more)
    assert (False, reason) == (said["ok"], said["reason"])
    assert [] == desk.asked
    assert {"commands": 0, "commands_refused": 1, "commands_unanswered": 0} == (
        desk.commands.counters()
    )


def test_a_received_text_is_shown_short_and_in_plain_characters(
    caplog: pytest.LogCaptureFixture,
) -> None:
    desk = Desk()
    said = desk.get(b"\x1b[2J\n" + "ü".encode() * 200, "\n\x07" * 200)
    shown = said["got"] + said["command"]
    assert shown.isascii()
    assert shown.isprintable()
    assert commands.MAX_ECHO_CHARS >= max(len(said["got"]), len(said["command"]))
    (line,) = caplog.messages
    assert line.isprintable()


def test_a_flood_is_obeyed_ten_times_and_answered_twenty() -> None:
    desk = Desk()
    for _ in range(1000):
        desk.get(b"ON")
    assert (10, 20) == (len(desk.asked), len(desk.answers))
    last = json.loads(desk.answers[-1].payload)
    assert (False, commands.TOO_MANY) == (last["ok"], last["reason"])
    assert {"commands": 10, "commands_refused": 990, "commands_unanswered": 980} == (
        desk.commands.counters()
    )
    desk.clock.now += 1.0
    for _ in range(1000):
        desk.get(b"nonsense")
    assert 22 == len(desk.answers)


def test_after_a_flood_commands_are_obeyed_again() -> None:
    desk = Desk()
    for _ in range(1000):
        desk.get(b"nonsense")
    assert [] == desk.asked
    desk.clock.now += commands.WITHIN_S
    assert desk.get(b"ON")["ok"]


def test_the_camera_can_be_closed_in_the_middle_of_a_flood() -> None:
    desk = Desk()
    for _ in range(1000):
        desk.get(b"ON")
    desk.get(b"OFF")
    desk.get(b"ON")
    assert [True] * 10 + [False] == desk.asked


@pytest.mark.parametrize(
    ("asked", "goes_to"),
    [
        (f"{OWN}/alice", f"{OWN}/alice"),
        (f"{OWN}/a/b", f"{OWN}/a/b"),
        (None, OWN),
        ("home/alarm/set", OWN),
        ("edge-fer/porch/enabled/set", OWN),
        ("edge-fer/hall/response/alice", OWN),
        (f"{OWN}s/alice", OWN),
        (f"{OWN}/{'x' * 300}", OWN),
        (f"{OWN}/\x00", OWN),
        (f"{OWN}/+", OWN),
        (f"{OWN}/a/#", OWN),
    ],
)
def test_an_answer_goes_where_it_is_asked_to_below_our_own_response_topic_alone(
    asked: str | None, goes_to: str
) -> None:
    desk = Desk()
    desk.get(b"OFF", response_topic=asked, correlation=b"7")
    assert (goes_to, b"7") == (desk.answers[0].topic, desk.answers[0].correlation)


def test_a_correlation_that_is_too_long_is_left_out() -> None:
    desk = Desk()
    desk.get(b"OFF", correlation=b"7" * 65)
    assert desk.answers[0].correlation is None


@settings(deadline=None)
@given(st.binary(max_size=600), st.text(max_size=60), st.text(max_size=60), st.booleans())
def test_nothing_that_comes_in_does_more_than_open_or_close(
    payload: bytes, name: str, wanted: str, retain: bool
) -> None:
    desk = Desk()
    said = desk.get(payload, name.replace("/", ""), retain=retain, response_topic=wanted)
    obeyed = payload in (b"ON", b"OFF") and name.replace("/", "") == "enabled" and not retain
    assert (obeyed, [payload == b"ON"] if obeyed else []) == (said["ok"], desk.asked)
    assert desk.answers[0].topic.startswith(OWN)


def publish(broker: Any, topic: str, payload: str, *options: str) -> None:
    arguments = ["-p", str(broker.port), "-t", topic, "-m", payload, "-q", "1", *options]
    subprocess.run(["mosquitto_pub", *arguments], check=True)


def test_a_broker_carries_refusals_and_answers_to_where_they_were_wanted(broker: Any) -> None:
    asked: queue.SimpleQueue[bool] = queue.SimpleQueue()
    with (
        publisher(broker.url, on_enabled=asked.put) as out,
        listening(broker, "response/#") as inbox,
    ):
        wait_until(lambda: out.connected, "connected")
        publish(broker, "edge-fer/porch/reload/set", "now")
        first = inbox.get(timeout=DEADLINE_S)
        for_me = ["-D", "publish", "response-topic", f"{OWN}/me"]
        publish(broker, "edge-fer/porch/enabled/set", "OFF", "-V", "5", *for_me)
        second = inbox.get(timeout=DEADLINE_S)
        publish(broker, "edge-fer/porch/deep/er/set", "ON")
        publish(broker, "edge-fer/hall/enabled/set", "ON")
        publish(broker, "edge-fer/porch/enabled/set", "ON")
        third = inbox.get(timeout=DEADLINE_S)
    assert (OWN, "reload", commands.UNKNOWN) == (
        first.topic,
        json.loads(first.payload)["command"],
        json.loads(first.payload)["reason"],
    )
    assert (f"{OWN}/me", True) == (second.topic, json.loads(second.payload)["ok"])
    assert "ON" == json.loads(third.payload)["got"]
    assert [False, True] == [asked.get(timeout=DEADLINE_S) for _ in range(2)]
    assert (2, 1) == tuple(out.counters()[name] for name in ("commands", "commands_refused"))


def test_correlation_data_come_back_with_the_answer(broker: Any, tmp_path: Path) -> None:
    with publisher(broker.url) as out:
        wait_until(lambda: out.connected, "connected")
        reply = subprocess.run(
            [
                "mosquitto_rr",
                "-p",
                str(broker.port),
                "-V",
                "5",
                "-t",
                "edge-fer/porch/enabled/set",
                "-e",
                f"{OWN}/rr",
                "-m",
                "OFF",
                "-D",
                "publish",
                "correlation-data",
                "42",
                "-F",
                "%D|%p",
                "-W",
                "10",
            ],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    correlation, _, answer = reply.partition("|")
    assert ("42", True) == (correlation, json.loads(answer)["ok"])


def test_a_broker_keeps_packets_from_us_that_are_too_long(broker: Any) -> None:
    with publisher(broker.url) as out, listening(broker, "response") as inbox:
        wait_until(lambda: out.connected, "connected")
        publish(broker, "edge-fer/porch/enabled/set", "x" * 100_000)
        publish(broker, "edge-fer/porch/enabled/set", "x" * 1000)
        got = json.loads(inbox.get(timeout=DEADLINE_S).payload)
        assert commands.TOO_LONG == got["reason"]
        publish(broker, "edge-fer/porch/enabled/set", "ON")
        assert json.loads(inbox.get(timeout=DEADLINE_S).payload)["ok"]
    assert 1 == out.counters()["commands_refused"]
