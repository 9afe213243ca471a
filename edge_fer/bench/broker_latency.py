"""Measure the latency of an event from the camera to the broker's acknowledgement.

Real events go through the daemon's MQTT connection to a real broker, on a topic of their own and
not retained, so that no subscriber of the daemon receives them and none stays at the broker.
"""

import queue
import ssl
import threading
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from edge_fer.bench.playback import Processes
from edge_fer.cameras import Camera
from edge_fer.config.broker_url import Broker, parse_broker, read_password, tls_context
from edge_fer.config.settings import Mqtt, Settings
from edge_fer.daemon.build import identify
from edge_fer.emotion.card import Card
from edge_fer.errors import BrokerError
from edge_fer.mqtt.client import Callbacks, ConnectOptions, MqttClient
from edge_fer.mqtt.connection import Connection, probe
from edge_fer.mqtt.publisher import event_message
from edge_fer.types import Event, Report

PROBE_S = 2.0
"""Longest wait for the answer of a broker."""

ACK_S = 5.0
"""Longest wait for the connection and for the last acknowledgements."""


def find_broker(settings: Mqtt, urls: Sequence[str]) -> tuple[Broker, str | None]:
    """Return the first of ``urls`` that accepts a connection, with its password.

    Raises:
        BrokerError: none does; the text gives the reason of the last one.
        ConfigError: a URL or the password file is wrong.
    """
    refusal = BrokerError("no broker is named")
    for url in urls:
        broker = parse_broker(url)
        password = read_password(settings.password_file) if broker.user else None
        try:
            probe(broker, password, PROBE_S, tls=_tls(settings, broker))
        except BrokerError as error:
            refusal = error
        else:
            return broker, password
    raise refusal


def _tls(settings: Mqtt, broker: Broker) -> ssl.SSLContext | None:
    return tls_context(settings) if broker.encrypted else None


def measure_acks(
    pipeline: Processes, camera: Camera, connection: "TimedConnection", frames: int
) -> dict[str, Any] | None:
    """Play ``frames`` frames at the camera's pace and publish an event for each face that was read.

    The event is the pipeline's own, or a repetition of the last one, since there are too few for
    a percentile. Return the figures; None if the pipeline makes no event.

    Raises:
        BrokerError: the broker cannot be reached any more.
        CameraError: the camera fails.
    """
    last: Event | None = None
    stamp = 0.0
    with connection, camera:
        for number, frame in enumerate(camera):
            captured = frame.time if camera.live else time.monotonic()
            report, stamp = pipeline.process(frame), frame.stamp
            last = next(iter(report.events), last)
            if last is not None and _read(report):
                connection.send(last, report.size, captured)
            if number + 1 == frames:
                break
        pipeline.finish(stamp)
        seconds = connection.wait_for_acks()
    if not connection.sent:
        return None
    p50, p95 = np.percentile(seconds, (50, 95)) if seconds else (None, None)
    return {
        "broker": f"mqtt://{connection.broker.host}:{connection.broker.port}",
        "messages": connection.sent,
        "unacknowledged": connection.sent - len(seconds),
        "p50_ms": None if p50 is None else round(1000 * float(p50), 2),
        "p95_ms": None if p95 is None else round(1000 * float(p95), 2),
    }


def _read(report: Report) -> bool:
    return any(verdict.scores is not None for verdict in report.verdicts)


class TimedConnection:
    """A connection that times the acknowledgement of each message."""

    def __init__(
        self, settings: Settings, card: Card, broker: Broker, password: str | None
    ) -> None:
        self.broker = broker
        self.sent = 0
        self._began: dict[int, float] = {}
        self._acked: queue.SimpleQueue[tuple[int, float]] = queue.SimpleQueue()
        self._client: MqttClient | None = None
        self._up = threading.Event()
        self._identity = identify(settings, card, prefix=f"{settings.mqtt.prefix}-bench")
        callbacks = Callbacks(
            connected=self._connected,
            acknowledged=lambda mid: self._acked.put((mid, time.monotonic())),
        )
        options = ConnectOptions(password, _tls(settings.mqtt, broker))
        self._connection = Connection([broker], options, callbacks)

    def __enter__(self) -> "TimedConnection":
        self._connection.open()
        if not self._up.wait(ACK_S):
            self._connection.close()
            raise BrokerError(f"{self.broker}: no answer within {ACK_S:g} s")
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def _connected(self, client: MqttClient) -> None:
        self._client = client
        self._up.set()

    def send(self, event: Event, size: tuple[int, int], captured: float) -> None:
        """Publish an event whose frame was ``captured`` at that monotonic time."""
        self.sent += 1
        message = event_message(self._identity, event, size, self.sent)
        assert self._client is not None
        self._began[self._client.publish(message)] = captured

    def wait_for_acks(self) -> list[float]:
        """Return the seconds of each acknowledged message, in the order of acknowledgement."""
        seconds: list[float] = []
        deadline = time.monotonic() + ACK_S
        while len(seconds) < self.sent:
            try:
                mid, acked = self._acked.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                break
            seconds.append(acked - self._began[mid])
        return seconds
