"""Keep events until the broker acknowledges them: bounded, first in first out.

A message leaves when the broker acknowledges it (PUBACK), or as the oldest when a limit is
reached. Each is counted, so that ``queued + resumed`` is the sum of ``acked``, all ``dropped_*``
and `len`.

The outbox is the account in memory. `outbox_writer` decides what is written to disk and when: it
takes messages with `unsaved` and reports with `mark_saved` and `add_loaded`. Without a writer
the outbox lives in memory only, and what it holds when the process ends is lost.

Messages are sent in the order of their keys: first those `_in_flight`, then `_cached` (on disk
and in memory), then those on disk only, then `_fresh` (in memory only). So no new message is
sent before all that are on disk.
"""

import dataclasses
import logging
import math
import os
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from edge_fer.config.settings import Mqtt
from edge_fer.mqtt.messages import Message
from edge_fer.mqtt.outbox_db import OutboxDb, QueuedMessage

CACHED_ROWS = 200
"""Most messages on disk that are in memory too."""
MEMORY_ROWS = 10_000
"""Most messages in memory only, if the disk does not take them."""
PUT_TIMEOUT_S = 1.0
"""Longest wait of `put` for a disk; a slower one exceeds the limit instead of delaying frames."""
MAX_SLEEP_S = 60.0
"""Longest sleep of the writer between two looks at the clock."""

_COUNTERS = (
    "queued",
    "sent",
    "acked",
    "stored",
    "resumed",
    "dropped_full",
    "dropped_bytes",
    "dropped_expired",
    "dropped_damaged",
    "dropped_barred",
)

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class OutboxLimits:
    """How many messages are kept, how large and for how long."""

    rows: int
    bytes: int = 100_000_000
    """Sum of the payloads."""
    age_s: float = 604_800.0
    unacked: int = 100
    """Most messages that are neither on disk nor acknowledged, while the disk works."""
    spill_after_s: float = 2.0
    """Longest time until a message is on disk or acknowledged."""

    def exceeded(self, age_s: float, rows: int, size: int) -> str:
        """Return the counter under which to drop the oldest message; empty to keep it.

        ``age_s`` is its age, ``rows`` and ``size`` are the count and bytes of all messages.
        """
        if age_s >= self.age_s:
            return "dropped_expired"
        if rows > self.rows:
            return "dropped_full"
        return "dropped_bytes" if size > self.bytes else ""


def outbox_limits(settings: Mqtt) -> OutboxLimits:
    """Return the limits of the settings."""
    return OutboxLimits(
        rows=settings.max_queued,
        bytes=settings.max_queued_mb * 1_000_000,
        age_s=settings.expire_s,
        unacked=settings.max_unacked,
        spill_after_s=settings.spill_after_s,
    )


def outbox_folder(settings: Mqtt, environ: Mapping[str, str] = os.environ) -> Path | None:
    """Return the folder for stored events by `mqtt.outbox`; None for memory only."""
    if settings.outbox == "memory":
        return None
    if settings.outbox:
        return Path(settings.outbox)
    # systemd separates several directories by colons.
    if given := environ.get("STATE_DIRECTORY", "").split(":")[0]:
        return Path(given)
    # Path.expanduser raises if this user has no home.
    home = environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")  # noqa: PTH111
    return Path(home) / "edge-fer"


class Outbox:
    """The queue of unacknowledged messages. Any thread may call every method."""

    def __init__(self, limits: OutboxLimits) -> None:
        self.limits = limits
        self.changed = threading.Condition()
        self.durable = False
        """True while the disk takes messages."""
        self._clock_id, self._clock_offset_s = time.CLOCK_MONOTONIC, 0.0
        self._next_key, self._held = 1, False
        self._in_flight: dict[int, QueuedMessage] = {}
        self._cached: dict[int, QueuedMessage] = {}
        self._on_disk = 0
        """Number of messages on disk only."""
        self._loaded_to = 0
        """Messages up to this key are not on disk only."""
        self._fresh: dict[int, QueuedMessage] = {}
        self._deletable: list[int] = []
        """Keys on disk whose messages are acknowledged or expired."""
        self._closing = False
        self._counters = dict.fromkeys(_COUNTERS, 0)

    def __len__(self) -> int:
        with self.changed:
            return self._size()

    def clock(self) -> float:
        """Return the seconds by which ages are measured."""
        return time.clock_gettime(self._clock_id) + self._clock_offset_s

    def put(self, message: Message, name: str = "") -> None:
        """Add an event; wait for the disk if `OutboxLimits.unacked` would be exceeded."""
        with self.changed:
            self._counters["queued"] += 1
            key = self._next_key
            self._next_key += 1
            self._fresh[key] = QueuedMessage(key, name, self.clock(), message)
            if self.unsaved_count() > min(self.limits.rows, MEMORY_ROWS):
                # A message in flight may well arrive; drop it only if there is no other.
                victims = self._fresh if len(self._fresh) > 1 else self._in_flight
                del victims[next(iter(victims))]
                self._counters["dropped_full"] += 1
            self.changed.notify_all()
            self.changed.wait_for(
                lambda: not self.durable or self.unsaved_count() <= self.limits.unacked,
                PUT_TIMEOUT_S,
            )

    def take(self, window: int) -> list[tuple[int, Message]]:
        """Return the next messages with their keys, so that at most ``window`` are in flight.

        Each message gets the seconds until it expires.
        """
        with self.changed:
            taken: list[tuple[int, Message]] = []
            while not self._held and len(self._in_flight) < window and (row := self._next()):
                left_s = self.limits.age_s - max(0.0, self.clock() - row.created)
                if left_s > 0:
                    self._in_flight[row.key] = row
                    expiry_s = math.ceil(left_s)
                    taken.append((row.key, dataclasses.replace(row.message, expiry_s=expiry_s)))
                else:
                    self._counters["dropped_expired"] += 1
                    self._forget(row)
            self._counters["sent"] += len(taken)
            if self.needs_load():
                self.changed.notify_all()
            return taken

    def ack(self, key: int) -> None:
        """Remove a message that the broker has acknowledged; ignore unknown keys."""
        with self.changed:
            if (row := self._in_flight.pop(key, None)) is not None:
                self._counters["acked"] += 1
                self._forget(row)
                self.changed.notify_all()
                logger.debug("accepted %s: acknowledged", row.name)

    def requeue(self) -> None:
        """Put back the messages in flight after a connection ended; `take` returns them first."""
        with self.changed:
            back, self._in_flight = self._in_flight, {}
            self.changed.notify_all()
            self._cached = {key: row for key, row in back.items() if row.stored} | self._cached
            self._fresh = {key: row for key, row in back.items() if not row.stored} | self._fresh

    def wait_empty(self, timeout_s: float) -> bool:
        """Wait until the outbox is empty; return False if ``timeout_s`` was not enough."""
        with self.changed:
            return self.changed.wait_for(lambda: not self._size(), timeout_s)

    def counters(self) -> dict[str, int]:
        """Return counts of events since the start; ``sent`` includes repeats."""
        with self.changed:
            return dict(self._counters)

    def unsaved_count(self) -> int:
        """Return the number of messages that would be lost with the process."""
        with self.changed:
            return len(self._fresh) + sum(not row.stored for row in self._in_flight.values())

    # The writer calls the methods below.

    def wait_for_work(self, wake_at: float, deleted_at: float | None = None) -> bool:
        """Block the writer until it has work or `clock` reaches ``wake_at``.

        With ``deleted_at``, the time of its last delete, the writer also wakes when messages are
        due to be saved, deleted or loaded. Return True if it should save all and end.
        """
        with self.changed:
            while not self._closing:
                due_at = wake_at if deleted_at is None else min(wake_at, self._due_at(deleted_at))
                pause_s = due_at - self.clock()
                if pause_s <= 0:
                    break
                self.changed.wait(min(pause_s, MAX_SLEEP_S))
            return self._closing

    def stop_writer(self) -> None:
        """Wake the writer for the last time."""
        with self.changed:
            self._closing = True
            self.changed.notify_all()

    def resume(self, db: OutboxDb) -> bool:
        """Take over the messages of earlier sessions from ``db``; they are sent first.

        Return False while messages are in flight. Nothing more is sent until the next call,
        since the acknowledgements to come name keys that are about to change.
        """
        with self.changed:
            self._held = bool(self._in_flight)
            if self._held:
                return False
            later_s, first = db.clock() - self.clock(), db.next_key()
            self._clock_id, self._clock_offset_s = db.CLOCK_ID, db.clock_offset_s
            self.durable = True
            self._fresh = dict(enumerate(self._fresh.values(), first))
            for key, row in self._fresh.items():
                row.key, row.created = key, row.created + later_s
            self._next_key = first + len(self._fresh)
            self._on_disk, self._loaded_to = db.rows, 0
            self._counters["resumed"] += db.rows
            return True

    def count_purged(self, rows: int) -> None:
        """Count messages of earlier sessions that were deleted because they may not be sent."""
        with self.changed:
            for name in ("resumed", "dropped_barred"):
                self._counters[name] += rows

    def has_in_flight(self) -> bool:
        """Return True if any message is sent but not acknowledged."""
        return bool(self._in_flight)

    def unsaved(self) -> list[QueuedMessage]:
        """Return the messages in memory only, oldest first."""
        with self.changed:
            rows = (*self._in_flight.values(), *self._fresh.values())
            return [row for row in rows if not row.stored]

    def mark_saved(self, rows: Sequence[QueuedMessage]) -> None:
        """Note that ``rows`` are committed; those acknowledged meanwhile become deletable."""
        with self.changed:
            self._counters["stored"] += len(rows)
            for row in rows:
                row.stored = True
                logger.debug("accepted %s: stored", row.name)
                waiting = self._fresh.pop(row.key, None)
                if waiting and (self._on_disk or len(self._cached) >= CACHED_ROWS):
                    self._on_disk += 1
                    continue
                self._loaded_to = row.key
                if waiting:
                    self._cached[row.key] = row
                elif row.key not in self._in_flight:
                    self._deletable.append(row.key)
            self.changed.notify_all()

    def needs_load(self) -> bool:
        """Return True if messages on disk should be loaded."""
        return bool(self._on_disk) and len(self._cached) < CACHED_ROWS // 2

    def loaded_to(self) -> int:
        """Return the key after which messages are to be loaded."""
        return self._loaded_to

    def add_loaded(self, rows: Sequence[QueuedMessage]) -> None:
        """Add the next messages from disk; an empty list means that there are no more."""
        with self.changed:
            self._cached.update((row.key, row) for row in rows)
            self._loaded_to = rows[-1].key if rows else self._loaded_to
            self._on_disk = max(0, self._on_disk - len(rows)) if rows else 0

    def take_deletable(self) -> list[int]:
        """Return keys on disk that are no longer needed, each once."""
        with self.changed:
            keys, self._deletable = self._deletable, []
        return keys

    def return_deletable(self, keys: Iterable[int]) -> None:
        """Put back keys that could not be deleted."""
        with self.changed:
            self._deletable += keys

    def drop(self, causes: Mapping[int, str]) -> list[int]:
        """Drop messages on disk, by key and counter; return the keys that are not in flight."""
        with self.changed:
            dropped = []
            for key, cause in causes.items():
                if key > self._loaded_to:
                    self._on_disk -= 1
                elif self._cached.pop(key, None) is None:
                    continue
                self._counters[cause] += 1
                dropped.append(key)
            return dropped

    def lose_disk(self) -> None:
        """Keep in memory only what is in memory; count the rest of a damaged file as dropped."""
        with self.changed:
            self._counters["dropped_damaged"] += self._on_disk
            self._on_disk, self._deletable = 0, []
            self._fresh = self._cached | self._fresh
            self._cached = {}
            for row in (*self._in_flight.values(), *self._fresh.values()):
                row.stored = False

    def _due_at(self, deleted_at: float) -> float:
        """Return when messages have to be saved, deleted or loaded."""
        if self._held:
            return math.inf if self._in_flight else -math.inf
        unsaved = self.unsaved()
        if self.needs_load() or len(unsaved) > self.limits.unacked:
            return -math.inf
        due_at = unsaved[0].created if unsaved else math.inf
        if self._deletable:
            due_at = min(due_at, deleted_at)
        return due_at + self.limits.spill_after_s

    def _next(self) -> QueuedMessage | None:
        source = self._cached or ({} if self._on_disk else self._fresh)
        return source.pop(next(iter(source))) if source else None

    def _forget(self, row: QueuedMessage) -> None:
        if row.stored:
            self._deletable.append(row.key)

    def _size(self) -> int:
        return len(self._in_flight) + len(self._cached) + self._on_disk + len(self._fresh)
