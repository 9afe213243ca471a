"""Receive typed events of edge-fer devices from an MQTT broker, in another program.

    from edge_fer.client import subscribe

    for event in subscribe("mqtt://localhost"):
        print(event.device, event.emotion, event.confidence)

`Event`, `State` and `Aggregate` are the payloads that docs/reference/topics.md describes. This
module processes no pictures and imports neither dlib, onnxruntime, OpenCV nor numpy.
"""

import collections
import contextlib
import logging
import re
import weakref
from collections.abc import Iterator
from typing import Any, TypeVar, overload

import msgspec

from edge_fer.config.broker_url import Broker, parse_broker, read_password, tls_context
from edge_fer.config.settings import Mqtt
from edge_fer.errors import ConfigError
from edge_fer.mqtt.client import ConnectOptions
from edge_fer.mqtt.connection import subscribe as _subscribe
from edge_fer.mqtt.log_once import LogOnce
from edge_fer.mqtt.messages import Message
from edge_fer.mqtt.schema import SCHEMA
from edge_fer.mqtt.schema import AggregatePayload as Aggregate
from edge_fer.mqtt.schema import EventPayload as Event
from edge_fer.mqtt.schema import StatePayload as State

__all__ = ["Aggregate", "Event", "State", "Subscription", "subscribe"]

T = TypeVar("T", bound=msgspec.Struct)

_TOPICS: dict[type, str] = {Event: "event", State: "state", Aggregate: "aggregate"}
_MAX_IDS = 1000
"""Most ids that are remembered to recognize a message delivered twice."""

logger = logging.getLogger(__name__)


class Subscription(Iterator[T]):
    """Iterate over the messages of a topic; `next` blocks until the next one.

    The iteration never ends by itself. The subscription lasts until `close`, until its context
    is left, or until no reference to it remains.
    """

    unreadable: int
    """Number of messages that were skipped because they could not be decoded."""

    def __init__(self, broker: Broker, topic: str, kind: type[T], options: ConnectOptions) -> None:
        self.unreadable = 0
        self._log_once = LogOnce(logger)
        self._decoder: msgspec.json.Decoder[T] = msgspec.json.Decoder(kind)
        self._ids: collections.deque[str | None] = collections.deque(maxlen=_MAX_IDS)
        with contextlib.ExitStack() as stack:
            self._inbox = stack.enter_context(
                _subscribe(broker, [topic], options.password, tls=options.tls)
            )
            self._finalizer = weakref.finalize(self, stack.pop_all().close)

    def __enter__(self) -> "Subscription[T]":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Disconnect from the broker."""
        self._finalizer()

    def __next__(self) -> T:
        while True:
            message = self._inbox.get()
            # Empty: a device with privacy.mode = "aggregate" has removed its state.
            value = self._decode(message) if message.payload else None
            name = getattr(value, "id", None)
            if value is not None and (name is None or name not in self._ids):
                self._ids.append(name)
                return value

    def _decode(self, message: Message) -> T | None:
        """Return the value, or None if known fields are missing or invalid."""
        try:
            value = self._decoder.decode(message.payload)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            self.unreadable += 1
            kind = f"unreadable {message.topic}"
            self._log_once.warn(f"{message.topic}: unreadable message skipped: {error}", kind=kind)
            return None
        if isinstance(value, Event) and value.phase == "end" and value.schema == 1:
            # Schema 1 repeated the last emotion, which is in `previous` too.
            value = msgspec.structs.replace(value, emotion=None)
        if (schema := getattr(value, "schema", SCHEMA)) > SCHEMA:
            text = (
                f"{message.topic}: schema {schema} is newer than {SCHEMA}; ignoring its new fields"
            )
            self._log_once.warn(text, kind=f"newer {message.topic}")
        return value


@overload
def subscribe(
    url: str, *, device: str = ..., prefix: str = ..., password_file: str = ..., ca_file: str = ...
) -> Subscription[Event]: ...


@overload
def subscribe(
    url: str,
    kind: type[T],
    *,
    device: str = ...,
    prefix: str = ...,
    password_file: str = ...,
    ca_file: str = ...,
) -> Subscription[T]: ...


def subscribe(
    url: str,
    kind: type = Event,
    *,
    device: str = "*",
    prefix: str = "edge-fer",
    password_file: str = "",
    ca_file: str = "",
) -> Subscription[Any]:
    """Subscribe to the messages of one device or of all devices, and iterate over them.

    A lost connection is made again. Messages published in between are missed, except for the
    last `State`; a gap in ``seq`` shows it. A message delivered twice is returned once. A
    message that cannot be decoded is skipped, logged once per topic and counted in
    `Subscription.unreadable`; one of a newer schema is returned if all known fields are valid.
    Messages wait in memory for a slow reader.

    Args:
        url: ``mqtt[s]://[user@]host[:port]`` or ``ws[s]://[user@]host[:port][/path]``, as in
            `mqtt.brokers`.
        kind: `Event` (a face got its first emotion, changed its emotion, or left), `State` (the
            faces in view; the last one is returned at once), or `Aggregate` (the shares of an
            interval, of devices with `privacy.mode = "aggregate"`). Boxes are in px of the
            frame, probabilities from 0 to 1, times RFC 3339 in UTC.
        device: name of the device, or ``*`` for all.
        prefix: first levels of the topics, as in `mqtt.prefix`.
        password_file: file with the password of the user in ``url``, as in `mqtt.password_file`.
        ca_file: PEM file with the authorities that sign the broker's certificate, as in
            `mqtt.ca_file`; empty means those of the system.

    Raises:
        ConfigError: the address, the device's name or a file is invalid.
        BrokerError: the broker refuses or does not answer.
    """
    if not re.fullmatch(r"\*|[A-Za-z0-9_.-]{1,64}", device):
        raise ConfigError(f"device = {device!r}: must be a device's name, or '*' for all")
    broker = parse_broker(url)
    tls = tls_context(Mqtt(ca_file=ca_file)) if broker.encrypted else None
    topic = f"{prefix}/{'+' if device == '*' else device}/{_TOPICS[kind]}"
    return Subscription(broker, topic, kind, ConnectOptions(read_password(password_file), tls))
