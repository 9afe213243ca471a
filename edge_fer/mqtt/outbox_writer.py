"""Write the outbox to disk and load it again, on a separate thread.

A disk may take seconds to commit; neither the next frame nor the broker waits for it. A message
is written only if it has been unacknowledged for `OutboxLimits.spill_after_s`, or if too many
are. Then all go in one commit, since a commit costs an SD card the same for one row as for a
hundred. So with a broker that answers, nothing is written at all.

If the disk fails, at the start or later, the outbox continues in memory and the writer retries.
"""

import contextlib
import logging
import math
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from edge_fer.mqtt.log_once import LogOnce
from edge_fer.mqtt.outbox import CACHED_ROWS, Outbox
from edge_fer.mqtt.outbox_db import OutboxDb, OutboxDbError

RETRY_S: Final = 5.0
"""Pause after the disk failed."""
TRIM_S: Final = 60.0
"""How often expired rows are looked for while nothing else happens."""
PAGE: Final = 500
"""Rows examined at a time when some are dropped."""
CLOSE_S: Final = 5.0
"""Longest wait for the last commit."""

_CAUSES: Final = {
    "dropped_expired": "expired (mqtt.expire_s)",
    "dropped_full": "too many (mqtt.max_queued)",
    "dropped_bytes": "too large together (mqtt.max_queued_mb)",
}

logger = logging.getLogger(__name__)


class OutboxWriter:
    """Store an outbox in the file at ``path``, from `open` to `close`.

    Messages of earlier sessions on topics that end with ``purge_suffix`` are deleted, and so is
    a damaged file that an earlier session moved aside.
    ``on_loaded`` is called on the writer's thread when the outbox has more messages to send.
    """

    def __init__(
        self, outbox: Outbox, path: Path, on_loaded: Callable[[], None], purge_suffix: str = ""
    ) -> None:
        self._outbox, self._path = outbox, path
        self._on_loaded, self._purge_suffix = on_loaded, purge_suffix
        self._aside = path.with_name(f"{path.name}.damaged")
        self._db: OutboxDb | None = None
        self._resumed = False
        """The outbox knows what is in the file."""
        self._retry_at = self._trim_at = 0.0
        self._deleted_at = 0.0
        self._moved_aside = False
        """A damaged file was moved aside in this step."""
        self._fault_log = LogOnce(logger)
        self._drop_log = LogOnce(logger)
        self._counters = {"outbox_faults": 0, "outbox_damaged": 0}
        self._thread = threading.Thread(target=self._run, name="edge-fer-outbox", daemon=True)

    def open(self) -> None:
        """Find the messages of earlier sessions; if the file cannot be read, retry later."""
        self._step(closing=False)
        if self._moved_aside:
            self._step(closing=False)
        self._thread.start()

    def close(self) -> None:
        """Write what is unacknowledged; wait at most `CLOSE_S`."""
        self._outbox.stop_writer()
        self._thread.join(CLOSE_S)

    def counters(self) -> dict[str, int]:
        """Return counts of disk faults, and of damaged files that were moved aside."""
        return dict(self._counters)

    def _run(self) -> None:
        try:
            closing = False
            while not closing:
                closing = self._wait()
                self._step(closing)
            if self._db is not None:
                self._db.close()
        finally:
            # Whatever ended the thread, `Outbox.put` must not wait for it.
            self._outbox.durable = False

    def _wait(self) -> bool:
        """Wait until there is something to do; return True if it is the last time."""
        if self._retry_at > self._outbox.clock():
            return self._outbox.wait_for_work(self._retry_at)
        if self._db is None:
            return self._outbox.wait_for_work(-math.inf)
        if not self._resumed:
            busy = self._outbox.has_in_flight()
            return self._outbox.wait_for_work(math.inf if busy else -math.inf, self._deleted_at)
        trim_at = self._trim_at if self._db.rows else math.inf
        return self._outbox.wait_for_work(trim_at, self._deleted_at)

    def _step(self, closing: bool) -> None:
        self._moved_aside = False
        try:
            if not self._resumed and (self._outbox.unsaved_count() or not closing):
                self._resume(closing)
            if self._resumed and self._db:
                self._work(self._db, closing)
                self._outbox.durable = True
                self._fault_log.reset()
        except OutboxDbError as error:
            self._fail(error)

    def _resume(self, closing: bool) -> None:
        """Open the file, and let the outbox take over the messages in it."""
        self._db = self._db or OutboxDb(self._path)
        if self._purge_suffix:
            self._purge(self._db)
        if closing:
            # No acknowledgement comes any more.
            self._outbox.requeue()
        self._resumed = self._outbox.resume(self._db)
        self._retry_at = self._trim_at = self._deleted_at = 0.0
        if self._resumed:
            if self._db.rows:
                logger.info("%s: %d events of earlier sessions", self._path, self._db.rows)
            self._on_loaded()

    def _purge(self, db: OutboxDb) -> None:
        if rows := db.purge(self._purge_suffix):
            self._outbox.count_purged(rows)
            logger.warning("%s: %d stored events are deleted, not sent", self._path, rows)
        with contextlib.suppress(OSError):
            self._aside.unlink(missing_ok=True)

    def _work(self, db: OutboxDb, closing: bool) -> None:
        now, limits = self._outbox.clock(), self._outbox.limits
        if keys := self._outbox.take_deletable():
            self._delete(db, keys)
        self._deleted_at = now
        unsaved = self._outbox.unsaved()
        late = unsaved and now - unsaved[0].created >= limits.spill_after_s
        if unsaved and (closing or late or len(unsaved) > limits.unacked):
            db.save(unsaved)
            self._outbox.mark_saved(unsaved)
        self._trim(db)
        if self._outbox.needs_load() and not closing:
            self._load(db)
            self._on_loaded()

    def _load(self, db: OutboxDb) -> None:
        rows, damaged = db.load(self._outbox.loaded_to(), CACHED_ROWS)
        if damaged:
            self._counters["outbox_faults"] += 1
            logger.warning("%s: dropped %d damaged events", self._path, len(damaged))
            self._delete(db, self._outbox.drop(dict.fromkeys(damaged, "dropped_damaged")))
        if rows or not damaged:
            self._outbox.add_loaded(rows)

    def _delete(self, db: OutboxDb, keys: list[int]) -> None:
        try:
            db.delete(keys)
        except OutboxDbError:
            self._outbox.return_deletable(keys)
            raise

    def _trim(self, db: OutboxDb) -> None:
        """Drop the oldest rows while they are expired, too many or too large together."""
        limits, now = self._outbox.limits, self._outbox.clock()
        self._trim_at = now + TRIM_S
        rows, size, last = db.rows, db.bytes, 0
        if not rows:
            self._drop_log.reset()
        while page := db.oldest(PAGE, last):
            causes: dict[int, str] = {}
            for key, length, created in page:
                cause = limits.exceeded(now - created, rows, size)
                if not cause:
                    break
                causes[key] = cause
                rows, size, last = rows - 1, size - length, key
            if dropped := self._outbox.drop(causes):
                self._delete(db, dropped)
                self._drop_log.warn(f"{self._path}: {_summary(causes)}", kind="dropped")
            if len(causes) < len(page):
                return

    def _fail(self, error: OutboxDbError) -> None:
        """Log the error and go on: retry later, or start a new file if this one is damaged."""
        self._counters["outbox_faults"] += 1
        self._outbox.durable = False
        self._retry_at = self._outbox.clock() + RETRY_S
        with self._outbox.changed:
            self._outbox.changed.notify_all()
        if error.damaged:
            if self._db is not None:
                self._db.close()
            self._db, self._resumed = None, False
            self._outbox.lose_disk()
            try:
                self._move_aside(error)
            except OutboxDbError as failure:
                error = failure
            else:
                self._retry_at, self._moved_aside = 0.0, True
                return
        self._fault_log.warn(f"{error}; events wait in memory meanwhile", kind="disk")

    def _move_aside(self, error: OutboxDbError) -> None:
        try:
            self._path.replace(self._aside)
            for suffix in ("-wal", "-journal"):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        except OSError as failure:
            raise OutboxDbError(self._path, failure.strerror or str(failure)) from failure
        self._counters["outbox_damaged"] += 1
        logger.warning(
            "%s; moved to %s, its events are lost, starting a new file", error, self._aside
        )


def _summary(causes: Mapping[int, str]) -> str:
    counts = Counter(causes.values())
    listed = ", ".join(f"{count} {_CAUSES[cause]}" for cause, count in counts.items())
    return f"oldest events dropped: {listed}"
