"""Which broker, when: `Connection` keeps a link to one of several open, `probe` tries one once.

No call here waits for a broker unless its docstring says so.
"""

import logging
import random
import ssl
import threading
import time
from collections.abc import Sequence

from edge_fer.config.broker_url import Broker
from edge_fer.errors import BrokerError
from edge_fer.mqtt.client import ANSWERS as ANSWERS
from edge_fer.mqtt.client import V3, V5, Link, Protocol
from edge_fer.mqtt.client import Callbacks as Callbacks
from edge_fer.mqtt.client import Caller as Caller
from edge_fer.mqtt.log_once import Faults
from edge_fer.mqtt.message import Message

RETRY_MIN_S = 1.0
RETRY_MAX_S = 30.0
STEADY_S = 10.0
"""A connection that lasted this long was a good one: its end is news, and soon tried again."""
ANSWER_S = 10.0
"""Longest wait for the broker to accept or refuse us."""
HANG_UP_S = 0.2
"""Longest wait for a thread to end; it may sit in a name lookup."""

logger = logging.getLogger(__name__)


def pause_s(round_: int) -> float:
    """Seconds to wait after that many rounds of failed tries, drawn by lot."""
    # After a day without a broker the rounds are too many to be an exponent.
    return random.uniform(RETRY_MIN_S, min(RETRY_MAX_S, 2.0 ** min(round_ + 1, 30)))


class Connection:
    """A link to the first of ``brokers`` that answers, made again whenever it is lost.

    Failed tries go round the brokers; the pause between them grows with each round, at random
    so that a fleet does not come back in step.
    """

    def __init__(self, brokers: Sequence[Broker], caller: Caller, callbacks: Callbacks) -> None:
        self._brokers = tuple(brokers)
        self._caller = caller
        self._callbacks = callbacks
        self._at = 0
        self._failures = 0
        self._old: set[Broker] = set()
        """Those that speak MQTT 3.1.1 alone."""
        self._link: Link | None = None
        self._closing = threading.Event()
        self._faults = Faults(logger)
        self._thread = threading.Thread(target=self._run, name="edge-fer-mqtt", daemon=True)

    @property
    def broker(self) -> Broker:
        """The one in use, or being tried."""
        return self._brokers[self._at]

    @property
    def failing(self) -> bool:
        """The last try went wrong, and there is no connection now."""
        return self._failures > 0

    @property
    def window(self) -> int:
        """Most events to be sent without a receipt."""
        return self._link.window if self._link else 0

    def open(self) -> None:
        """Start the thread that connects."""
        self._thread.start()

    def send(self, message: Message) -> int:
        """Hand a QoS 1 message on and return its number, which comes back as receipt.

        To be called between `Callbacks.up` and `Callbacks.down` alone. What has no receipt when
        the connection ends is forgotten; the sender must repeat it.
        """
        assert self._link is not None
        return self._link.send(message)

    def subscribe(self, topic: str) -> None:
        """Ask for a topic; to be repeated on each `Callbacks.up`."""
        assert self._link is not None
        self._link.subscribe(topic)

    def break_off(self) -> None:
        """Leave this broker for the next, as if the connection had been lost."""
        if self._link is not None:
            self._link.break_off()

    def close(self) -> None:
        """Disconnect, so that the broker does not publish the LWT. Waits `HANG_UP_S` at most."""
        self._closing.set()
        if self._link is not None:
            self._link.hang_up()
        if self._thread.ident is not None:
            self._thread.join(HANG_UP_S)

    def _run(self) -> None:
        while not self._closing.is_set():
            protocol = V3 if self.broker in self._old else V5
            try:
                if self._visit(protocol):
                    self._old.add(self.broker)
                    continue
            except Exception:
                # Whatever it was: nobody else would ever try again.
                logger.exception("%s: the connection has failed", self.broker)
            round_ = self._failures // len(self._brokers)
            self._failures += 1
            self._at = (self._at + 1) % len(self._brokers)
            self._closing.wait(pause_s(round_))

    def _visit(self, protocol: Protocol) -> bool:
        """Stay with a broker until the connection ends; True if an older protocol may help."""
        broker = self.broker
        link = self._link = Link(broker, protocol, self._caller, self._callbacks)
        try:
            if self._closing.is_set():
                return False
            link.connect(ANSWER_S)
        except BrokerError as error:
            self._old.discard(broker)
            if protocol == V5 and link.speechless:
                return True
            if not self._closing.is_set():
                self._faults.warn(str(error))
            return False
        else:
            self._stay(link)
            return False
        finally:
            link.close()

    def _stay(self, link: Link) -> None:
        since = time.monotonic()
        version = "" if link.protocol == V5 else " (MQTT 3.1.1)"
        logger.info("%s: connected%s", link.broker, version)
        link.ended.wait()
        if not self._closing.is_set():
            self._faults.warn(f"{link.broker}: {link.end}")
        if time.monotonic() - since > STEADY_S:
            self._failures = 0
            self._faults.clear()


def probe(
    broker: Broker,
    password: str | None = None,
    timeout_s: float = 5.0,
    tls: ssl.SSLContext | None = None,
) -> None:
    """Connect once and hang up; waits ``timeout_s`` at most for each version of the protocol.

    Raises:
        BrokerError: the broker does not answer, or refuses; the text says which and what to do.
    """
    for protocol in (V5, V3):
        link = Link(broker, protocol, Caller(password, tls), Callbacks())
        try:
            link.connect(timeout_s)
        except BrokerError:
            if protocol == V5 and link.speechless:
                continue
            raise
        else:
            return
        finally:
            closing = threading.Thread(target=link.close, name="edge-fer-hang-up", daemon=True)
            closing.start()
            closing.join(HANG_UP_S)
