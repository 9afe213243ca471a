"""What other programs on the network need to hear a device: typed events from a broker.

    from edge_fer.client import subscribe

    for event in subscribe("mqtt://localhost"):
        print(event.device, event.emotion, event.confidence)

The types are those of the messages, told in docs/reference/topics.md. Nothing here looks at a picture, so
neither dlib nor onnxruntime, OpenCV or numpy is imported.
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
from edge_fer.mqtt.connection import Caller
from edge_fer.mqtt.log_once import Faults
from edge_fer.mqtt.message import Message
from edge_fer.mqtt.schema import AggregatePayload as Aggregate
from edge_fer.mqtt.schema import EventPayload as Event
from edge_fer.mqtt.schema import StatePayload as State
from edge_fer.mqtt.subscriber import subscribe as _listen

__all__ = ["Aggregate", "Event", "State", "Subscription", "subscribe"]

T = TypeVar("T", bound=msgspec.Struct)

_TOPICS: dict[type, str] = {Event: "event", State: "state", Aggregate: "aggregate"}
_REMEMBERED = 1000
"""Most ids that are remembered to tell a repeat."""

logger = logging.getLogger(__name__)


class Subscription(Iterator[T]):
    """Gives one message after the other, and waits for the next; it does not end by itself.

    It listens from the start until `close`, the end of its context, or until nobody holds it.
    """

    def __init__(self, broker: Broker, topic: str, kind: type[T], caller: Caller) -> None:
        self._faults = Faults(logger)
        self._decoder: msgspec.json.Decoder[T] = msgspec.json.Decoder(kind)
        self._seen: collections.deque[str | None] = collections.deque(maxlen=_REMEMBERED)
        with contextlib.ExitStack() as stack:
            self._inbox = stack.enter_context(
                _listen(broker, [topic], caller.password, tls=caller.tls)
            )
            self._finalizer = weakref.finalize(self, stack.pop_all().close)

    def __enter__(self) -> "Subscription[T]":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._finalizer()

    def __next__(self) -> T:
        while True:
            message = self._inbox.get()
            value = self._read(message)
            name = getattr(value, "id", None)
            if value is not None and (name is None or name not in self._seen):
                self._seen.append(name)
                return value

    def _read(self, message: Message) -> T | None:
        # Empty is the state of a device that tells of single faces no more.
        if not message.payload:
            return None
        try:
            return self._decoder.decode(message.payload)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            self._faults.warn(f"{message.topic}: left out: {error}", kind=message.topic)
            return None


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
    """Iterate over what one device, or each (``*``), says from now on.

    ``kind`` is `Event`, or `State`, whose last one comes at once, or, of devices with
    `privacy.mode = "aggregate"`, `Aggregate`. ``url``, ``prefix`` and the files are as in the
    section `[mqtt]` of a device's configuration.

    A lost connection is made again; what is said meanwhile passes by, and a gap in ``seq`` shows
    it. What the broker brings twice comes once. A message that is not as docs/reference/topics.md says is
    left out, and the log says so. Slow readers miss nothing: messages wait in memory.

    Raises:
        ConfigError: the address, the device's name or a file is not what it should be.
        BrokerError: the broker does not answer, or refuses.
    """
    if not re.fullmatch(r"\*|[A-Za-z0-9_.-]{1,64}", device):
        raise ConfigError(f"device = {device!r}: must be a device's name, or '*' for all")
    broker = parse_broker(url)
    tls = tls_context(Mqtt(ca_file=ca_file)) if broker.encrypted else None
    topic = f"{prefix}/{'+' if device == '*' else device}/{_TOPICS[kind]}"
    return Subscription(broker, topic, kind, Caller(read_password(password_file), tls))
