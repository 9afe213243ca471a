"""Keep a connection to one of several brokers; `probe` tries one broker once.

`subscribe` receives messages over such a connection, for `edge_fer.client`, the demo and tests.

No call here waits for a broker unless its docstring says so.
"""

import contextlib
import logging
import queue
import random
import ssl
import threading
import time
from collections.abc import Iterator, Sequence

from edge_fer.config.broker_url import Broker
from edge_fer.errors import BrokerError
from edge_fer.mqtt.client import V3, V5, Callbacks, ConnectOptions, MqttClient, Protocol
from edge_fer.mqtt.log_once import LogOnce
from edge_fer.mqtt.messages import Message

RETRY_MIN_S = 1.0
RETRY_MAX_S = 30.0
STABLE_S = 10.0
"""After a connection that lasted this long, its end is logged, and the backoff starts over."""
CONNECT_TIMEOUT_S = 10.0
"""Longest wait for the broker's CONNACK."""
JOIN_TIMEOUT_S = 0.2
"""Longest wait for a thread to end; it may be in a name lookup."""

logger = logging.getLogger(__name__)


def backoff_s(round_: int) -> float:
    """Return the seconds to wait after ``round_`` rounds of failed attempts, at random."""
    # After a day without a broker the rounds are too many for an exponent.
    return random.uniform(RETRY_MIN_S, min(RETRY_MAX_S, 2.0 ** min(round_ + 1, 30)))


class Connection:
    """Connect to the first of ``brokers`` that answers, and reconnect whenever that is lost.

    Failed attempts go round the brokers. The backoff grows with each round, with jitter so that
    a fleet does not reconnect all at once. ``callbacks`` get the connected client.
    """

    def __init__(
        self, brokers: Sequence[Broker], options: ConnectOptions, callbacks: Callbacks
    ) -> None:
        self._brokers = tuple(brokers)
        self._options = options
        self._callbacks = callbacks
        self._index = 0
        self._failures = 0
        self._v3_only: set[Broker] = set()
        """Brokers that do not speak MQTT 5."""
        self._client: MqttClient | None = None
        self._closing = threading.Event()
        self._log_once = LogOnce(logger)
        self._thread = threading.Thread(target=self._run, name="edge-fer-mqtt", daemon=True)

    @property
    def broker(self) -> Broker:
        """The broker in use, or the one being tried."""
        return self._brokers[self._index]

    @property
    def failing(self) -> bool:
        """True if the last attempt failed and nothing is connected now."""
        return self._failures > 0

    def open(self) -> None:
        """Start the thread that connects."""
        self._thread.start()

    def close(self) -> None:
        """Disconnect, so that the broker does not publish the last will.

        Wait at most `JOIN_TIMEOUT_S`.
        """
        self._closing.set()
        if self._client is not None:
            self._client.disconnect()
        if self._thread.ident is not None:
            self._thread.join(JOIN_TIMEOUT_S)

    def _run(self) -> None:
        while not self._closing.is_set():
            protocol = V3 if self.broker in self._v3_only else V5
            try:
                if self._try_broker(protocol):
                    self._v3_only.add(self.broker)
                    continue
            except Exception:
                # Whatever it was: no other thread would ever reconnect.
                logger.exception("%s: the connection has failed", self.broker)
            round_ = self._failures // len(self._brokers)
            self._failures += 1
            self._index = (self._index + 1) % len(self._brokers)
            self._closing.wait(backoff_s(round_))

    def _try_broker(self, protocol: Protocol) -> bool:
        """Stay with a broker until the connection ends; True if an older protocol may help."""
        broker = self.broker
        client = self._client = MqttClient(broker, protocol, self._options, self._callbacks)
        try:
            if self._closing.is_set():
                return False
            client.connect(CONNECT_TIMEOUT_S)
        except BrokerError as error:
            self._v3_only.discard(broker)
            if protocol == V5 and client.no_connack:
                return True
            if not self._closing.is_set():
                self._log_once.warn(str(error))
            return False
        else:
            self._stay(client)
            return False
        finally:
            client.close()

    def _stay(self, client: MqttClient) -> None:
        since = time.monotonic()
        version = "" if client.protocol == V5 else " (MQTT 3.1.1)"
        logger.info("%s: connected%s", client.broker, version)
        client.closed.wait()
        if not self._closing.is_set():
            self._log_once.warn(f"{client.broker}: {client.reason}")
        if time.monotonic() - since > STABLE_S:
            self._failures = 0
            self._log_once.reset()


def probe(
    broker: Broker,
    password: str | None = None,
    timeout_s: float = 5.0,
    tls: ssl.SSLContext | None = None,
) -> None:
    """Connect once and disconnect; wait at most ``timeout_s`` for each protocol version.

    Raises:
        BrokerError: the broker refuses or does not answer; the text says why and what to do.
    """
    for protocol in (V5, V3):
        client = MqttClient(broker, protocol, ConnectOptions(password, tls), Callbacks())
        try:
            client.connect(timeout_s)
        except BrokerError:
            if protocol == V5 and client.no_connack:
                continue
            raise
        else:
            return
        finally:
            closing = threading.Thread(target=client.close, name="edge-fer-hang-up", daemon=True)
            closing.start()
            closing.join(JOIN_TIMEOUT_S)


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
