"""What the settings allow the outbox: how much, how long, and where.

Events between the main loop and the broker: bounded, first in first out.

A row leaves on the broker's receipt (PUBACK), or as the oldest when a bound is reached; either
is counted, so that ``queued + resumed`` is `acked`, all `dropped_*` and `len` together.

Here is the book of it, in memory. What a row costs on disk, and when it gets there, is decided
in `keeper`, which moves rows out with `unsaved` and `saved` and in again with `loaded`. Without
a keeper it is all there is, and what is here when the process ends is lost.

The order is that of the keys: first `_on_way` to the broker, then `_ahead` (on disk and here),
then what is on disk alone, then `_fresh` (here alone). So nothing fresh is sent before all that
is on disk.
"""

import dataclasses
import logging
import math
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from edge_fer.config.settings import Mqtt
from edge_fer.mqtt.message import Message
from edge_fer.mqtt.outbox_db import Row, Store


@dataclasses.dataclass(frozen=True, slots=True)
class Bounds:
    """How much is kept, and how long."""

    rows: int
    bytes: int = 100_000_000
    """Of payload."""
    age_s: float = 604_800.0
    unacked: int = 100
    """Most rows that neither disk nor broker has, while the disk works."""
    spill_after_s: float = 2.0
    """Longest time until a row is on disk, or at the broker."""

    def exceeded(self, age_s: float, rows: int, size: int) -> str:
        """The counter for the oldest of so many rows, which has to go; empty where it may stay."""
        if age_s >= self.age_s:
            return "dropped_expired"
        if rows > self.rows:
            return "dropped_full"
        return "dropped_bytes" if size > self.bytes else ""


def bounds(settings: Mqtt) -> Bounds:
    """The bounds that the settings name."""
    return Bounds(
        rows=settings.max_queued,
        bytes=settings.max_queued_mb * 1_000_000,
        age_s=settings.expire_s,
        unacked=settings.max_unacked,
        spill_after_s=settings.spill_after_s,
    )


def outbox_folder(settings: Mqtt, environ: Mapping[str, str] = os.environ) -> Path | None:
    """Where `mqtt.outbox` says that events are kept; None for memory alone."""
    if settings.outbox == "memory":
        return None
    if settings.outbox:
        return Path(settings.outbox)
    # systemd separates several directories by colons.
    if given := environ.get("STATE_DIRECTORY", "").split(":")[0]:
        return Path(given)
    # Path.expanduser raises where this user has no home.
    home = environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")  # noqa: PTH111
    return Path(home) / "edge-fer"


CACHED_ROWS = 200
"""Most rows on disk that are held in memory too."""
MEMORY_ROWS = 10_000
"""Most rows that are here alone, where the disk does not take them."""
PATIENCE_S = 1.0
"""Longest wait of `put` for a disk; a slower one costs the bound, not the next frame."""

logger = logging.getLogger(__name__)


class Outbox:
    """Every method may be called from any thread."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self.changed = threading.Condition()
        self.clock: Callable[[], float] = time.monotonic
        """Decides ages."""
        self.durable = False
        """The disk takes rows."""
        self._next_key, self._held = 1, False
        self._on_way: dict[int, Row] = {}
        self._ahead: dict[int, Row] = {}
        self._on_disk = 0
        self._read_to = 0
        """Rows up to this key are not on disk alone."""
        self._fresh: dict[int, Row] = {}
        self._done: list[int] = []
        names = (
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
        self._counters = dict.fromkeys(names, 0)

    def __len__(self) -> int:
        with self.changed:
            return self._size()

    def put(self, message: Message, name: str = "") -> None:
        """Add an event; waits for the disk where `Bounds.unacked` would be passed."""
        with self.changed:
            self._counters["queued"] += 1
            key = self._next_key
            self._next_key += 1
            self._fresh[key] = Row(key, name, self.clock(), message)
            if self.unsaved_count() > min(self.bounds.rows, MEMORY_ROWS):
                # What is on its way may well arrive; it is dropped only where nothing else is.
                victims = self._fresh if len(self._fresh) > 1 else self._on_way
                del victims[next(iter(victims))]
                self._counters["dropped_full"] += 1
            self.changed.notify_all()
            self.changed.wait_for(
                lambda: not self.durable or self.unsaved_count() <= self.bounds.unacked, PATIENCE_S
            )

    def take(self, window: int) -> list[tuple[int, Message]]:
        """Return the next messages with their keys, so that at most ``window`` are on their way.

        Each says in how many seconds it expires.
        """
        with self.changed:
            taken: list[tuple[int, Message]] = []
            while not self._held and len(self._on_way) < window and (row := self._next()):
                left_s = self.bounds.age_s - max(0.0, self.clock() - row.born)
                if left_s > 0:
                    self._on_way[row.key] = row
                    expiry_s = math.ceil(left_s)
                    taken.append((row.key, dataclasses.replace(row.message, expiry_s=expiry_s)))
                else:
                    self._counters["dropped_expired"] += 1
                    self._forget(row)
            self._counters["sent"] += len(taken)
            if self.lacking():
                self.changed.notify_all()
            return taken

    def ack(self, key: int) -> None:
        """Forget a message: the broker has it. Unknown keys are ignored."""
        with self.changed:
            if (row := self._on_way.pop(key, None)) is not None:
                self._counters["acked"] += 1
                self._forget(row)
                self.changed.notify_all()
                logger.debug("accepted %s: acknowledged", row.name)

    def rewind(self) -> None:
        """Put back what was on its way when a connection ended; `take` gives it again, first."""
        with self.changed:
            back, self._on_way = self._on_way, {}
            self.changed.notify_all()
            self._ahead = {key: row for key, row in back.items() if row.stored} | self._ahead
            self._fresh = {key: row for key, row in back.items() if not row.stored} | self._fresh

    def wait_empty(self, timeout_s: float) -> bool:
        """Wait until nothing is left; False when ``timeout_s`` was not enough."""
        with self.changed:
            return self.changed.wait_for(lambda: not self._size(), timeout_s)

    def counters(self) -> dict[str, int]:
        """What became of the events since the start, repeats counted in ``sent``."""
        with self.changed:
            return dict(self._counters)

    def unsaved_count(self) -> int:
        """Rows that would be lost with the process."""
        with self.changed:
            return len(self._fresh) + sum(not row.stored for row in self._on_way.values())

    # What follows is for the keeper.

    def resume(self, store: Store) -> bool:
        """Rows of earlier sessions are on disk; they come first.

        False while something is on its way. Nothing more is sent then until this was called
        again, for the receipts to come are known by keys that are to change.
        """
        with self.changed:
            self._held = bool(self._on_way)
            if self._held:
                return False
            later_s, first = store.clock() - self.clock(), store.next_key()
            self.clock, self.durable = store.clock, True
            self._fresh = dict(enumerate(self._fresh.values(), first))
            for key, row in self._fresh.items():
                row.key, row.born = key, row.born + later_s
            self._next_key = first + len(self._fresh)
            self._on_disk, self._read_to = store.rows, 0
            self._counters["resumed"] += store.rows
            return True

    def purged(self, rows: int) -> None:
        """So many of earlier sessions were on disk, and may not be sent."""
        with self.changed:
            for name in ("resumed", "dropped_barred"):
                self._counters[name] += rows

    def on_way(self) -> bool:
        """Some are on their way to the broker."""
        return bool(self._on_way)

    def unsaved(self) -> list[Row]:
        """Rows that are here alone, oldest first."""
        with self.changed:
            return [it for it in (*self._on_way.values(), *self._fresh.values()) if not it.stored]

    def saved(self, rows: Sequence[Row]) -> None:
        """These have been committed; a row acknowledged meanwhile is `done`."""
        with self.changed:
            self._counters["stored"] += len(rows)
            for row in rows:
                row.stored = True
                logger.debug("accepted %s: stored", row.name)
                waiting = self._fresh.pop(row.key, None)
                if waiting and (self._on_disk or len(self._ahead) >= CACHED_ROWS):
                    self._on_disk += 1
                    continue
                self._read_to = row.key
                if waiting:
                    self._ahead[row.key] = row
                elif row.key not in self._on_way:
                    self._done.append(row.key)
            self.changed.notify_all()

    def lacking(self) -> bool:
        """Rows on disk should be loaded."""
        return bool(self._on_disk) and len(self._ahead) < CACHED_ROWS // 2

    def read_to(self) -> int:
        """The key beyond which rows are to be loaded."""
        return self._read_to

    def loaded(self, rows: Sequence[Row]) -> None:
        """The next rows from disk; none at all when there are no more."""
        with self.changed:
            self._ahead.update((row.key, row) for row in rows)
            self._read_to = rows[-1].key if rows else self._read_to
            self._on_disk = max(0, self._on_disk - len(rows)) if rows else 0

    def has_done(self) -> bool:
        """Rows on disk are needed no more."""
        return bool(self._done)

    def done(self) -> list[int]:
        """Keys of rows on disk that are needed no more; each is told once."""
        with self.changed:
            done, self._done = self._done, []
        return done

    def undone(self, keys: Iterable[int]) -> None:
        """They could not be deleted; `done` tells them again."""
        with self.changed:
            self._done += keys

    def drop(self, causes: Mapping[int, str]) -> list[int]:
        """Give rows up that are on disk, by key and counter; returns those not on their way."""
        with self.changed:
            gone = []
            for key, cause in causes.items():
                if key > self._read_to:
                    self._on_disk -= 1
                elif self._ahead.pop(key, None) is None:
                    continue
                self._counters[cause] += 1
                gone.append(key)
            return gone

    def lose_disk(self) -> None:
        """The file was damaged: what is here is here alone again, the rest is lost."""
        with self.changed:
            self._counters["dropped_damaged"] += self._on_disk
            self._on_disk, self._done = 0, []
            self._fresh = self._ahead | self._fresh
            self._ahead = {}
            for row in (*self._on_way.values(), *self._fresh.values()):
                row.stored = False

    def _next(self) -> Row | None:
        source = self._ahead or ({} if self._on_disk else self._fresh)
        return source.pop(next(iter(source))) if source else None

    def _forget(self, row: Row) -> None:
        if row.stored:
            self._done.append(row.key)

    def _size(self) -> int:
        return len(self._on_way) + len(self._ahead) + self._on_disk + len(self._fresh)
