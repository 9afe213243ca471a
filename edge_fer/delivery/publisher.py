"""Reports to the broker: what is sent, in which order, and what became of it.

Events are kept in the outbox until the broker's receipt. Of each other topic only the latest
message counts: a newer one replaces it, and retained ones are sent again on every connect.
The main thread waits for the broker only at the end, `mqtt.drain_s` at most.
"""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import TracebackType

from edge_fer.delivery import payload
from edge_fer.delivery.broker import parse_broker, read_password
from edge_fer.delivery.faults import Faults
from edge_fer.delivery.mqtt import Callbacks, Connection
from edge_fer.delivery.outbox import Outbox
from edge_fer.delivery.payload import Identity, Message
from edge_fer.delivery.turns import Turns
from edge_fer.errors import ConfigError
from edge_fer.settings import Mqtt
from edge_fer.types import Event, Presence

WINDOW = 20
"""Most events on their way without a receipt; the default of paho and many brokers."""
FAREWELL_S = 1.0
"""Longest wait for the receipt of `stopped`; hanging up earlier could cost it."""

logger = logging.getLogger(__name__)


class Publisher:
    """Publishes while its context lasts. ``on_enabled`` is called on paho's thread.

    All methods are for one thread, the main loop's; none of them blocks or raises because of a
    broker.

    Raises:
        ConfigError: an address or the password file is not what it should be.
    """

    def __init__(
        self, settings: Mqtt, identity: Identity, on_enabled: Callable[[bool], None]
    ) -> None:
        brokers = [parse_broker(url) for url in settings.brokers]
        password = read_password(settings.password_file)
        if password and not any(broker.user for broker in brokers):
            raise ConfigError(
                f"mqtt.password_file = {settings.password_file}: "
                "must come with a user name in mqtt.brokers: mqtt://user@host"
            )
        self.undelivered = 0
        """Events without a receipt when the context ended."""
        self._identity = identity
        self._on_enabled = on_enabled
        self._drain_s = settings.drain_s
        self._outbox = Outbox(settings.max_queued)
        self._made = 0
        self._in_view: list[tuple[str, str]] | None = None
        self._counters = {"connects": 0, "stats_skipped": 0, "commands_ignored": 0}
        self._faults = Faults(logger)
        # From here to the connection: touched only in turns.
        self._turns = Turns()
        self._up = False
        self._latest: dict[str, Message] = {}
        self._shown: dict[str, Message] = {}
        self._busy: set[str] = set()
        self._fleeting: set[str] = set()
        self._receipts: dict[int, Callable[[], None]] = {}
        self._connection = Connection(
            brokers,
            password,
            Callbacks(
                up=lambda: self._turns.post(self._start),
                down=lambda: self._turns.post(self._pause),
                acked=lambda mid: self._turns.post(partial(self._settle, mid)),
                received=self._command,
            ),
            # The same at each start: the broker then ends a half-dead connection of the last
            # run, and its LWT comes before our `online`, not minutes after it.
            client_id=f"{identity.prefix}-{identity.device}".replace("/", "-"),
            keepalive_s=settings.keepalive_s,
            will=payload.status_message(identity, "offline"),
        )

    def __enter__(self) -> "Publisher":
        self._keep(payload.status_message(self._identity, "online"))
        self._connection.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._outbox.wait_empty(self._drain_s)
        farewell = threading.Event()
        self._turns.post(partial(self._say_stopped, farewell.set))
        farewell.wait(FAREWELL_S)
        self._connection.close()
        self.undelivered = len(self._outbox)

    @property
    def connected(self) -> bool:
        """A broker has accepted us, and is not known to be gone."""
        return self._up

    def publish_event(self, event: Event, size: tuple[int, int]) -> None:
        """Queue an event for delivery; ``size`` is the frame's width and height in px."""
        self._made += 1
        self._outbox.put(payload.event_message(self._identity, event, size, self._made))
        self._turns.post(self._pump)

    def publish_state(
        self, present: Sequence[Presence], size: tuple[int, int], stamp: float
    ) -> None:
        """Show who is in view, if a face came, went or changed its emotion since last time."""
        in_view = [(face.track, face.emotion) for face in present]
        if in_view != self._in_view:
            self._in_view = in_view
            self._keep(payload.state_message(self._identity, present, size, stamp))

    def publish_stats(self, numbers: Mapping[str, float], stamp: float) -> None:
        """Send numbers, the latest only; none are kept while no broker is there."""
        message = payload.stats_message(self._identity, numbers, stamp)
        self._turns.post(partial(self._send_or_skip, message))

    def publish_enabled(self, enabled: bool) -> None:
        """Show whether the camera is open."""
        self._keep(payload.enabled_message(self._identity, enabled))

    def counters(self) -> dict[str, int]:
        """What became of the messages since the start; ``waiting`` alone can fall."""
        return {**self._outbox.counters(), "waiting": len(self._outbox), **self._counters}

    def _keep(self, message: Message) -> None:
        def replace() -> None:
            self._latest[message.topic] = message
            self._show(message.topic)

        self._turns.post(replace)

    def _command(self, message: Message) -> None:
        # A retained command is an old one: obeyed at each connect, it could open a camera that
        # was closed since.
        wanted = None if message.retain else payload.parse_enabled(message.payload)
        if wanted is None:
            self._counters["commands_ignored"] += 1
            text = "retained" if message.retain else repr(message.payload[:40])
            self._faults.warn(
                f"{message.topic}: command ignored: must be ON or OFF, not retained; got {text}",
                kind="command",
            )
        else:
            self._on_enabled(wanted)

    def _start(self) -> None:
        self._up = True
        self._counters["connects"] += 1
        self._receipts.clear()
        self._busy.clear()
        self._shown.clear()
        for topic in self._fleeting:
            self._latest.pop(topic, None)
        self._outbox.rewind()
        self._connection.subscribe(payload.enabled_command_topic(self._identity))
        for topic in self._latest:
            self._show(topic)
        self._pump()

    def _pause(self) -> None:
        self._up = False

    def _settle(self, mid: int) -> None:
        self._receipts.pop(mid, lambda: None)()
        self._pump()

    def _pump(self) -> None:
        if self._up:
            for key, message in self._outbox.take(WINDOW):
                self._send(message, partial(self._outbox.ack, key))

    def _show(self, topic: str) -> None:
        message = self._latest.get(topic)
        # One at a time, so that a slow broker gets fewer states, not later ones.
        if message and self._up and topic not in self._busy and self._shown.get(topic) != message:
            self._shown[topic] = message
            self._send_alone(message)

    def _send_or_skip(self, message: Message) -> None:
        """Send numbers once the last ones have arrived; older ones that still wait are skipped."""
        topic = message.topic
        waiting = topic in self._busy and self._latest.get(topic) != self._shown.get(topic)
        if waiting or not self._up:
            self._counters["stats_skipped"] += 1
        if self._up:
            self._fleeting.add(topic)
            self._latest[topic] = message
            self._show(topic)

    def _send_alone(self, message: Message) -> None:
        def free() -> None:
            self._busy.discard(message.topic)
            self._show(message.topic)

        self._busy.add(message.topic)
        self._send(message, free)

    def _say_stopped(self, then: Callable[[], None]) -> None:
        for topic in self._fleeting & self._latest.keys():
            # The last numbers of a run are not worth less for coming close upon others.
            if self._up and self._shown.get(topic) != self._latest[topic]:
                self._send(self._latest[topic], lambda: None)
        message = payload.status_message(self._identity, "stopped")
        self._latest[message.topic] = self._shown[message.topic] = message
        if self._up:
            self._send(message, then)
        else:
            then()

    def _send(self, message: Message, receipt: Callable[[], None]) -> None:
        self._receipts[self._connection.send(message)] = receipt
