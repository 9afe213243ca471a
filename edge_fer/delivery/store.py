"""Rows on disk: the SQLite file behind the outbox, and the clock that dates them.

One thread uses it at a time. WAL with synchronous=FULL: a row that `save` returned for outlives
a killed process and a cut of the power. The exclusive lock keeps a second process out, and
ends with this one, however that ends.
"""

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from edge_fer.delivery.message import Message

VERSION: Final = 1
"""SQLite's user_version of the tables below."""
BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
BUSY_S: Final = 1.0

_TABLES: Final = (
    "CREATE TABLE event ("
    "key INTEGER PRIMARY KEY, name TEXT NOT NULL, born REAL NOT NULL, topic TEXT NOT NULL, "
    "payload BLOB NOT NULL, qos INTEGER NOT NULL, retain INTEGER NOT NULL, "
    "content_type TEXT NOT NULL, properties TEXT NOT NULL)",
    "CREATE TABLE clock (boot TEXT NOT NULL, boot_s REAL NOT NULL, clock_s REAL NOT NULL)",
    "INSERT INTO clock VALUES ('', 0, 0)",
    f"PRAGMA user_version = {VERSION}",
)


class StoreError(Exception):
    """The file cannot be used now; ``damaged`` when it never can. One line, with the path."""

    def __init__(self, path: Path, text: str, *, damaged: bool = False) -> None:
        super().__init__(f"{path}: {text}")
        self.damaged = damaged


@dataclass(slots=True)
class Row:
    """An event as the outbox holds it."""

    key: int
    """Grows with age; never used twice in a file."""
    name: str
    """The event's id."""
    born: float
    """Seconds on `Store.clock`."""
    message: Message
    stored: bool = False


class Store:
    """Keeps rows in the file at ``path``, which is made where it is missing.

    Every method raises `StoreError` where the file cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = self.bytes = 0
        """Rows kept, and the sum of their payloads."""
        self._boot = _boot_id()
        self._boot_s = self._clock_s = 0.0
        with self._errors():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            # Opened on the thread that starts, used on the one that writes.
            self._db = sqlite3.connect(
                path, timeout=BUSY_S, isolation_level=None, check_same_thread=False
            )
        try:
            with self._errors():
                self._prepare()
        except StoreError:
            self._db.close()
            raise

    def clock(self) -> float:
        """Seconds that pass while the device is on, over restarts and reboots.

        No wall clock: one that jumps must neither expire an event nor keep it for ever. Seconds
        between the last commit and a reboot, and those without power, do not count.
        """
        return self._clock_s + time.clock_gettime(time.CLOCK_BOOTTIME) - self._boot_s

    def set_clock(self, seconds: float) -> None:
        """Have the clock go on from ``seconds``."""
        self._clock_s += seconds - self.clock()

    def next_key(self) -> int:
        """The first key that is free."""
        with self._errors():
            return 1 + int(self._db.execute("SELECT ifnull(max(key), 0) FROM event").fetchone()[0])

    def save(self, rows: Sequence[Row]) -> None:
        """Commit ``rows``, all or none."""
        with self._errors(), self._commit():
            self._db.executemany(
                "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", map(_values, rows)
            )
        self.rows += len(rows)
        self.bytes += sum(len(row.message.payload) for row in rows)

    def delete(self, keys: Iterable[int]) -> None:
        """Commit that rows are gone; unknown keys are ignored."""
        freed: list[int] = []
        with self._errors(), self._commit():
            for key in keys:
                query = "DELETE FROM event WHERE key = ? RETURNING length(payload)"
                freed += [int(size) for (size,) in self._db.execute(query, (key,)).fetchall()]
        self.rows -= len(freed)
        self.bytes -= sum(freed)

    def load(self, after: int, limit: int) -> list[Row]:
        """The next rows beyond a key, oldest first."""
        with self._errors():
            query = "SELECT * FROM event WHERE key > ? ORDER BY key LIMIT ?"
            return [_row(values) for values in self._db.execute(query, (after, limit))]

    def oldest(self, limit: int, after: int = 0) -> list[tuple[int, int, float]]:
        """Key, bytes and birth of the oldest rows beyond a key."""
        with self._errors():
            query = (
                "SELECT key, length(payload), born FROM event WHERE key > ? ORDER BY key LIMIT ?"
            )
            return self._db.execute(query, (after, limit)).fetchall()

    def close(self) -> None:
        """Give the file back."""
        with contextlib.suppress(sqlite3.Error):
            self._db.close()

    def _prepare(self) -> None:
        # Without shared memory beside the file, and held against every other process.
        self._db.execute("PRAGMA locking_mode = EXCLUSIVE").fetchone()
        new = self._is_new()
        for pragma in ("journal_mode = WAL", "synchronous = FULL"):
            self._db.execute(f"PRAGMA {pragma}").fetchone()
        self._db.execute("BEGIN IMMEDIATE")
        for statement in _TABLES if new else ():
            self._db.execute(statement)
        self._db.execute("COMMIT")
        found = self._db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise StoreError(self.path, found.splitlines()[-1], damaged=True)
        boot, boot_s, self._clock_s = self._db.execute("SELECT * FROM clock").fetchone()
        now = time.clock_gettime(time.CLOCK_BOOTTIME)
        self._boot_s = boot_s if boot == self._boot and boot_s <= now else now
        count = "SELECT count(*), ifnull(sum(length(payload)), 0) FROM event"
        self.rows, self.bytes = self._db.execute(count).fetchone()

    def _is_new(self) -> bool:
        """Whether there are no tables yet; a file that is not ours is refused, and untouched."""
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        tables = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if version > VERSION:
            text = f"is of version {version}, made by a newer edge-fer; this one knows {VERSION}"
            raise StoreError(self.path, text)
        if version == 0 and tables:
            raise StoreError(self.path, "is a database, but not an outbox of edge-fer")
        return not tables

    @contextlib.contextmanager
    def _commit(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            now = time.clock_gettime(time.CLOCK_BOOTTIME)
            self._db.execute("UPDATE clock SET boot = ?, boot_s = ?, clock_s = ?",
                             (self._boot, now, self.clock()))  # fmt: skip
            self._db.execute("COMMIT")
        except sqlite3.Error:
            # A disk that is full has rolled back already.
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            raise

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(self.path, error.strerror or str(error)) from error
        except sqlite3.Error as error:
            # Busy, full and read-only are of subclasses; damage is not.
            raise StoreError(self.path, str(error), damaged=_is_damage(error)) from error
        except msgspec.DecodeError as error:
            raise StoreError(self.path, str(error), damaged=True) from error


def _is_damage(error: sqlite3.Error) -> bool:
    return type(error) is sqlite3.DatabaseError or "no such" in str(error)


def _values(row: Row) -> tuple[object, ...]:
    it = row.message
    properties = msgspec.json.encode(it.properties).decode()
    return (row.key, row.name, row.born, it.topic, it.payload, it.qos, it.retain,
            it.content_type, properties)  # fmt: skip


def _row(values: tuple[int, str, float, str, bytes, int, int, str, str]) -> Row:
    key, name, born, topic, payload, qos, retain, content_type, properties = values
    pairs = msgspec.json.decode(properties, type=tuple[tuple[str, str], ...])
    message = Message(topic, payload, qos, bool(retain), content_type, pairs)
    return Row(key, name, born, message, stored=True)


def _boot_id() -> str:
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return "unknown"
