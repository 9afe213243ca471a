"""MQTT 5 properties, the fallback to MQTT 3.1.1, and brokers that reject messages."""

import contextlib
import json
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_fer.config.broker_url import parse_broker
from edge_fer.mqtt.connection import probe
from edge_fer.mqtt.messages import Message
from edge_fer.mqtt.outbox_db import OutboxDb, QueuedMessage
from tests.support import ports
from tests.support.broker import Mosquitto
from tests.support.mqtt import ME, collect, listening, publisher, send, until_acked, warnings
from tests.support.outbox import durable
from tests.support.wait import wait_until

FORMAT = r"%t|%C|%E|%P"
"""Topic, content type, seconds to expiry, user properties."""


def heard(broker: Any, topic: str) -> "subprocess.Popen[str]":
    command = [
        "mosquitto_sub",
        "-p",
        str(broker.port),
        "-V",
        "5",
        "-t",
        topic,
        "-F",
        FORMAT,
        "-C",
        "1",
        "-W",
        "15",
        "-q",
        "1",
    ]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_events_say_what_they_are_and_when_they_expire(broker: Any) -> None:
    listener = heard(broker, "edge-fer/porch/event")
    with publisher(broker.url, expire_s=600) as out:
        wait_until(lambda: out.connected, "connected")
        while listener.poll() is None:
            send(out, 1)
            time.sleep(0.05)
    topic, content_type, expiry, properties = listener.communicate()[0].strip().split("|")
    assert ("edge-fer/porch/event", "application/json") == (topic, content_type)
    assert 595 <= int(expiry) <= 600
    assert f"schema:2 session:{ME.session}" == properties


def test_the_expiry_of_an_old_event_is_what_is_left_of_it(broker: Any, tmp_path: Path) -> None:
    old = Message("edge-fer/porch/event", b"{}", 1, False, "application/json", (("a", "b"),))
    store = OutboxDb(tmp_path / "edge-fer-porch.db")
    store.save([QueuedMessage(1, "s0-1", store.clock() - 400, old)])
    store.close()
    listener = heard(broker, "edge-fer/porch/event")
    with listening(broker, "event"):
        # One that has subscribed proves the other has had the time to.
        time.sleep(0.5)
    with durable(broker.url, tmp_path, expire_s=600) as out:
        until_acked(out, 1)
    _, content_type, expiry, properties = listener.communicate()[0].strip().split("|")
    assert ("application/json", "a:b") == (content_type, properties)
    assert 190 <= int(expiry) <= 200


def test_status_is_the_same_session_in_birth_and_will(broker: Any) -> None:
    with publisher(broker.url) as out, listening(broker, "status") as inbox:
        wait_until(lambda: out.connected, "connected")
        birth = json.loads(inbox.get(timeout=15).payload)
        out._sender._client.abort()
        will = json.loads(inbox.get(timeout=15).payload)
    assert ("online", ME.session) == (birth["state"], birth["session"])
    assert ("offline", ME.session) == (will["state"], will["session"])


class Old:
    """A broker of former times: it refuses MQTT 5, or hangs up on it; 3.1.1 goes through."""

    def __init__(self, port: int, answer: bytes) -> None:
        self._target, self._answer = port, answer
        self.versions: list[int] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"mqtt://127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            hello = near.recv(4096)
            version = hello[hello.index(b"MQTT") + 4]
            self.versions.append(version)
            if version == 5:
                near.sendall(self._answer)
                near.close()
                continue
            far = socket.create_connection(("127.0.0.1", self._target))
            far.sendall(hello)
            for pair in ((near, far), (far, near)):
                threading.Thread(target=_carry, args=pair, daemon=True).start()


def _carry(source: socket.socket, sink: socket.socket) -> None:
    with source, contextlib.suppress(OSError):
        while data := source.recv(4096):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_RDWR)


@pytest.fixture(params=[b"\x20\x02\x00\x01", b""], ids=["refuses", "hangs up"])
def old(broker: Any, request: pytest.FixtureRequest) -> Iterator[Old]:
    old = Old(broker.port, request.param)
    yield old
    old.close()


def test_a_broker_that_knows_no_mqtt_5_is_spoken_to_in_3_1_1(old: Old, broker: Any) -> None:
    with listening(broker, "event") as inbox, publisher(old.url) as out:
        send(out, 3)
        assert [1, 2, 3] == collect(inbox, 3)
    assert ([5, 4], 0) == (old.versions, out.undelivered)


def test_a_probe_falls_back_too(old: Old) -> None:
    probe(parse_broker(old.url))
    assert [5, 4] == old.versions


class Strict(Mosquitto):
    """It lets everybody in, but takes no events."""

    def _config(self) -> Path:
        config = super()._config()
        (self.folder / "acl").write_text(
            "topic write edge-fer/porch/status\ntopic write edge-fer/porch/state\n"
        )
        config.write_text(f"{config.read_text()}acl_file {self.folder / 'acl'}\n")
        return config


@pytest.mark.parametrize("scheme", ["mqtt", "ws"])
def test_events_that_a_broker_refuses_go_to_the_next(
    scheme: str,
    free_port: int,
    tmp_path: Path,
    second_broker: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    web = ports.free_port()
    strict = Strict(tmp_path, free_port, websockets=web)
    strict.start()
    try:
        url = strict.url if scheme == "mqtt" else f"ws://127.0.0.1:{web}"
        out = publisher(url, second_broker.url)
        with listening(second_broker, "event") as inbox, out:
            send(out, 30)
            assert list(range(1, 31)) == collect(inbox, 30)
    finally:
        strict.stop()
    assert (0, 30) == (out.undelivered, out.counters()["acked"])
    assert out.counters()["refused"]
    assert any("refuses messages: not authorized" in line for line in warnings(caplog))
    assert not any("invalid MQTT packet" in line for line in warnings(caplog))


CONNACK = b"\x20\x03\x00\x00\x00"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        CONNACK + b"\xf7" * 99,
        CONNACK[:3],
        CONNACK + b"\x40\x7f\x00",
        CONNACK + b"\x40\x01\x00",
        b"\x20\x03\x00\x00\x7f",
    ],
    ids=["other protocol", "garbage", "half", "half receipt", "short receipt", "bad length"],
)
def test_a_broker_that_talks_rubbish_is_left_for_the_next(
    answer: bytes, broker: Any, caplog: pytest.LogCaptureFixture
) -> None:
    rubbish = Rubbish(answer)
    out = publisher(rubbish.url, broker.url)
    with listening(broker, "event") as inbox, out:
        send(out, 30)
        assert list(range(1, 31)) == collect(inbox, 30)
    rubbish.close()
    assert (0, 30) == (out.undelivered, out.counters()["acked"])
    assert any(line.startswith(rubbish.url) for line in warnings(caplog))


class Rubbish(Old):
    """It says the same to everybody, and hangs up after a while."""

    def __init__(self, answer: bytes) -> None:
        super().__init__(0, answer)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._server.accept()
                near.recv(4096)
                near.sendall(self._answer)
                time.sleep(0.3)
                near.close()
