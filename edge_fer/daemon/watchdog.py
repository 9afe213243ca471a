"""What every stage last did, or what it waits for; systemd's watchdog hears of nothing else.

A stage is in order while it has made a step within its limit, or is in a named wait that has
not outlasted its bound. Only then is the watchdog fed, and only from the main loop, so a stage
that hangs the loop itself is not covered up either (docs/adr/0014-watchdog-by-progress.md).

Whether delivery gets on: the broker's receipts come, or it is known to be away.
"""

import math
import time
from collections.abc import Callable

from edge_fer.daemon.systemd import Notifier
from edge_fer.mqtt.publisher import Publisher

WORKING = "watching"
"""The status without any wait or note."""


class Watch:
    """Keeps the stages and tells systemd: READY once, STATUS on change, WATCHDOG by progress.

    It is READY when the stage ``first`` has made its first step or is in a named wait.
    """

    def __init__(
        self, notifier: Notifier, *, first: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._notifier, self._first, self._clock = notifier, first, clock
        self._until: dict[str, float] = {}
        self._waits: dict[str, str] = {}
        self._notes: dict[str, str] = {}
        self._ready = False
        self._told = ""

    def step(self, stage: str, within_s: float = math.inf) -> None:
        """The stage got on; it has ``within_s`` seconds for its next step."""
        self._waits.pop(stage, None)
        self._until[stage] = self._clock() + within_s

    def wait(self, stage: str, why: str, within_s: float) -> None:
        """The stage waits for what ``why`` names, for ``within_s`` seconds from the first call.

        A wait of the same name is the same wait, so calling again does not prolong it.
        """
        if self._waits.get(stage) != why:
            self._waits[stage] = why
            self._until[stage] = self._clock() + within_s

    def note(self, topic: str, text: str) -> None:
        """Add to the status; an empty text takes it back."""
        self._notes[topic] = text

    @property
    def late(self) -> list[str]:
        """The stages that neither got on in time nor are in a wait that still holds."""
        now = self._clock()
        return [stage for stage, until in self._until.items() if now > until]

    @property
    def status(self) -> str:
        """One line: the waits, that of the first stage first, else that all is well; the notes."""
        stages = sorted(self._waits, key=lambda stage: stage != self._first)
        notes = [text for text in self._notes.values() if text]
        return "; ".join([*([self._waits[stage] for stage in stages] or [WORKING]), *notes])

    def tick(self) -> None:
        """Tell systemd; to be called at least once a second while all is well."""
        if self._first not in self._until:
            return
        status = self.status
        if not self._ready:
            self._ready = True
            self._notifier.ready(status)
        elif status != self._told:
            self._notifier.status(status)
        self._told = status
        if not self.late:
            self._notifier.alive()

    def reloading(self) -> None:
        """The configuration is read again; `reloaded` is to follow."""
        self._notifier.reloading()

    def reloaded(self) -> None:
        """The reload is over, whatever came of it."""
        if self._ready:
            self._notifier.ready(self.status)

    def stopping(self) -> None:
        """The service is about to end."""
        self._notifier.stopping()


STAGE = "delivery"

AWAY = "no broker answers; events are kept"

RECEIPT_S = 180.0
"""With a broker there and events waiting, the longest time without a receipt."""

_LOOK_S = 1.0


class Receipts:
    """Tells the watch what became of the events."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._due = -math.inf
        self._before = (False, -1)

    def look(self, publisher: Publisher, now: float) -> None:
        """Look at the counters, once a second at most; ``now`` is monotonic."""
        if now < self._due:
            return
        self._due = now + _LOOK_S
        numbers = publisher.counters()
        state = (publisher.connected, numbers["acked"])
        if not publisher.connected:
            # The outbox takes what comes and bounds what it keeps, however long this lasts.
            self._watch.wait(STAGE, AWAY, math.inf)
        elif state != self._before or not numbers["waiting"]:
            self._watch.step(STAGE, within_s=RECEIPT_S)
        self._before = state
