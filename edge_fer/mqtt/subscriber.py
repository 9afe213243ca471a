"""Subscribe to topics of a broker, for `edge_fer.client`, the demo and the tests."""

import contextlib
import queue
import ssl
import threading
from collections.abc import Iterator, Sequence

from edge_fer.config.broker_url import Broker
from edge_fer.errors import BrokerError
from edge_fer.mqtt.client import Callbacks, ConnectOptions, MqttClient
from edge_fer.mqtt.connection import Connection, probe
from edge_fer.mqtt.messages import Message


@contextlib.contextmanager
def subscribe(
    broker: Broker,
    topics: Sequence[str],
    password: str | None = None,
    timeout_s: float = 5.0,
    tls: ssl.SSLContext | None = None,
) -> Iterator[queue.SimpleQueue[Message]]:
    """Subscribe to ``topics`` (wildcards allowed) and yield a queue of the received messages.

    Entering the context waits at most ``timeout_s`` per step; from then on no message is missed.
    A lost connection is made again; messages published in between are missed.

    Raises:
        BrokerError: the broker refuses or does not answer.
    """
    probe(broker, password, timeout_s, tls)
    inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
    ready = threading.Semaphore(0)

    def connected(client: MqttClient) -> None:
        for topic in topics:
            client.subscribe(topic)

    callbacks = Callbacks(connected=connected, received=inbox.put, subscribed=ready.release)
    connection = Connection([broker], ConnectOptions(password, tls), callbacks)
    connection.open()
    try:
        if not all(ready.acquire(timeout=timeout_s) for _ in topics):
            raise BrokerError(f"{broker}: no answer to a subscription within {timeout_s:g} s")
        yield inbox
    finally:
        connection.close()
