"""Deliver messages to a broker and account for each of them.

There are four kinds. Enqueued messages stay in the outbox until the broker acknowledges them,
also over restarts. Of retained messages only the latest of each topic counts: a newer one
replaces it, and all are published again on every connect. Of the others only the latest is
sent, and only while a broker is connected. Responses to commands are sent or forgotten. The main
thread waits for the broker only in `Sender.close`, for at most `mqtt.drain_s`.
"""

import collections
import logging
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

from edge_fer.config.broker_url import parse_brokers, password_path, read_password, tls_context
from edge_fer.config.settings import Mqtt
from edge_fer.errors import ConfigError
from edge_fer.mqtt.client import MAX_RESPONSES, Callbacks, ConnectOptions, MqttClient
from edge_fer.mqtt.connection import Connection
from edge_fer.mqtt.log_once import LogOnce
from edge_fer.mqtt.messages import Message
from edge_fer.mqtt.outbox import Outbox, outbox_limits
from edge_fer.mqtt.outbox_writer import OutboxWriter

FINAL_ACK_S = 0.5
"""Longest wait for the acknowledgement of the last message; an earlier disconnect may lose it."""
MAX_PACKET_BYTES = 4096
"""Longest packet accepted; a broker that speaks MQTT 5 does not send a longer one."""
MAX_WAITING_RESPONSES = 20
"""Most responses that wait to be sent; the oldest are dropped."""

Publish = Callable[[Message, Callable[[], None]], object]
"""Publish a message; the callable is called when the broker has acknowledged it."""
Listener = Callable[[Message], None]
"""Called on paho's thread: it must be quick and must not wait."""

logger = logging.getLogger(__name__)


class SerialExecutor:
    """Run jobs one at a time, in order, on whichever thread submits while no job is running.

    A lock would deadlock between the main loop and paho: paho calls back while it holds its own
    lock, and takes that lock again in `publish`.
    """

    def __init__(self) -> None:
        self._jobs: collections.deque[Callable[[], None]] = collections.deque()
        self._running = threading.Lock()

    def submit(self, job: Callable[[], None]) -> None:
        """Run ``job`` now, or leave it to the thread that is running one."""
        self._jobs.append(job)
        # The thread that releases the lock looks again, so a job added in between still runs.
        while self._jobs and self._running.acquire(blocking=False):
            try:
                while self._jobs:
                    self._jobs.popleft()()
            finally:
                self._running.release()


class RetainedTopics:
    """Keep one message per topic and publish it on every connect. Use it in the executor only."""

    def __init__(self, publish: Publish) -> None:
        self._publish = publish
        self._connected = False
        self._latest: dict[str, Message] = {}
        self._published: dict[str, Message] = {}
        self._unacknowledged: set[str] = set()
        self._volatile: set[str] = set()
        """Topics whose messages are not published again after a reconnect."""

    def connected(self) -> None:
        """Publish all topics to a newly connected broker."""
        self._connected = True
        self._unacknowledged.clear()
        self._published.clear()
        for topic in self._volatile:
            self._latest.pop(topic, None)
        for topic in self._latest:
            self._update(topic)

    def disconnected(self) -> None:
        """Publish nothing until the next connect."""
        self._connected = False

    def publish(self, message: Message) -> None:
        """Replace the message of its topic."""
        self._latest[message.topic] = message
        self._update(message.topic)

    def republish(self, topic: str) -> None:
        """Publish the message of a topic once more."""
        self._published.pop(topic, None)
        self._update(topic)

    def publish_volatile(self, message: Message) -> bool:
        """Publish after the previous message of the topic is acknowledged.

        Return False if no broker is connected, or if ``message`` replaces one that still waited.
        """
        topic = message.topic
        waiting = topic in self._unacknowledged and not self._is_current(topic)
        if self._connected:
            self._volatile.add(topic)
            self.publish(message)
        return self._connected and not waiting

    def publish_last(self, message: Message, then: Callable[[], None]) -> None:
        """Publish what still waits, then ``message``; call ``then`` once it is acknowledged."""
        for topic in self._volatile & self._latest.keys():
            # The last numbers of a run count, even right after the ones before.
            if self._connected and not self._is_current(topic):
                self._publish(self._latest[topic], lambda: None)
        self._latest[message.topic] = self._published[message.topic] = message
        if self._connected:
            self._publish(message, then)
        else:
            then()

    def _update(self, topic: str) -> None:
        message = self._latest.get(topic)
        # One at a time: a slow broker then gets fewer states instead of late ones.
        busy = topic in self._unacknowledged or self._is_current(topic)
        if message and self._connected and not busy:

            def acknowledged() -> None:
                self._unacknowledged.discard(topic)
                self._update(topic)

            self._published[topic] = message
            self._unacknowledged.add(topic)
            self._publish(message, acknowledged)

    def _is_current(self, topic: str) -> bool:
        """Return True if the latest message of a topic has been published."""
        return self._latest.get(topic) == self._published.get(topic)


class Sender:
    """Deliver the messages of one device, from `open` to `close`.

    Without ``folder`` nothing is stored on disk. Messages that an earlier process stored for
    topics that end with ``purge_suffix`` are deleted instead of delivered.

    No method but `close` blocks, and none raises because of a broker.

    Raises:
        ConfigError: an address, the password file or a TLS file is invalid.
    """

    def __init__(
        self,
        settings: Mqtt,
        client_id: str,
        will: Message,
        folder: Path | None = None,
        purge_suffix: str = "",
    ) -> None:
        brokers = parse_brokers(settings.brokers)
        password = read_password(settings.password_file)
        if password and not any(broker.user for broker in brokers):
            raise ConfigError(
                f"mqtt.password_file = {password_path(settings.password_file)}: "
                "must come with a user name in mqtt.brokers: mqtt://user@host"
            )
        self.undelivered = 0
        """Number of messages lost at the end: neither acknowledged nor on disk."""
        self._drain_s = settings.drain_s
        self._outbox = Outbox(outbox_limits(settings))
        self._writer = folder and OutboxWriter(
            self._outbox, folder / f"{client_id}.db", self._wake, purge_suffix
        )
        self._counters = {"connects": 0, "stats_skipped": 0, "refused": 0}
        self._log_once = LogOnce(logger)
        self._listeners: dict[str, Listener] = {}
        # From here to the connection: used in the executor only.
        self._executor = SerialExecutor()
        self._client: MqttClient | None = None
        """The connected client."""
        self._retained = RetainedTopics(self._publish)
        self._on_acknowledged: dict[int, Callable[[], None]] = {}
        self._event_mids: set[int] = set()
        self._responses: collections.deque[Message] = collections.deque(
            maxlen=MAX_WAITING_RESPONSES
        )
        self._responses_in_flight = 0
        self._unassured = False
        """True while a QoS 0 message is not written to the socket."""
        tls = tls_context(settings) if any(broker.encrypted for broker in brokers) else None
        options = ConnectOptions(
            password, tls, client_id, settings.keepalive_s, will, MAX_PACKET_BYTES
        )
        self._connection = Connection(brokers, options, self._callbacks())

    def subscribe(self, topic: str, listener: Listener) -> None:
        """Call ``listener`` with each message on ``topic``; a ``+`` in it matches one level.

        Call it before `open`.
        """
        self._listeners[topic] = listener

    def open(self) -> None:
        """Start to connect."""
        if self._writer:
            self._writer.open()
        self._connection.open()

    def close(self, last: Message) -> None:
        """Wait for acknowledgements, publish ``last`` and disconnect."""
        responsive = self.connected
        # Do not wait for stored events if no broker has answered so far.
        if self.connected or not (self._outbox.durable and self._connection.failing):
            # Wait less if none has answered yet: a host that drops packets is slow to fail.
            likely = self.connected or not self._outbox.durable
            drained = self._outbox.wait_empty(self._drain_s / (1 if likely else 2))
            responsive = drained and self.connected
        acknowledged = threading.Event()
        self._executor.submit(partial(self._retained.publish_last, last, acknowledged.set))
        # If earlier acknowledgements have not come in time, this one will not come either.
        acknowledged.wait(FINAL_ACK_S if responsive else 0)
        self._connection.close()
        if self._writer:
            self._writer.close()
        self.undelivered = self._outbox.unsaved_count()
        if stored := len(self._outbox) - self.undelivered:
            logger.warning("%d events are stored for the next start", stored)

    @property
    def connected(self) -> bool:
        """True while a broker has accepted the connection and it is not known to be lost."""
        return self._client is not None

    @property
    def durable(self) -> bool:
        """True while unacknowledged messages are written to disk in time."""
        return self._outbox.durable

    def enqueue(self, message: Message, name: str) -> None:
        """Keep ``message`` until a broker acknowledges it; ``name`` is its name in the log."""
        self._outbox.put(message, name)
        self._wake()

    def publish_retained(self, message: Message) -> None:
        """Publish a message now and on every connect, until another one of its topic follows."""
        self._executor.submit(partial(self._retained.publish, message))

    def republish(self, topic: str) -> None:
        """Publish the retained message of a topic once more."""
        self._executor.submit(partial(self._retained.republish, topic))

    def publish_latest(self, message: Message) -> None:
        """Publish a message unless no broker is connected or a later one replaces it."""
        self._executor.submit(partial(self._publish_latest, message))

    def publish_unassured(self, message: Message) -> None:
        """Publish a QoS 0 message, unless no broker is connected or the last one is not sent."""
        self._executor.submit(partial(self._publish_unassured, message))

    def publish_response(self, message: Message) -> None:
        """Publish a message soon; without a broker it is dropped."""
        self._executor.submit(partial(self._add_response, message))

    def counters(self) -> dict[str, int]:
        """Return counts of messages since the start; only ``waiting`` can fall."""
        disk = self._writer.counters() if self._writer else {}
        waiting = {"waiting": len(self._outbox), "unsaved": self._outbox.unsaved_count()}
        return {**self._outbox.counters(), **waiting, **disk, **self._counters}

    def _callbacks(self) -> Callbacks:
        submit = self._executor.submit
        return Callbacks(
            connected=lambda client: submit(partial(self._connected, client)),
            disconnected=lambda: submit(self._disconnected),
            acknowledged=lambda mid: submit(partial(self._acknowledged, mid)),
            rejected=lambda mid, reason: submit(partial(self._rejected, mid, reason)),
            received=self._received,
        )

    def _wake(self) -> None:
        self._executor.submit(self._send_events)

    def _received(self, message: Message) -> None:
        for topic, listener in self._listeners.items():
            if _matches(topic, message.topic):
                listener(message)

    def _connected(self, client: MqttClient) -> None:
        self._client = client
        self._counters["connects"] += 1
        self._on_acknowledged.clear()
        self._responses_in_flight = 0
        self._unassured = False
        self._event_mids.clear()
        self._responses.clear()
        self._outbox.requeue()
        for topic in self._listeners:
            client.subscribe(topic)
        self._retained.connected()
        self._send_events()

    def _disconnected(self) -> None:
        self._client = None
        self._outbox.requeue()
        self._retained.disconnected()

    def _acknowledged(self, mid: int) -> None:
        self._event_mids.discard(mid)
        self._on_acknowledged.pop(mid, lambda: None)()
        self._send_events()

    def _rejected(self, mid: int, reason: str) -> None:
        """Handle a broker's refusal of a message: an event is kept for the next broker."""
        self._counters["refused"] += 1
        broker = self._connection.broker
        self._log_once.warn(f"{broker}: refuses messages: {reason}", kind="rejected")
        if mid not in self._event_mids:
            self._acknowledged(mid)
        elif self._client is not None:
            self._client.abort()

    def _send_events(self) -> None:
        while self._client and (taken := self._outbox.take(self._client.window)):
            for key, message in taken:
                self._event_mids.add(self._publish(message, partial(self._outbox.ack, key)))

    def _publish_latest(self, message: Message) -> None:
        if not self._retained.publish_volatile(message):
            self._counters["stats_skipped"] += 1

    def _publish_unassured(self, message: Message) -> None:
        if self._client and not self._unassured:
            self._unassured = True
            self._publish(message, self._unassured_sent)

    def _unassured_sent(self) -> None:
        self._unassured = False

    def _add_response(self, message: Message) -> None:
        if self._client:
            self._responses.append(message)
            self._send_responses()

    def _send_responses(self) -> None:
        # A broker with a small receive maximum would disconnect after more.
        while self._client and self._responses and self._responses_in_flight < MAX_RESPONSES:
            self._responses_in_flight += 1
            self._publish(self._responses.popleft(), self._response_acknowledged)

    def _response_acknowledged(self) -> None:
        self._responses_in_flight -= 1
        self._send_responses()

    def _publish(self, message: Message, acknowledged: Callable[[], None]) -> int:
        assert self._client is not None
        mid = self._client.publish(message)
        self._on_acknowledged[mid] = acknowledged
        return mid


def _matches(topic_filter: str, topic: str) -> bool:
    wanted, levels = topic_filter.split("/"), topic.split("/")
    return len(wanted) == len(levels) and all(
        level in ("+", part) for level, part in zip(wanted, levels, strict=True)
    )
