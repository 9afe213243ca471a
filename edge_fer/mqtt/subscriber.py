"""Listening to a broker, for the demo and the tests. The daemon itself does not need it."""

import contextlib
import queue
import ssl
import threading
from collections.abc import Iterator, Sequence

from edge_fer.config.broker_url import Broker
from edge_fer.errors import BrokerError
from edge_fer.mqtt.connection import Callbacks, Caller, Connection, probe
from edge_fer.mqtt.message import Message


@contextlib.contextmanager
def subscribe(
    broker: Broker,
    topics: Sequence[str],
    password: str | None = None,
    timeout_s: float = 5.0,
    tls: ssl.SSLContext | None = None,
) -> Iterator[queue.SimpleQueue[Message]]:
    """Listen to ``topics`` (wildcards allowed) and give a queue that fills with messages.

    Nothing is missed from when the context is entered, which waits ``timeout_s`` per step at
    most. A lost connection is made again; what is published meanwhile passes by.

    Raises:
        BrokerError: the broker does not answer, or refuses.
    """
    probe(broker, password, timeout_s, tls)
    inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
    ready = threading.Semaphore(0)

    def ask() -> None:
        for topic in topics:
            connection.subscribe(topic)

    callbacks = Callbacks(up=ask, received=inbox.put, subscribed=ready.release)
    connection = Connection([broker], Caller(password, tls), callbacks)
    connection.open()
    try:
        if not all(ready.acquire(timeout=timeout_s) for _ in topics):
            raise BrokerError(f"{broker}: no answer to a subscription within {timeout_s:g} s")
        yield inbox
    finally:
        connection.close()
