"""Reports to the broker: what is sent, in which order, and what became of it.

Events are kept in the outbox until the broker's receipt, over restarts too. Of each other topic
only the latest message counts: a newer one replaces it, and retained ones are sent again on
every connect. The main thread waits for the broker only at the end,
`mqtt.drain_s` at most.
"""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType

from edge_fer.delivery import payload
from edge_fer.delivery.broker import Broker, parse_brokers, read_password, tls_context
from edge_fer.delivery.faults import Faults
from edge_fer.delivery.keeper import Keeper
from edge_fer.delivery.latest import Latest
from edge_fer.delivery.limits import bounds
from edge_fer.delivery.message import Message
from edge_fer.delivery.mqtt import Callbacks, Connection
from edge_fer.delivery.outbox import Outbox
from edge_fer.delivery.payload import Identity
from edge_fer.delivery.turns import Turns
from edge_fer.errors import ConfigError
from edge_fer.settings import Mqtt
from edge_fer.types import Event, Presence

FAREWELL_S = 1.0
"""Longest wait for the receipt of `stopped`; hanging up earlier could cost it."""

logger = logging.getLogger(__name__)


class Publisher:
    """Publishes while its context lasts. ``on_enabled`` is called on paho's thread.

    Without a ``folder`` events that have no receipt are in memory alone.

    All methods are for one thread, the main loop's; none of them blocks or raises because of a
    broker.

    Raises:
        ConfigError: an address, the password file or one for TLS is not what it should be.
    """

    def __init__(
        self,
        settings: Mqtt,
        identity: Identity,
        on_enabled: Callable[[bool], None],
        *,
        folder: Path | None = None,
    ) -> None:
        brokers = parse_brokers(settings.brokers)
        password = read_password(settings.password_file)
        if password and not any(broker.user for broker in brokers):
            raise ConfigError(
                f"mqtt.password_file = {settings.password_file}: "
                "must come with a user name in mqtt.brokers: mqtt://user@host"
            )
        self.undelivered = 0
        """Events lost with the end of the context, on disk nor at a broker."""
        self._identity = identity
        self._on_enabled = on_enabled
        self._drain_s = settings.drain_s
        # The same at each start: the broker then ends a half-dead connection of the last run,
        # and its LWT comes before our `online`, not minutes after it.
        client_id = f"{identity.prefix}-{identity.device}".replace("/", "-")
        self._outbox = Outbox(bounds(settings))
        self._keeper = folder and Keeper(self._outbox, folder / f"{client_id}.db", self._more)
        self._made = 0
        self._in_view: list[tuple[str, str]] | None = None
        self._counters = {"connects": 0, "stats_skipped": 0, "commands_ignored": 0, "refused": 0}
        self._faults = Faults(logger)
        # From here to the connection: touched only in turns.
        self._turns = Turns()
        self._up = False
        self._latest = Latest(self._send)
        self._receipts: dict[int, Callable[[], None]] = {}
        self._events: set[int] = set()
        self._connection = self._connection_to(brokers, password, settings, client_id)

    def __enter__(self) -> "Publisher":
        if self._keeper:
            self._keeper.open()
        self._keep(payload.status_message(self._identity, "online"))
        self._connection.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # What is kept on disk need not be waited for where nobody has answered so far.
        if self._up or not (self._outbox.durable and self._connection.failing):
            self._outbox.wait_empty(self._drain_s)
        farewell = threading.Event()
        self._turns.post(partial(self._say_stopped, farewell.set))
        farewell.wait(FAREWELL_S)
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

    def publish_event(self, event: Event, size: tuple[int, int]) -> None:
        """Queue an event for delivery; ``size`` is the frame's width and height in px."""
        self._made += 1
        message = payload.event_message(self._identity, event, size, self._made)
        self._outbox.put(message, f"{self._identity.session}-{self._made}")
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
        disk = self._keeper.counters() if self._keeper else {}
        waiting = {"waiting": len(self._outbox), "unsaved": self._outbox.unsaved_count()}
        return {**self._outbox.counters(), **waiting, **disk, **self._counters}

    def _connection_to(
        self, brokers: Sequence[Broker], password: str | None, settings: Mqtt, client_id: str
    ) -> Connection:
        return Connection(
            brokers,
            password,
            Callbacks(
                up=lambda: self._turns.post(self._start),
                down=lambda: self._turns.post(self._pause),
                acked=lambda mid: self._turns.post(partial(self._settle, mid)),
                refused=lambda mid, why: self._turns.post(partial(self._refuse, mid, why)),
                received=self._command,
            ),
            client_id=client_id,
            keepalive_s=settings.keepalive_s,
            will=payload.status_message(self._identity, "offline"),
            tls=tls_context(settings) if any(broker.encrypted for broker in brokers) else None,
        )

    def _more(self) -> None:
        self._turns.post(self._pump)

    def _keep(self, message: Message) -> None:
        self._turns.post(partial(self._latest.keep, message))

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
        self._events.clear()
        self._outbox.rewind()
        self._connection.subscribe(payload.enabled_command_topic(self._identity))
        self._latest.start()
        self._pump()

    def _pause(self) -> None:
        self._up = False
        self._latest.pause()

    def _settle(self, mid: int) -> None:
        self._events.discard(mid)
        self._receipts.pop(mid, lambda: None)()
        self._pump()

    def _refuse(self, mid: int, why: str) -> None:
        """The broker does not take a message: an event is kept for the next one."""
        self._counters["refused"] += 1
        self._faults.warn(f"{self._connection.broker}: refuses messages: {why}", kind="refused")
        if mid in self._events:
            self._connection.break_off()
        else:
            self._settle(mid)

    def _pump(self) -> None:
        if self._up:
            for key, message in self._outbox.take(self._connection.window):
                mid = self._send(message, partial(self._outbox.ack, key))
                self._events.add(mid)

    def _send_or_skip(self, message: Message) -> None:
        if not self._latest.offer(message):
            self._counters["stats_skipped"] += 1

    def _say_stopped(self, then: Callable[[], None]) -> None:
        self._latest.end(payload.status_message(self._identity, "stopped"), then)

    def _send(self, message: Message, receipt: Callable[[], None]) -> int:
        mid = self._connection.send(message)
        self._receipts[mid] = receipt
        return mid
