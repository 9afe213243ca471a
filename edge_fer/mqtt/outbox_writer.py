"""Moves rows between the outbox and the disk, on a thread of its own.

A disk may take seconds to commit, and neither the next frame nor the broker waits for it. A row
is written only when it has been without a receipt for `Bounds.spill_after_s`, or when too many
are; then all go in one commit, since a commit costs an SD card the same for one row as for a
hundred. So with a broker that answers, nothing is written at all.

A disk that does not take rows costs what was said of it, and nothing else: the outbox goes on
in memory, and the disk is tried again, be it at the start or later.
"""

import contextlib
import logging
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from edge_fer.mqtt.log_once import Faults
from edge_fer.mqtt.outbox import CACHED_ROWS, Outbox
from edge_fer.mqtt.outbox_db import Store, StoreError

RETRY_S: Final = 5.0
"""Pause after the disk failed."""
TRIM_S: Final = 60.0
"""How often expired rows are looked for while nothing else happens."""
PAGE: Final = 500
"""Rows looked at in one go to drop some."""
CLOSE_S: Final = 5.0
"""Longest wait for the last commit."""

_WHY: Final = {
    "dropped_expired": "expired (mqtt.expire_s)",
    "dropped_full": "too many (mqtt.max_queued)",
    "dropped_bytes": "too large together (mqtt.max_queued_mb)",
}

logger = logging.getLogger(__name__)


class Keeper:
    """Keeps an outbox in the file at ``path`` from `open` to `close`.

    What earlier sessions have left on topics with the end ``barred`` is deleted, as are files
    of theirs that were damaged.
    ``more`` is called, on the keeper's thread, when the outbox has something new to take.
    """

    def __init__(
        self, outbox: Outbox, path: Path, more: Callable[[], None], barred: str = ""
    ) -> None:
        self._outbox, self._path, self._more, self._barred = outbox, path, more, barred
        self._aside = path.with_name(f"{path.name}.damaged")
        self._store: Store | None = None
        self._ready = False
        """The outbox knows what is in the store."""
        self._closing = False
        self._retry_at = self._trim_at = 0.0
        self._deleted_at = 0.0
        self._moved = False
        """A damaged file is out of the way."""
        self._faults = Faults(logger)
        self._losses = Faults(logger)
        self._counters = {"outbox_faults": 0, "outbox_damaged": 0}
        self._thread = threading.Thread(target=self._run, name="edge-fer-outbox", daemon=True)

    def open(self) -> None:
        """Find the rows of earlier sessions; where they cannot be read, that is tried again."""
        self._step(closing=False)
        if self._moved:
            self._step(closing=False)
        self._thread.start()

    def close(self) -> None:
        """Write what has no receipt yet; waits `CLOSE_S` at most."""
        with self._outbox.changed:
            self._closing = True
            self._outbox.changed.notify_all()
        self._thread.join(CLOSE_S)

    def counters(self) -> dict[str, int]:
        """Faults of the disk; ``outbox_damaged`` are the files that were moved aside."""
        return dict(self._counters)

    def _run(self) -> None:
        try:
            self._loop()
        finally:
            # Whatever ended it, nobody may wait for it.
            self._outbox.durable = False

    def _loop(self) -> None:
        closing = False
        while not closing:
            with self._outbox.changed:
                while not self._closing and (pause_s := self._pause()) > 0:
                    self._outbox.changed.wait(pause_s)
                closing = self._closing
            self._step(closing)
        if self._store is not None:
            self._store.close()

    def _step(self, closing: bool) -> None:
        self._moved = False
        try:
            if not self._ready and (self._outbox.unsaved_count() or not closing):
                self._take_in(closing)
            if self._ready and self._store:
                self._work(self._store, closing)
                self._outbox.durable = True
                self._faults.clear()
        except StoreError as error:
            self._fail(error)

    def _take_in(self, closing: bool) -> None:
        """Open the file, and have the outbox know what is in it."""
        self._store = self._store or Store(self._path)
        if self._barred:
            self._purge(self._store)
        if closing:
            # No receipt comes any more.
            self._outbox.rewind()
        self._ready = self._outbox.resume(self._store)
        self._retry_at = self._trim_at = self._deleted_at = 0.0
        if self._ready and self._store.rows:
            logger.info("%s: %d events of earlier sessions wait", self._path, self._store.rows)
        if self._ready:
            self._more()

    def _purge(self, store: Store) -> None:
        if gone := store.purge(self._barred):
            self._outbox.purged(gone)
            logger.warning("%s: %d events that were kept are deleted, not sent", self._path, gone)
        with contextlib.suppress(OSError):
            self._aside.unlink(missing_ok=True)

    def _pause(self) -> float:
        """Seconds until there is something to do; 0 and below for now."""
        now, bounds = self._outbox.clock(), self._outbox.bounds
        if self._retry_at > now:
            return self._retry_at - now
        if not self._ready or self._store is None:
            return RETRY_S if self._store and self._outbox.on_way() else 0
        unsaved = self._outbox.unsaved()
        if self._outbox.lacking() or len(unsaved) > bounds.unacked:
            return 0
        due = [self._trim_at] if self._store.rows else [now + TRIM_S]
        if unsaved:
            due.append(unsaved[0].born + bounds.spill_after_s)
        if self._outbox.has_done():
            due.append(self._deleted_at + bounds.spill_after_s)
        return min(due) - now

    def _work(self, store: Store, closing: bool) -> None:
        now, bounds = self._outbox.clock(), self._outbox.bounds
        if done := self._outbox.done():
            self._delete(store, done)
        self._deleted_at = now
        unsaved = self._outbox.unsaved()
        late = unsaved and now - unsaved[0].born >= bounds.spill_after_s
        if unsaved and (closing or late or len(unsaved) > bounds.unacked):
            store.save(unsaved)
            self._outbox.saved(unsaved)
        self._trim(store)
        if self._outbox.lacking() and not closing:
            self._load(store)
            self._more()

    def _load(self, store: Store) -> None:
        rows, damaged = store.load(self._outbox.read_to(), CACHED_ROWS)
        if damaged:
            self._counters["outbox_faults"] += 1
            logger.warning("%s: %d events are damaged, and dropped", self._path, len(damaged))
            self._delete(store, self._outbox.drop(dict.fromkeys(damaged, "dropped_damaged")))
        if rows or not damaged:
            self._outbox.loaded(rows)

    def _delete(self, store: Store, keys: list[int]) -> None:
        try:
            store.delete(keys)
        except StoreError:
            self._outbox.undone(keys)
            raise

    def _trim(self, store: Store) -> None:
        """Drop the oldest rows while they are expired, too many or too large together."""
        bounds, now = self._outbox.bounds, self._outbox.clock()
        self._trim_at = now + TRIM_S
        rows, size, last = store.rows, store.bytes, 0
        if not rows:
            self._losses.clear()
        while page := store.oldest(PAGE, last):
            causes: dict[int, str] = {}
            for key, length, born in page:
                cause = bounds.exceeded(now - born, rows, size)
                if not cause:
                    break
                causes[key] = cause
                rows, size, last = rows - 1, size - length, key
            if gone := self._outbox.drop(causes):
                self._delete(store, gone)
                self._losses.warn(f"{self._path}: {_losses(causes)}", kind="dropped")
            if len(causes) < len(page):
                return

    def _fail(self, error: StoreError) -> None:
        """Say so, and go on: with the same file later, or with a new one if it is damaged."""
        self._counters["outbox_faults"] += 1
        self._outbox.durable = False
        self._retry_at = self._outbox.clock() + RETRY_S
        with self._outbox.changed:
            self._outbox.changed.notify_all()
        if error.damaged:
            if self._store is not None:
                self._store.close()
            self._store, self._ready = None, False
            self._outbox.lose_disk()
            try:
                self._move_aside(error)
            except StoreError as failure:
                error = failure
            else:
                self._retry_at, self._moved = 0.0, True
                return
        self._faults.warn(f"{error}; events wait in memory meanwhile", kind="disk")

    def _move_aside(self, error: StoreError) -> None:
        try:
            self._path.replace(self._aside)
            for suffix in ("-wal", "-journal"):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        except OSError as failure:
            raise StoreError(self._path, failure.strerror or str(failure)) from failure
        self._counters["outbox_damaged"] += 1
        logger.warning(
            "%s; moved to %s, its events are lost, a new one is begun", error, self._aside
        )


def _losses(causes: Mapping[int, str]) -> str:
    counts = Counter(causes.values())
    told = ", ".join(f"{count} {_WHY[cause]}" for cause, count in counts.items())
    return f"oldest events dropped: {told}"
