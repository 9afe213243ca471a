"""Reports to the broker: which of them become which messages, and what is heard of commands.

How messages get there is the business of `courier`.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

from edge_fer.config.settings import Mqtt
from edge_fer.mqtt import messages
from edge_fer.mqtt.aggregate import Summary
from edge_fer.mqtt.commands import Commands
from edge_fer.mqtt.homeassistant import Announcement
from edge_fer.mqtt.message import Message
from edge_fer.mqtt.messages import Identity
from edge_fer.mqtt.sender import Courier
from edge_fer.types import Event, Presence


class Publisher:
    """Publishes while its context lasts. ``on_enabled`` is called on paho's thread.

    Without a ``folder`` events that have no receipt are in memory alone. Without ``per_face``
    nothing leaves that is about a single face: no event, not even one that an earlier process
    has kept, and the state that a broker still shows is taken away.

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
        announcement: Announcement | None = None,
        per_face: bool = True,
    ) -> None:
        client_id = messages.client_id(identity.prefix, identity.device)
        will = messages.status_message(identity, "offline")
        self._identity = identity
        barred = "" if per_face else messages.EVENTS
        self._courier = Courier(settings, client_id, will, folder, barred)
        self._commands = Commands(identity, on_enabled, self._courier.answer)
        self._courier.listen(self._commands.topic, self._commands.receive)
        self._announcement = announcement
        if announcement is not None:
            self._courier.listen(announcement.birth_topic, self._welcome)
        self._per_face = per_face
        self._made = 0
        self._in_view: list[tuple[str, str]] | None = None

    def __enter__(self) -> "Publisher":
        self._courier.show(messages.status_message(self._identity, "online"))
        if self._announcement is not None:
            self._courier.show(self._announcement.message)
        if not self._per_face:
            self._courier.show(messages.no_state_message(self._identity))
        self._courier.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._courier.close(messages.status_message(self._identity, "stopped"))

    @property
    def undelivered(self) -> int:
        """Events lost with the end of the context, on disk nor at a broker."""
        return self._courier.undelivered

    @property
    def connected(self) -> bool:
        """A broker has accepted us, and is not known to be gone."""
        return self._courier.connected

    @property
    def durable(self) -> bool:
        """What no broker has yet is on disk, or will be in time."""
        return self._courier.durable

    def publish_event(self, event: Event, size: tuple[int, int]) -> None:
        """Queue an event for delivery; ``size`` is the frame's width and height in px."""
        assert self._per_face
        self._deliver(messages.event_message(self._identity, event, size, self._made + 1))

    def publish_aggregate(self, summary: Summary) -> None:
        """Queue the shares of an interval for delivery."""
        self._deliver(messages.aggregate_message(self._identity, summary, self._made + 1))

    def publish_state(
        self, present: Sequence[Presence], size: tuple[int, int], stamp: float
    ) -> None:
        """Show who is in view, if a face came, went or changed its emotion since last time."""
        assert self._per_face
        in_view = [(face.track, face.emotion) for face in present]
        if in_view != self._in_view:
            self._in_view = in_view
            self._courier.show(messages.state_message(self._identity, present, size, stamp))

    def publish_stats(self, numbers: Mapping[str, float], stamp: float) -> None:
        """Send numbers, the latest only; none are kept while no broker is there."""
        self._courier.offer(messages.stats_message(self._identity, numbers, stamp))

    def publish_enabled(self, enabled: bool) -> None:
        """Show whether the camera is open."""
        self._courier.show(messages.enabled_message(self._identity, enabled))

    def counters(self) -> dict[str, int]:
        """What became of messages and commands since the start; ``waiting`` alone can fall."""
        return {**self._courier.counters(), **self._commands.counters()}

    def _welcome(self, birth: Message) -> None:
        # A retained birth is an old one, and each connect shows the announcement anyway.
        if self._announcement is not None and birth.payload == b"online" and not birth.retain:
            self._courier.show_again(self._announcement.message.topic)

    def _deliver(self, message: Message) -> None:
        self._made += 1
        self._courier.deliver(message, f"{self._identity.session}-{self._made}")
