"""Feed systemd's watchdog only while every stage makes progress.

A stage is in order while it made progress within its limit, or is in a named wait that has not
exceeded its bound. Only the main loop feeds the watchdog, so a stage that blocks the loop itself
is detected too (docs/adr/0014-watchdog-by-progress.md).
"""

import math
import time
from collections.abc import Callable

from edge_fer.daemon.systemd import Notifier
from edge_fer.mqtt.publisher import Publisher

WORKING = "watching"
"""Status without any wait or note."""


class Watchdog:
    """Tracks the stages and notifies systemd: READY once, STATUS on change, WATCHDOG by progress.

    The service is READY once the stage ``first`` has made progress or is in a named wait.
    """

    def __init__(
        self, notifier: Notifier, *, first: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._notifier, self._first, self._clock = notifier, first, clock
        self._until: dict[str, float] = {}
        self._waits: dict[str, str] = {}
        self._notes: dict[str, str] = {}
        self._ready = False
        self._sent_status = ""

    def progress(self, stage: str, within_s: float = math.inf) -> None:
        """Record progress of the stage; its next progress is due within ``within_s`` seconds."""
        self._waits.pop(stage, None)
        self._until[stage] = self._clock() + within_s

    def wait(self, stage: str, why: str, within_s: float) -> None:
        """Put the stage into a named wait for ``within_s`` seconds from the first call.

        Calling it again with the same ``why`` does not extend the wait.
        """
        if self._waits.get(stage) != why:
            self._waits[stage] = why
            self._until[stage] = self._clock() + within_s

    def note(self, topic: str, text: str) -> None:
        """Add a note to the status; an empty text removes it."""
        self._notes[topic] = text

    @property
    def overdue(self) -> list[str]:
        """Stages without progress in time whose wait, if any, exceeded its bound."""
        now = self._clock()
        return [stage for stage, until in self._until.items() if now > until]

    @property
    def status(self) -> str:
        """One line: the waits, the first stage's first, or `WORKING`; then the notes."""
        stages = sorted(self._waits, key=lambda stage: stage != self._first)
        notes = [text for text in self._notes.values() if text]
        return "; ".join([*([self._waits[stage] for stage in stages] or [WORKING]), *notes])

    def tick(self) -> None:
        """Notify systemd; call it at least once a second while the service is healthy."""
        if self._first not in self._until:
            return
        status = self.status
        if not self._ready:
            self._ready = True
            self._notifier.ready(status)
        elif status != self._sent_status:
            self._notifier.status(status)
        self._sent_status = status
        if not self.overdue:
            self._notifier.alive()

    def reloading(self) -> None:
        """Notify systemd that a reload begins; call `reloaded` afterwards."""
        self._notifier.reloading()

    def reloaded(self) -> None:
        """Notify systemd that the reload is over, whether it succeeded or not."""
        if self._ready:
            self._notifier.ready(self.status)

    def stopping(self) -> None:
        """Notify systemd that the service is about to end."""
        self._notifier.stopping()


STAGE = "delivery"

OFFLINE = "no broker reachable; events are queued"

ACK_S = 180.0
"""Longest time without an acknowledgement while a broker is connected and events are waiting."""

_CHECK_S = 1.0


class DeliveryMonitor:
    """Reports the progress of delivery, acknowledged events, to the watchdog."""

    def __init__(self, watchdog: Watchdog) -> None:
        self._watchdog = watchdog
        self._due = -math.inf
        self._before = (False, -1)

    def check(self, publisher: Publisher, now: float) -> None:
        """Compare the counters with the previous ones, at most once a second.

        ``now`` is in monotonic seconds.
        """
        if now < self._due:
            return
        self._due = now + _CHECK_S
        numbers = publisher.counters()
        state = (publisher.connected, numbers["acked"])
        if not publisher.connected:
            # The outbox accepts new events and bounds what it keeps, so this wait has no bound.
            self._watchdog.wait(STAGE, OFFLINE, math.inf)
        elif state != self._before or not numbers["waiting"]:
            self._watchdog.progress(STAGE, within_s=ACK_S)
        self._before = state
