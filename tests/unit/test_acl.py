"""The access list for mosquitto with a real one: who may publish and subscribe to what."""

import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from edge_fer.config.settings import Mqtt
from edge_fer.mqtt.publisher import Publisher
from tests.support.broker import Mosquitto
from tests.support.mqtt import EVENT, ME, SIZE
from tests.support.wait import DEADLINE_S, wait_until

FILES = Path(__file__).parents[2] / "deploy" / "mosquitto"
NOT_AUTHORIZED = 135
USERS = ("porch", "hall", "dashboard")


class Guarded(Mosquitto):
    """It has the shipped access list, and its users' passwords are their names."""

    def _config(self) -> Path:
        config = super()._config()
        passwords = self.folder / "users"
        passwords.touch()
        for user in USERS:
            command = ["mosquitto_passwd", "-b", str(passwords), user, user]
            subprocess.run(command, check=True, capture_output=True)
        lines = config.read_text().replace("allow_anonymous true", "allow_anonymous false")
        more = f"password_file {passwords}\nacl_file {FILES / 'edge-fer.acl'}\n"
        config.write_text(lines + more)
        return config


@pytest.fixture
def guarded(tmp_path: Path, free_port: int) -> Iterator[Guarded]:
    broker = Guarded(tmp_path, free_port)
    broker.start()
    yield broker
    broker.stop()


class Client:
    """A user of the broker, by MQTT 5, whose answers say what was refused."""

    def __init__(self, broker: Guarded, user: str) -> None:
        self.heard: list[str] = []
        self._answered = threading.Event()
        self._code = 0
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        self._client.username_pw_set(user, user)
        self._client.on_connect = self._note
        self._client.on_publish = self._note
        self._client.on_message = lambda _c, _u, message: self.heard.append(message.topic)
        self._client.connect(broker.host, broker.port)
        self._client.loop_start()
        assert self._answered.wait(DEADLINE_S)

    def may_publish(self, topic: str) -> bool:
        self._answered.clear()
        self._client.publish(topic, "x", qos=1)
        assert self._answered.wait(DEADLINE_S)
        assert self._code in (0, 16, NOT_AUTHORIZED)  # 16: nobody listens
        return self._code != NOT_AUTHORIZED

    def listen(self, topic: str) -> None:
        done = threading.Event()
        self._client.on_subscribe = lambda *_: done.set()
        self._client.subscribe(topic, qos=1)
        assert done.wait(DEADLINE_S)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _note(self, _client: Any, _data: Any, _of: Any, reason: Any, _properties: Any) -> None:
        self._code = reason.value
        self._answered.set()


@pytest.fixture
def clients(guarded: Guarded) -> Iterator[dict[str, Client]]:
    found = {user: Client(guarded, user) for user in USERS}
    yield found
    for client in found.values():
        client.close()


@pytest.mark.parametrize(
    ("user", "topic", "expected"),
    [
        ("porch", "edge-fer/porch/status", True),
        ("porch", "edge-fer/porch/event", True),
        ("porch", "edge-fer/porch/response/asked-by-me", True),
        ("porch", "homeassistant/device/edge-fer-porch/config", True),
        ("porch", "edge-fer/porch/enabled/set", False),
        ("porch", "edge-fer/hall/event", False),
        ("porch", "edge-fer/hall/enabled/set", False),
        ("porch", "homeassistant/device/edge-fer-hall/config", False),
        ("porch", "homeassistant/status", False),
        ("porch", "elsewhere", False),
        ("dashboard", "edge-fer/porch/enabled/set", True),
        ("dashboard", "edge-fer/hall/enabled/set", True),
        ("dashboard", "edge-fer/porch/event", False),
        ("dashboard", "edge-fer/porch/status", False),
    ],
)
def test_publishing(clients: dict[str, Client], user: str, topic: str, expected: bool) -> None:
    assert expected == clients[user].may_publish(topic)


def test_a_device_hears_commands_to_it_and_nothing_else(clients: dict[str, Client]) -> None:
    clients["porch"].listen("#")
    clients["dashboard"].listen("edge-fer/#")
    for topic in ("edge-fer/hall/event", "edge-fer/hall/status"):
        assert clients["hall"].may_publish(topic)
    for topic in ("edge-fer/hall/enabled/set", "edge-fer/porch/enabled/set"):
        assert clients["dashboard"].may_publish(topic)
    wait_until(lambda: len(clients["dashboard"].heard) == 4, "all of it")
    wait_until(lambda: clients["porch"].heard, "the command")
    assert ["edge-fer/porch/enabled/set"] == clients["porch"].heard


def test_nobody_is_let_in_without_a_password(guarded: Guarded) -> None:
    command = ["mosquitto_pub", "-p", str(guarded.port), "-t", "edge-fer/porch/event", "-m", "x"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "not authorised" in result.stderr.lower()


def test_a_daemon_of_that_name_needs_no_more(guarded: Guarded, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("porch")
    password.chmod(0o600)
    asked: list[bool] = []
    url = f"mqtt://porch@{guarded.host}:{guarded.port}"
    settings = Mqtt(brokers=[url], password_file=str(password))
    out = Publisher(settings, ME, asked.append)
    client = Client(guarded, "dashboard")
    client.listen("edge-fer/porch/#")
    with out:
        wait_until(lambda: out.connected, "connected")
        out.publish_event(EVENT, SIZE)
        out.publish_stats({"frames": 1}, 0)
        out.publish_enabled(True)
        wait_until(lambda: out.counters()["acked"] == 1, "acknowledged")
        assert client.may_publish("edge-fer/porch/enabled/set")
        wait_until(lambda: "edge-fer/porch/response" in client.heard, "answered")
    client.close()
    assert 0 == out.counters()["refused"]
    expected = {"status", "event", "stats", "enabled", "response", "enabled/set"}
    assert expected <= {topic.removeprefix("edge-fer/porch/") for topic in client.heard}
