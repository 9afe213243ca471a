"""MQTT 3.1.1: the only file that imports paho, and the one that knows its ways.

`Connection` keeps a link to one of several brokers open; `probe` tries a broker once. What is
sent, when, and what becomes of it is decided in `publisher`. paho's thread does all the
talking; no call here waits for a broker unless its docstring says so.
"""

import dataclasses
import logging
import queue
import random
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from edge_fer.delivery.broker import Broker
from edge_fer.delivery.faults import Faults
from edge_fer.delivery.payload import Message
from edge_fer.errors import BrokerError

RETRY_MIN_S = 1.0
RETRY_MAX_S = 30.0
STEADY_S = 10.0
"""A connection that lasted this long was a good one: its end is news, and soon tried again."""
HANG_UP_S = 2.0
"""Longest wait for paho's thread to end; it may sit in a name lookup."""
MAX_INFLIGHT = 64
"""More than is ever handed over at a time, for paho must not queue: it would send old after new."""

logger = logging.getLogger(__name__)


def _nothing(*_: object) -> None:
    """The callback of those who do not care."""


@dataclasses.dataclass(frozen=True)
class Callbacks:
    """Called on paho's thread, and partly with its lock held: they must be quick, never wait."""

    up: Callable[[], None] = _nothing
    down: Callable[[], None] = _nothing
    acked: Callable[[int], None] = _nothing
    """With the number `Connection.send` returned, maybe before it returns."""
    received: Callable[[Message], None] = _nothing
    subscribed: Callable[[], None] = _nothing


class Connection:
    """A link to the first of ``brokers`` that answers, made again whenever it is lost.

    Failed tries go round the brokers; the pause between them grows with each round, at random
    so that a fleet does not come back in step.
    """

    def __init__(
        self,
        brokers: Sequence[Broker],
        password: str | None,
        callbacks: Callbacks,
        *,
        client_id: str = "",
        keepalive_s: int = 30,
        will: Message | None = None,
    ) -> None:
        self._brokers = tuple(brokers)
        self._password = password
        self._callbacks = callbacks
        self._keepalive_s = keepalive_s
        self._failures = 0
        self._at = 0
        self._up_since: float | None = None
        self._closing = False
        self._faults = Faults(logger)
        self._client = client = _client(client_id)
        client.max_inflight_messages_set(MAX_INFLIGHT)
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_publish = lambda _c, _u, mid, _r, _p: callbacks.acked(mid)
        client.on_subscribe = lambda *_: callbacks.subscribed()
        client.on_message = self._on_message
        if will is not None:
            client.will_set(will.topic, will.payload, will.qos, will.retain)

    @property
    def broker(self) -> Broker:
        """The one in use, or being tried."""
        return self._brokers[self._at]

    def open(self) -> None:
        """Start paho's thread, which connects."""
        self._aim()
        self._client.loop_start()

    def send(self, message: Message) -> int:
        """Hand a QoS 1 message to paho and return its number, which comes back as receipt.

        What has no receipt when the connection ends is forgotten; the sender must repeat it.
        """
        return self._client.publish(message.topic, message.payload, message.qos, message.retain).mid

    def subscribe(self, topic: str) -> None:
        """Ask for a topic; to be repeated on each `Callbacks.up`."""
        self._client.subscribe(topic, qos=1)

    def close(self) -> None:
        """Disconnect, so that the broker does not publish the LWT. Waits `HANG_UP_S` at most."""
        self._closing = True
        _hang_up(self._client)

    def _aim(self) -> None:
        _credentials(self._client, self.broker, self._password)
        self._client.connect_async(self.broker.host, self.broker.port, self._keepalive_s)

    def _on_connect(self, client: Client, _u: Any, _f: Any, reason: ReasonCode, _p: Any) -> None:
        if self._closing:
            client.disconnect()
        elif reason.is_failure:
            self._faults.warn(f"{self.broker}: {_refusal(reason, self.broker)}")
        else:
            # paho would repeat these after what `up` sends, and so turn a retained topic back.
            client.drop_out_messages()
            self._up_since = time.monotonic()
            logger.info("%s: connected", self.broker)
            self._callbacks.up()

    def _on_connect_fail(self, _client: Client, _userdata: Any) -> None:
        # paho calls this while it handles the exception, and passes it on in no other way.
        self._faults.warn(f"{self.broker}: {_unreachable(sys.exc_info()[1])}")
        self._retry()

    def _on_disconnect(self, *_: Any) -> None:
        if self._up_since is not None:
            if not self._closing:
                self._faults.warn(f"{self.broker}: connection lost")
            if time.monotonic() - self._up_since > STEADY_S:
                self._failures = 0
                self._faults.clear()
            self._up_since = None
            self._callbacks.down()
        self._retry()

    def _retry(self) -> None:
        if self._closing:
            return
        round_ = self._failures // len(self._brokers)
        self._failures += 1
        pause_s = random.uniform(RETRY_MIN_S, min(RETRY_MAX_S, 2.0 ** (round_ + 1)))
        # paho annotates whole seconds but sleeps any number.
        self._client.reconnect_delay_set(pause_s, pause_s)  # type: ignore[arg-type]
        self._at = (self._at + 1) % len(self._brokers)
        self._aim()

    def _on_message(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        try:
            self._callbacks.received(
                Message(message.topic, bytes(message.payload), message.qos, message.retain)
            )
        except Exception:
            # An exception would end paho's thread, and with it all delivery.
            logger.exception("%s: a message could not be handled", self.broker)


def probe(broker: Broker, password: str | None = None, timeout_s: float = 5.0) -> None:
    """Connect once and hang up; waits ``timeout_s`` at most, and `HANG_UP_S` to clean up.

    Raises:
        BrokerError: the broker does not answer, or refuses; the text says which and what to do.
    """
    answer: queue.SimpleQueue[str] = queue.SimpleQueue()
    client = _client("")

    def finish(text: str) -> None:
        answer.put(text)
        client.disconnect()

    client.on_connect = lambda _c, _u, _f, reason, _p: finish(
        _refusal(reason, broker) if reason.is_failure else ""
    )
    client.on_connect_fail = lambda *_: finish(_unreachable(sys.exc_info()[1]))
    client.on_disconnect = lambda *_: finish("hung up; is it an MQTT broker?")
    _credentials(client, broker, password)
    client.connect_async(broker.host, broker.port)
    client.loop_start()
    try:
        text = answer.get(timeout=timeout_s)
    except queue.Empty:
        text = f"no answer within {timeout_s:g} s; is it an MQTT broker?"
    _hang_up(client)
    if text:
        raise BrokerError(f"{broker}: {text}")


def _client(client_id: str) -> Client:
    return Client(
        CallbackAPIVersion.VERSION2, client_id=client_id, protocol=MQTTProtocolVersion.MQTTv311
    )


def _credentials(client: Client, broker: Broker, password: str | None) -> None:
    # MQTT 3.1.1 has no password without a user name.
    client.username_pw_set(broker.user, password if broker.user else None)


def _hang_up(client: Client) -> None:
    """Disconnect and end paho's thread, but never wait long for one stuck in a lookup."""
    client.disconnect()
    end = threading.Thread(target=client.loop_stop, name="edge-fer-hang-up", daemon=True)
    end.start()
    end.join(HANG_UP_S)


def _refusal(reason: ReasonCode, broker: Broker) -> str:
    # 134 and 135 are bad credentials and not authorized; mosquitto says 135 for a wrong password.
    if reason.value not in (134, 135):
        return f"refused: {str(reason).lower()}"
    if broker.user is None:
        return (
            "refused: it wants a user name and password; "
            "write mqtt://user@host in mqtt.brokers and set mqtt.password_file"
        )
    return "refused: bad user name or password; check mqtt.password_file"


def _unreachable(error: BaseException | None) -> str:
    text = getattr(error, "strerror", None) or error or "unknown reason"
    return f"cannot be reached: {str(text).lower()}"
