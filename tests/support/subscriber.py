"""A subscriber whose session the broker keeps; it records which events arrive."""

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion


class Subscriber:
    """Records each event of a topic in the order of arrival."""

    def __init__(self, port: int, topic: str, host: str = "127.0.0.1") -> None:
        self.seen: dict[str, list[int]] = {}
        """Session to the numbers of its events."""
        self.repeats = 0
        self._lock = threading.Lock()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, "subscriber", clean_session=False)
        self._client.reconnect_delay_set(0.1, 0.2)  # type: ignore[arg-type]
        self._client.on_connect = lambda client, *_: client.subscribe(topic, 1)
        self._client.on_message = self._record
        subscribed = threading.Event()
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.connect(host, port)
        self._client.loop_start()
        assert subscribed.wait(10)

    @property
    def names(self) -> set[str]:
        """Ids of all events that arrived."""
        with self._lock:
            return {f"{name}-{seq}" for name, seqs in self.seen.items() for seq in seqs}

    def missing(self, wanted: set[str], deadline_s: float = 10.0) -> set[str]:
        """Return those of ``wanted`` that do not arrive within that time."""
        deadline = time.monotonic() + deadline_s
        while (missing := wanted - self.names) and time.monotonic() < deadline:
            time.sleep(0.05)
        return missing

    @property
    def out_of_order(self) -> int:
        """Number of sessions in which an event first arrived after a later one."""
        with self._lock:
            return sum(seqs != sorted(seqs) for seqs in self.seen.values())

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _record(self, _client: Any, _userdata: Any, message: paho.MQTTMessage) -> None:
        event = json.loads(message.payload)
        with self._lock:
            seqs = self.seen.setdefault(event["session"], [])
            if event["seq"] in seqs:
                self.repeats += 1
            else:
                seqs.append(event["seq"])


@contextlib.contextmanager
def subscribed(port: int, topic: str, host: str = "127.0.0.1") -> Iterator[Subscriber]:
    """Record the events of a topic within the context."""
    subscriber = Subscriber(port, topic, host)
    try:
        yield subscriber
    finally:
        subscriber.close()
