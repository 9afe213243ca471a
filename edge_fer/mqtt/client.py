"""Why a broker cannot be talked to, in one line that says what to do. It talks to nobody.

One connection to one broker, MQTT 5 or 3.1.1: the only file that imports paho.

Which broker is tried, when, and for how long is decided in `mqtt`; what is sent, and what
becomes of it, in `publisher`. Paho's thread does the talking.
"""

import contextlib
import dataclasses
import logging
import os
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge_fer.config.broker_url import Broker
from edge_fer.errors import BrokerError
from edge_fer.mqtt.message import Message

UNSUPPORTED_PROTOCOL = 132
_CREDENTIALS = (134, 135)
"""Bad credentials and not authorized; mosquitto says 135 for a wrong password."""
_WRONG_NAME = (62, 64)
"""OpenSSL: host name mismatch, IP address mismatch."""
_UNKNOWN_CA = (18, 19, 20, 21)
"""OpenSSL: self-signed, self-signed in the chain, no issuer found, chain not complete."""


def refusal(code: int, text: str, broker: Broker) -> str:
    """What CONNACK's reason means for the user."""
    if code not in _CREDENTIALS:
        return f"refused: {text.lower()}"
    if broker.user is None:
        return (
            f"refused: it wants a user name and password; "
            f"write {broker.scheme}://user@host in mqtt.brokers and set mqtt.password_file"
        )
    return "refused: bad user name or password; check mqtt.password_file"


def silent(broker: Broker) -> str:
    """What it means when it hangs up without a word."""
    if broker.encrypted:
        return "hung up; does it want a certificate of ours (mqtt.cert_file), is it a broker?"
    return "hung up; is it an MQTT broker?"


def unreachable(error: BaseException | None) -> str:
    """What a failed connection means for the user."""
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in _UNKNOWN_CA:
            return (
                "its certificate is not signed by an authority we trust; "
                "name the one that did in mqtt.ca_file"
            )
        if error.verify_code in _WRONG_NAME:
            return f"its certificate is for another name ({error.verify_message.rstrip('.')})"
        return f"its certificate is refused ({error.verify_message})"
    if isinstance(error, ssl.SSLError):
        reason = (error.reason or str(error)).lower().replace("_", " ")
        return f"TLS failed ({reason}); does it speak TLS on this port, and want a certificate?"
    text = getattr(error, "strerror", None) or error or "unknown reason"
    return f"cannot be reached: {str(text).lower()}"


WINDOW = 20
"""Most events on their way without a receipt; the default of paho and many brokers."""
ANSWERS = 2
"""Most answers to commands on their way."""
TOPICS = 5 + ANSWERS
"""Messages that may be on their way beside the events: of five other topics, and answers."""

V5, V3 = MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311
Protocol = MQTTProtocolVersion

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
    refused: Callable[[int, str], None] = _nothing
    """The same for a message that the broker does not take, with its reason (MQTT 5)."""
    received: Callable[[Message], None] = _nothing
    subscribed: Callable[[], None] = _nothing


@dataclasses.dataclass(frozen=True)
class Caller:
    """What we tell every broker."""

    password: str | None = dataclasses.field(default=None, repr=False)
    tls: ssl.SSLContext | None = None
    client_id: str = ""
    keepalive_s: int = 30
    will: Message | None = None
    most_bytes: int | None = None
    """Longest packet that the broker may send us (MQTT 5); None is any."""


class _Client(Client):
    """Paho's client, which tells what ended its thread: a packet that is none would in silence."""

    broken: Callable[[], None] = staticmethod(_nothing)

    def loop_forever(self, timeout: float = 1.0, retry_first_connection: bool = False) -> Any:
        """What paho's thread does."""
        try:
            return super().loop_forever(timeout, retry_first_connection)
        except Exception:
            logger.debug("paho's thread has ended", exc_info=True)
            self.broken()
            return MQTTErrorCode.MQTT_ERR_PROTOCOL


class Link:
    """One connection with a client of its own, so that nothing of an earlier one is left in it."""

    def __init__(
        self, broker: Broker, protocol: Protocol, caller: Caller, callbacks: Callbacks
    ) -> None:
        self.broker = broker
        self.protocol = protocol
        self.ended = threading.Event()
        self._callbacks = callbacks
        self._caller = caller
        self._answered = threading.Event()
        self._up = False
        self.end = silent(broker)
        """Why it ended."""
        self.speechless = False
        """The broker gave no answer, or said that it does not know the protocol."""
        self.window = WINDOW
        """Most events that the broker bears at a time."""
        self._client = client = _Client(
            CallbackAPIVersion.VERSION2,
            client_id=caller.client_id,
            protocol=protocol,
            transport="websockets" if broker.path else "tcp",
            reconnect_on_failure=False,
        )
        if broker.path:
            client.ws_set_options(broker.path)
        if broker.encrypted:
            client.tls_set_context(caller.tls)
        # MQTT 3.1.1 has no password without a user name.
        client.username_pw_set(broker.user, caller.password if broker.user else None)
        # What is more, paho queues; the queue ends with the connection.
        client.max_inflight_messages_set(WINDOW)
        client.broken = self._on_broken
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_subscribe = lambda *_: callbacks.subscribed()
        client.on_message = self._on_message
        if (will := caller.will) is not None:
            properties = self._properties(will, PacketTypes.WILLMESSAGE)
            client.will_set(will.topic, will.payload, will.qos, will.retain, properties)

    def connect(self, timeout_s: float) -> None:
        """Wait until the broker has accepted us.

        Raises:
            BrokerError: it has not; the text says why.
        """
        try:
            self._call()
        except (OSError, ValueError, LookupError) as error:
            # Paho leaves a socket whose handshake failed open; it ends with this exception. The
            # last one is what it raises where the answer to a WebSocket has no such header.
            self.end = unreachable(error)
        else:
            self.speechless = True
            self._client.loop_start()
            if not self._answered.wait(timeout_s):
                self.end = f"no answer within {timeout_s:g} s; is it an MQTT broker?"
        if not self._up:
            raise BrokerError(f"{self.broker}: {self.end}")

    def send(self, message: Message) -> int:
        """Hand a QoS 1 message to paho and return its number, which comes back as receipt."""
        properties = self._properties(message, PacketTypes.PUBLISH)
        it = message
        return self._client.publish(it.topic, it.payload, it.qos, it.retain, properties).mid

    def subscribe(self, topic: str) -> None:
        """Ask for a topic."""
        self._client.subscribe(topic, qos=1)

    def hang_up(self) -> None:
        """Disconnect, so that the broker does not publish the LWT; does not wait."""
        self._client.disconnect()

    def break_off(self) -> None:
        """End it as if it had been lost."""
        there: Any = self._client.socket()
        if there is not None:
            # By its descriptor: paho's WebSocket has no shutdown, and that of Python's TLS
            # would have what another thread sends just then cross the network in clear.
            with contextlib.suppress(OSError), socket.socket(fileno=os.dup(there.fileno())) as it:
                it.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Wait for paho's thread to end."""
        self._client.disconnect()
        self._client.loop_stop()

    def _call(self) -> None:
        properties = None
        if self.protocol == V5 and self._caller.most_bytes is not None:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.MaximumPacketSize = self._caller.most_bytes
        self._client.connect(
            self.broker.host, self.broker.port, self._caller.keepalive_s, properties=properties
        )

    def _properties(self, message: Message, kind: int) -> Properties | None:
        if self.protocol != V5:
            return None
        properties = Properties(kind)  # type: ignore[no-untyped-call]
        properties.ContentType = message.content_type
        if message.properties:
            properties.UserProperty = list(message.properties)
        if message.expiry_s is not None:
            properties.MessageExpiryInterval = message.expiry_s
        if message.correlation is not None:
            properties.CorrelationData = message.correlation
        return properties

    def _on_connect(self, _c: Any, _u: Any, _f: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            self.speechless = reason.value == UNSUPPORTED_PROTOCOL
            self.end = refusal(reason.value, str(reason), self.broker)
        else:
            bears = getattr(properties, "ReceiveMaximum", WINDOW)
            self.window = WINDOW if bears >= WINDOW else max(1, bears - TOPICS)
            self.end, self._up = "connection lost", True
            self._callbacks.up()
        self._answered.set()

    def _on_disconnect(self, _c: Any, _u: Any, flags: Any, reason: Any, _p: Any) -> None:
        if self._up and flags.is_disconnect_packet_from_server:
            self.end = f"connection lost: {str(reason).lower()}"
        self._finish()

    def _on_broken(self) -> None:
        self.end = "answered with what is no MQTT; is it an MQTT broker?"
        there: Any = self._client.socket()
        if there is not None:
            there.close()
        self._finish()

    def _finish(self) -> None:
        if self._up:
            self._up = False
            self._callbacks.down()
        self._answered.set()
        self.ended.set()

    def _on_publish(self, _c: Any, _u: Any, mid: int, reason: Any, _p: Any) -> None:
        if reason.is_failure:
            self._callbacks.refused(mid, str(reason).lower())
        else:
            self._callbacks.acked(mid)

    def _on_message(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        try:
            self._callbacks.received(_received(message))
        except Exception:
            # An exception would end paho's thread, and with it all delivery.
            logger.exception("%s: a message could not be handled", self.broker)


def _received(message: MQTTMessage) -> Message:
    asked = message.properties
    return Message(
        message.topic,
        bytes(message.payload),
        message.qos,
        message.retain,
        response_topic=getattr(asked, "ResponseTopic", None),
        correlation=getattr(asked, "CorrelationData", None),
    )
