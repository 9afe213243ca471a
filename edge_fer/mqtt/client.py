"""One connection to one broker, in MQTT 5 or 3.1.1. Only this file imports paho.

`connection` decides which broker to try, when, and for how long; `sender` decides what is
published. paho's thread does the network I/O.
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
from edge_fer.mqtt.messages import Message

UNSUPPORTED_PROTOCOL = 132
_CREDENTIALS = (134, 135)
"""Bad credentials and not authorized; mosquitto returns 135 for a wrong password."""
_WRONG_NAME = (62, 64)
"""OpenSSL: host name mismatch, IP address mismatch."""
_UNKNOWN_CA = (18, 19, 20, 21)
"""OpenSSL: self-signed, self-signed in the chain, no issuer found, chain not complete."""

WINDOW = 20
"""Most unacknowledged events; the default of paho and of many brokers."""
MAX_RESPONSES = 2
"""Most unacknowledged responses to commands."""
OTHER_IN_FLIGHT = 8 + MAX_RESPONSES
"""Most unacknowledged messages beside the events: one of each other topic, and responses."""

V5, V3 = MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311
Protocol = MQTTProtocolVersion

logger = logging.getLogger(__name__)


def _ignore(*_: object) -> None:
    """Do nothing."""


@dataclasses.dataclass(frozen=True)
class Callbacks:
    """Called on paho's thread, partly with its lock held: they must be quick and not wait."""

    connected: Callable[["MqttClient"], None] = _ignore
    disconnected: Callable[[], None] = _ignore
    acknowledged: Callable[[int], None] = _ignore
    """Gets the message id that `MqttClient.publish` returns, maybe before it returns."""
    rejected: Callable[[int, str], None] = _ignore
    """Gets the id of a message that the broker rejects, and its reason (MQTT 5)."""
    received: Callable[[Message], None] = _ignore
    subscribed: Callable[[], None] = _ignore


@dataclasses.dataclass(frozen=True)
class ConnectOptions:
    """The parts of a connect request that are the same for every broker."""

    password: str | None = dataclasses.field(default=None, repr=False)
    tls: ssl.SSLContext | None = None
    client_id: str = ""
    keepalive_s: int = 30
    will: Message | None = None
    max_packet_bytes: int | None = None
    """Longest packet that the broker may send (MQTT 5); None means any."""


class _PahoClient(Client):
    """paho's client, but an exception that ends its thread is reported to ``broken``."""

    broken: Callable[[], None] = staticmethod(_ignore)

    def loop_forever(self, timeout: float = 1.0, retry_first_connection: bool = False) -> Any:
        """Run paho's thread."""
        try:
            return super().loop_forever(timeout, retry_first_connection)
        except Exception:
            logger.debug("paho's thread has ended", exc_info=True)
            self.broken()
            return MQTTErrorCode.MQTT_ERR_PROTOCOL


class MqttClient:
    """One connection with its own paho client, so that no state of an earlier one remains."""

    def __init__(
        self, broker: Broker, protocol: Protocol, options: ConnectOptions, callbacks: Callbacks
    ) -> None:
        self.broker = broker
        self.protocol = protocol
        self.closed = threading.Event()
        self._callbacks = callbacks
        self._options = options
        self._answered = threading.Event()
        self._connected = False
        self.reason = hung_up(broker)
        """Why the connection ended."""
        self.no_connack = False
        """The broker sent no CONNACK, or said that it does not know the protocol."""
        self.window = WINDOW
        """Most unacknowledged events that the broker's receive maximum allows."""
        self._client = client = _PahoClient(
            CallbackAPIVersion.VERSION2,
            client_id=options.client_id,
            protocol=protocol,
            transport="websockets" if broker.path else "tcp",
            reconnect_on_failure=False,
        )
        if broker.path:
            client.ws_set_options(broker.path)
        if broker.encrypted:
            client.tls_set_context(options.tls)
        # MQTT 3.1.1 has no password without a user name.
        client.username_pw_set(broker.user, options.password if broker.user else None)
        # paho queues any further message; its queue ends with the connection.
        client.max_inflight_messages_set(WINDOW)
        client.broken = self._on_broken
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_subscribe = lambda *_: callbacks.subscribed()
        client.on_message = self._on_message
        if (will := options.will) is not None:
            properties = self._properties(will, PacketTypes.WILLMESSAGE)
            client.will_set(will.topic, will.payload, will.qos, will.retain, properties)

    def connect(self, timeout_s: float) -> None:
        """Wait until the broker has accepted the connection.

        Raises:
            BrokerError: the broker refuses or does not answer; the text says why.
        """
        try:
            self._open_socket()
        except (OSError, ValueError, LookupError) as error:
            # paho leaves a socket whose handshake failed open; it is closed with this exception.
            # LookupError: the answer to a WebSocket request lacks a header.
            self.reason = unreachable(error)
        else:
            self.no_connack = True
            self._client.loop_start()
            if not self._answered.wait(timeout_s):
                self.reason = f"no answer within {timeout_s:g} s; is it an MQTT broker?"
        if not self._connected:
            raise BrokerError(f"{self.broker}: {self.reason}")

    def publish(self, message: Message) -> int:
        """Publish a QoS 1 message; return the id that its acknowledgement carries.

        Call it between `Callbacks.connected` and `Callbacks.disconnected` only. A message that
        is unacknowledged when the connection ends is lost; the sender must publish it again.
        """
        properties = self._properties(message, PacketTypes.PUBLISH)
        return self._client.publish(
            message.topic, message.payload, message.qos, message.retain, properties
        ).mid

    def subscribe(self, topic: str) -> None:
        """Subscribe to a topic filter; repeat it after each `Callbacks.connected`."""
        self._client.subscribe(topic, qos=1)

    def disconnect(self) -> None:
        """Disconnect, so that the broker does not publish the last will; do not wait."""
        self._client.disconnect()

    def abort(self) -> None:
        """Shut down the socket, as if the network had lost the connection."""
        raw: Any = self._client.socket()
        if raw is not None:
            # By its descriptor: paho's WebSocket has no shutdown, and that of Python's TLS
            # socket would send in clear what another thread writes at that moment.
            with contextlib.suppress(OSError), socket.socket(fileno=os.dup(raw.fileno())) as copy:
                copy.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Disconnect and wait for paho's thread to end."""
        self._client.disconnect()
        self._client.loop_stop()

    def _open_socket(self) -> None:
        properties = None
        if self.protocol == V5 and self._options.max_packet_bytes is not None:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.MaximumPacketSize = self._options.max_packet_bytes
        self._client.connect(
            self.broker.host, self.broker.port, self._options.keepalive_s, properties=properties
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
            self.no_connack = reason.value == UNSUPPORTED_PROTOCOL
            self.reason = refused(reason.value, str(reason), self.broker)
        else:
            receive_maximum = getattr(properties, "ReceiveMaximum", WINDOW)
            if receive_maximum < WINDOW:
                self.window = max(1, receive_maximum - OTHER_IN_FLIGHT)
            self.reason, self._connected = "connection lost", True
            self._callbacks.connected(self)
        self._answered.set()

    def _on_disconnect(self, _c: Any, _u: Any, flags: Any, reason: Any, _p: Any) -> None:
        if self._connected and flags.is_disconnect_packet_from_server:
            self.reason = f"connection lost: {str(reason).lower()}"
        self._finish()

    def _on_broken(self) -> None:
        self.reason = "sent an invalid MQTT packet; is it an MQTT broker?"
        raw: Any = self._client.socket()
        if raw is not None:
            raw.close()
        self._finish()

    def _finish(self) -> None:
        if self._connected:
            self._connected = False
            self._callbacks.disconnected()
        self._answered.set()
        self.closed.set()

    def _on_publish(self, _c: Any, _u: Any, mid: int, reason: Any, _p: Any) -> None:
        if reason.is_failure:
            self._callbacks.rejected(mid, str(reason).lower())
        else:
            self._callbacks.acknowledged(mid)

    def _on_message(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        try:
            self._callbacks.received(_from_paho(message))
        except Exception:
            # An exception would end paho's thread, and with it all delivery.
            logger.exception("%s: a message could not be handled", self.broker)


def _from_paho(message: MQTTMessage) -> Message:
    properties = message.properties
    return Message(
        message.topic,
        bytes(message.payload),
        message.qos,
        message.retain,
        response_topic=getattr(properties, "ResponseTopic", None),
        correlation=getattr(properties, "CorrelationData", None),
    )


def refused(code: int, text: str, broker: Broker) -> str:
    """Return what a CONNACK's reason code means and what to do."""
    if code not in _CREDENTIALS:
        return f"refused: {text.lower()}"
    if broker.user is None:
        return (
            f"refused: it requires a user name and password; "
            f"write {broker.scheme}://user@host in mqtt.brokers and set mqtt.password_file"
        )
    return "refused: bad user name or password; check mqtt.password_file"


def hung_up(broker: Broker) -> str:
    """Return what it means if the broker closes the connection without a CONNACK."""
    if broker.encrypted:
        return "hung up; does it require a client certificate (mqtt.cert_file), is it a broker?"
    return "hung up; is it an MQTT broker?"


def unreachable(error: BaseException | None) -> str:
    """Return what a failed connection attempt means and what to do."""
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in _UNKNOWN_CA:
            return (
                "its certificate is not signed by a trusted authority; "
                "name the authority that signed it in mqtt.ca_file"
            )
        if error.verify_code in _WRONG_NAME:
            return f"its certificate is for another name ({error.verify_message.rstrip('.')})"
        return f"its certificate is refused ({error.verify_message})"
    if isinstance(error, ssl.SSLError):
        reason = (error.reason or str(error)).lower().replace("_", " ")
        return (
            f"TLS failed ({reason}); does it speak TLS on this port, "
            "and does it require a client certificate?"
        )
    text = getattr(error, "strerror", None) or error or "unknown reason"
    return f"cannot be reached: {str(text).lower()}"
