"""Helpers for MQTT tests: publishers, subscribers, and a relay that cuts a connection."""

import contextlib
import json
import logging
import queue
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from edge_fer.config.broker_url import parse_broker
from edge_fer.config.settings import Mqtt
from edge_fer.mqtt.connection import subscribe
from edge_fer.mqtt.messages import Identity, Message
from edge_fer.mqtt.publisher import Publisher
from edge_fer.types import Box, Event, Phase, Presence
from tests.support.wait import DEADLINE_S, wait_until

ME = Identity("edge-fer", "porch", "cam0", "9f3a61c2", "1.2.3", "small", "ab" * 32)
SIZE = (640, 480)
EVENT = Event("t1", Phase.BEGIN, "happy", None, 0.9, {"happy": 0.9}, Box(1, 2, 3, 4), 0)
FACE = Presence("t1", "happy", 0.9, Box(1, 2, 3, 4))

Inbox = queue.SimpleQueue[Message]


def publisher(
    *urls: str, on_enabled: Callable[[bool], None] = lambda _: None, **options: Any
) -> Publisher:
    return Publisher(Mqtt(brokers=list(urls), **options), ME, on_enabled)


@contextlib.contextmanager
def listening(broker: Any, *names: str) -> Iterator[Inbox]:
    topics = [f"edge-fer/porch/{name}" for name in names]
    with subscribe(parse_broker(broker.url), topics, broker.password) as inbox:
        yield inbox


def status(inbox: Inbox) -> str:
    return str(json.loads(inbox.get(timeout=DEADLINE_S).payload)["state"])


def collect(inbox: Inbox, count: int) -> list[int]:
    """Return the seq of the next ``count`` different events, in the order they came first."""
    seen: dict[int, None] = {}
    while len(seen) < count:
        message = inbox.get(timeout=DEADLINE_S)
        if message.topic.rpartition("/")[2] in ("event", "aggregate"):
            seen[json.loads(message.payload)["seq"]] = None
    return list(seen)


def send(out: Publisher, count: int) -> None:
    for _ in range(count):
        out.publish_event(EVENT, SIZE)


def command(broker: Any, payload: str, *options: str) -> None:
    topic = "edge-fer/porch/enabled/set"
    arguments = ["-p", str(broker.port), "-t", topic, "-m", payload, "-q", "1", *options]
    subprocess.run(["mosquitto_pub", *arguments], check=True)


def until_acked(out: Publisher, count: int) -> None:
    wait_until(lambda: out.counters()["acked"] >= count, f"acked {count}")


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


class Cable:
    """A TCP relay between a publisher and its broker, to cut and restore the connection."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._ends: list[socket.socket] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self.url = f"mqtt://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._accept, args=(self._server,), daemon=True)
        self._thread.start()

    def cut(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._server.close()
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._ends.clear()

    def restore(self) -> None:
        self._server = socket.create_server(("127.0.0.1", self.port))
        self._thread = threading.Thread(target=self._accept, args=(self._server,), daemon=True)
        self._thread.start()

    def _accept(self, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = server.accept()
                far = socket.create_connection(("127.0.0.1", self._target))
                self._ends += [near, far]
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=_carry, args=pair, daemon=True).start()


def _carry(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
    source.close()
