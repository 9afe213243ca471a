"""Topics of which only the latest message counts: a newer one replaces it, none is queued."""

from collections.abc import Callable

from edge_fer.delivery.message import Message

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
