"""Send messages to the broker and account for each of them, whatever they contain.

Queued messages stay in the outbox until the broker acknowledges them, over restarts too. Of
retained messages only the latest of each topic counts: a newer one replaces it, and all are sent
again on every connect. The main thread waits for the broker only at the end, `mqtt.drain_s` at
most.
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
from edge_fer.mqtt.connection import ANSWERS, Callbacks, Caller, Connection
from edge_fer.mqtt.log_once import Faults
from edge_fer.mqtt.message import Message
from edge_fer.mqtt.outbox import Outbox, bounds
from edge_fer.mqtt.outbox_writer import Keeper


class Turns:
    """Runs jobs in the order they came, on whichever thread finds nobody else at it.

    A plain lock would not do between the main loop and paho: paho calls back with its own lock
    held and takes that lock again in `publish`, so the two threads could wait for each other.
    """

    def __init__(self) -> None:
        self._jobs: collections.deque[Callable[[], None]] = collections.deque()
        self._turn = threading.Lock()

    def post(self, job: Callable[[], None]) -> None:
        """Run ``job`` now, or leave it to the thread whose turn it is."""
        self._jobs.append(job)
        # Whoever gives the turn back looks again, so a job left in between is never forgotten.
        while self._jobs and self._turn.acquire(blocking=False):
            try:
                while self._jobs:
                    self._jobs.popleft()()
            finally:
                self._turn.release()


Send = Callable[[Message, Callable[[], None]], object]
"""Hands a message on; the callable is for its receipt."""


class Latest:
    """One message per topic, sent again on every connect. To be touched in turns only."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._up = False
        self._latest: dict[str, Message] = {}
        self._shown: dict[str, Message] = {}
        self._busy: set[str] = set()
        self._fleeting: set[str] = set()
        """Topics that are not worth sending again."""

    def start(self) -> None:
        """A broker is there: show it everything."""
        self._up = True
        self._busy.clear()
        self._shown.clear()
        for topic in self._fleeting:
            self._latest.pop(topic, None)
        for topic in self._latest:
            self._show(topic)

    def pause(self) -> None:
        """The broker is gone."""
        self._up = False

    def keep(self, message: Message) -> None:
        """Show this from now on."""
        self._latest[message.topic] = message
        self._show(message.topic)

    def again(self, topic: str) -> None:
        """Show what is on this topic once more."""
        self._shown.pop(topic, None)
        self._show(topic)

    def offer(self, message: Message) -> bool:
        """Send this once the last one has arrived; False where one is skipped for it, or it is."""
        topic = message.topic
        waiting = topic in self._busy and self._latest.get(topic) != self._shown.get(topic)
        if self._up:
            self._fleeting.add(topic)
            self.keep(message)
        return self._up and not waiting

    def end(self, message: Message, then: Callable[[], None]) -> None:
        """Send what still waits, then ``message`` as the last one."""
        for topic in self._fleeting & self._latest.keys():
            # The last numbers of a run are not worth less for coming close upon others.
            if self._up and self._shown.get(topic) != self._latest[topic]:
                self._send(self._latest[topic], lambda: None)
        self._latest[message.topic] = self._shown[message.topic] = message
        if self._up:
            self._send(message, then)
        else:
            then()

    def _show(self, topic: str) -> None:
        message = self._latest.get(topic)
        # One at a time, so that a slow broker gets fewer states, not later ones.
        if message and self._up and topic not in self._busy and self._shown.get(topic) != message:

            def free() -> None:
                self._busy.discard(topic)
                self._show(topic)

            self._shown[topic] = message
            self._busy.add(topic)
            self._send(message, free)


FAREWELL_S = 0.5
"""Longest wait for the receipt of the last message; hanging up earlier could cost it."""
MOST_BYTES = 4096
"""Longest packet we take; a broker that speaks MQTT 5 keeps longer ones from us."""

MOST_ANSWERS = 20
"""Those that may wait to be sent; the oldest go."""

Listener = Callable[[Message], None]
"""Called on paho's thread: it must be quick and never wait."""

logger = logging.getLogger(__name__)


class Courier:
    """One connection, from `open` to `close`; without a ``folder`` nothing is kept on disk.

    What is kept there for topics with the end ``barred`` is deleted instead of delivered.

    None of the methods blocks (but `close`) or raises because of a broker.

    Raises:
        ConfigError: an address, the password file or one for TLS is not what it should be.
    """

    def __init__(
        self,
        settings: Mqtt,
        client_id: str,
        will: Message,
        folder: Path | None = None,
        barred: str = "",
    ) -> None:
        brokers = parse_brokers(settings.brokers)
        password = read_password(settings.password_file)
        if password and not any(broker.user for broker in brokers):
            raise ConfigError(
                f"mqtt.password_file = {password_path(settings.password_file)}: "
                "must come with a user name in mqtt.brokers: mqtt://user@host"
            )
        self.undelivered = 0
        """Messages lost with the end, on disk nor at a broker."""
        self._drain_s = settings.drain_s
        self._outbox = Outbox(bounds(settings))
        self._keeper = folder and Keeper(
            self._outbox, folder / f"{client_id}.db", self._wake, barred
        )
        self._counters = {"connects": 0, "stats_skipped": 0, "refused": 0}
        self._faults = Faults(logger)
        self._listeners: dict[str, Listener] = {}
        # From here to the connection: touched only in turns.
        self._turns = Turns()
        self._up = False
        self._latest = Latest(self._send)
        self._receipts: dict[int, Callable[[], None]] = {}
        self._delivering: set[int] = set()
        self._answers: collections.deque[Message] = collections.deque(maxlen=MOST_ANSWERS)
        self._answering = 0
        tls = tls_context(settings) if any(broker.encrypted for broker in brokers) else None
        me = Caller(password, tls, client_id, settings.keepalive_s, will, MOST_BYTES)
        self._connection = Connection(brokers, me, self._callbacks())

    def listen(self, topic: str, listener: Listener) -> None:
        """Have ``listener`` called with what comes in; a ``+`` in the topic is any one level.

        To be called ahead of `open`.
        """
        self._listeners[topic] = listener

    def open(self) -> None:
        """Start to connect."""
        if self._keeper:
            self._keeper.open()
        self._connection.open()

    def close(self, farewell: Message) -> None:
        """Wait for receipts, say ``farewell`` and hang up."""
        answers = self._up
        # What is kept on disk need not be waited for where nobody has answered so far.
        if self._up or not (self._outbox.durable and self._connection.failing):
            # Nor long where none has yet: a host that swallows packets takes its time to fail.
            sure = self._up or not self._outbox.durable
            answers = self._outbox.wait_empty(self._drain_s / (1 if sure else 2)) and self._up
        said = threading.Event()
        self._turns.post(partial(self._latest.end, farewell, said.set))
        # Where receipts have not come in time, this one will not either.
        said.wait(FAREWELL_S if answers else 0)
        self._connection.close()
        if self._keeper:
            self._keeper.close()
        self.undelivered = self._outbox.unsaved_count()
        if kept := len(self._outbox) - self.undelivered:
            logger.warning("%d events are kept for the next start", kept)

    @property
    def connected(self) -> bool:
        """A broker has accepted us, and is not known to be gone."""
        return self._up

    @property
    def durable(self) -> bool:
        """What no broker has yet is on disk, or will be in time."""
        return self._outbox.durable

    def deliver(self, message: Message, name: str) -> None:
        """Keep ``message`` until a broker has it; ``name`` is its name in the log."""
        self._outbox.put(message, name)
        self._wake()

    def show(self, message: Message) -> None:
        """Have the broker show it from now on."""
        self._turns.post(partial(self._latest.keep, message))

    def show_again(self, topic: str) -> None:
        """Send what is shown there once more."""
        self._turns.post(partial(self._latest.again, topic))

    def offer(self, message: Message) -> None:
        """Send it, unless no broker is there or a later one comes before it is sent."""
        self._turns.post(partial(self._send_or_skip, message))

    def answer(self, message: Message) -> None:
        """Send it soon; without a broker it is forgotten."""
        self._turns.post(partial(self._send_answer, message))

    def counters(self) -> dict[str, int]:
        """What became of the messages since the start; ``waiting`` alone can fall."""
        disk = self._keeper.counters() if self._keeper else {}
        waiting = {"waiting": len(self._outbox), "unsaved": self._outbox.unsaved_count()}
        return {**self._outbox.counters(), **waiting, **disk, **self._counters}

    def _callbacks(self) -> Callbacks:
        return Callbacks(
            up=lambda: self._turns.post(self._start),
            down=lambda: self._turns.post(self._pause),
            acked=lambda mid: self._turns.post(partial(self._settle, mid)),
            refused=lambda mid, why: self._turns.post(partial(self._refuse, mid, why)),
            received=self._hear,
        )

    def _wake(self) -> None:
        self._turns.post(self._pump)

    def _hear(self, message: Message) -> None:
        for topic, listener in self._listeners.items():
            if _matches(topic, message.topic):
                listener(message)

    def _start(self) -> None:
        self._up = True
        self._counters["connects"] += 1
        self._receipts.clear()
        self._answering = 0
        self._delivering.clear()
        self._answers.clear()
        self._outbox.rewind()
        for topic in self._listeners:
            self._connection.subscribe(topic)
        self._latest.start()
        self._pump()

    def _pause(self) -> None:
        self._up = False
        self._outbox.rewind()
        self._latest.pause()

    def _settle(self, mid: int) -> None:
        self._delivering.discard(mid)
        self._receipts.pop(mid, lambda: None)()
        self._pump()

    def _refuse(self, mid: int, why: str) -> None:
        """The broker does not take a message: one to be delivered is kept for the next one."""
        self._counters["refused"] += 1
        self._faults.warn(f"{self._connection.broker}: refuses messages: {why}", kind="refused")
        if mid in self._delivering:
            self._connection.break_off()
        else:
            self._settle(mid)

    def _pump(self) -> None:
        while self._up and (taken := self._outbox.take(self._connection.window)):
            for key, message in taken:
                self._delivering.add(self._send(message, partial(self._outbox.ack, key)))

    def _send_or_skip(self, message: Message) -> None:
        if not self._latest.offer(message):
            self._counters["stats_skipped"] += 1

    def _send_answer(self, message: Message) -> None:
        if self._up:
            self._answers.append(message)
            self._send_answers()

    def _send_answers(self) -> None:
        # A broker that bears few messages at a time would hang up on more.
        while self._answers and self._answering < ANSWERS:
            self._answering += 1
            self._send(self._answers.popleft(), self._answered)

    def _answered(self) -> None:
        self._answering -= 1
        self._send_answers()

    def _send(self, message: Message, receipt: Callable[[], None]) -> int:
        mid = self._connection.send(message)
        self._receipts[mid] = receipt
        return mid


def _matches(wanted: str, topic: str) -> bool:
    levels, given = wanted.split("/"), topic.split("/")
    return len(levels) == len(given) and all(
        level in ("+", part) for level, part in zip(levels, given, strict=True)
    )
