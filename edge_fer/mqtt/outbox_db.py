"""A row of the outbox, in memory and as the columns of its table.

Rows on disk: the SQLite file behind the outbox, and the clock that dates them.

One thread uses it at a time. WAL with synchronous=FULL: a row that `save` returned for outlives
a killed process and a cut of the power. The exclusive lock keeps a second process out, and
ends with this one, however that ends.
"""

import contextlib
import os
import sqlite3
import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from edge_fer.mqtt.message import Message


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


def values_of(row: Row) -> tuple[object, ...]:
    """The columns, the last of them their checksum."""
    it = row.message
    properties = msgspec.json.encode(it.properties).decode()
    values = (
        row.key,
        row.name,
        float(row.born),
        it.topic,
        it.payload,
        it.qos,
        int(it.retain),
        it.content_type,
        properties,
    )
    return (*values, checksum(values))


def checksum(values: Sequence[object]) -> int:
    """That of the other columns."""
    # SQLite notices damage to its pages' structure, none to what is in a cell.
    return zlib.crc32(repr(tuple(values)).encode())


def row_of(values: tuple[int, str, float, str, bytes, int, int, str, str, int]) -> Row:
    """The row of these columns; a ``DecodeError`` where they are none."""
    key, name, born, topic, payload, qos, retain, content_type, properties, _ = values
    pairs = msgspec.json.decode(properties, type=tuple[tuple[str, str], ...])
    message = Message(topic, payload, qos, bool(retain), content_type, pairs)
    return Row(key, name, born, message, stored=True)


VERSION: Final = 2
"""SQLite's user_version of the tables below. A file of version 1 is brought up to it."""
BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
BUSY_S: Final = 1.0
PAGE_BYTES: Final = 4096

_COLUMNS: Final = (
    "key INTEGER PRIMARY KEY, name TEXT NOT NULL, born REAL NOT NULL, topic TEXT NOT NULL, "
    "payload BLOB NOT NULL, qos INTEGER NOT NULL, retain INTEGER NOT NULL, "
    "content_type TEXT NOT NULL, properties TEXT NOT NULL"
)
_EVENT: Final = f"CREATE TABLE event ({_COLUMNS}, checksum INTEGER NOT NULL)"
_CLOCK: Final = (
    "CREATE TABLE clock (boot TEXT NOT NULL, boot_s REAL NOT NULL, clock_s REAL NOT NULL)"
)
_INSERT: Final = "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

_TABLES: Final = {1: {f"CREATE TABLE event ({_COLUMNS})", _CLOCK}, VERSION: {_EVENT, _CLOCK}}
"""What is in a file of each version that can be read, as SQLite remembers it."""


class StoreError(Exception):
    """The file cannot be used now; ``damaged`` when it never can. One line, with the path."""

    def __init__(self, path: Path, text: str, *, damaged: bool = False) -> None:
        super().__init__(f"{path}: {text}")
        self.damaged = damaged


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
            if 0 < path.stat().st_size < PAGE_BYTES:
                # SQLite would take it for an empty one.
                raise StoreError(path, "is cut short", damaged=True)
            # Opened on the thread that starts, used on the one that writes.
            self._db = sqlite3.connect(
                path, timeout=BUSY_S, isolation_level=None, check_same_thread=False
            )
            # Damaged text is to fail at its checksum, not here.
            self._db.text_factory = lambda value: value.decode(errors="surrogateescape")
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

    def next_key(self) -> int:
        """The first key that is free."""
        with self._errors():
            return 1 + int(self._db.execute("SELECT ifnull(max(key), 0) FROM event").fetchone()[0])

    def save(self, rows: Sequence[Row]) -> None:
        """Commit ``rows``, all or none."""
        with self._errors(), self._commit():
            self._db.executemany(_INSERT, map(values_of, rows))
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

    def purge(self, ending: str) -> int:
        """Delete all rows whose topic ends so, and overwrite them; how many those were."""
        with self._errors():
            with self._commit():
                which = "WHERE substr(topic, -length(?)) = ? RETURNING length(payload)"
                gone = self._db.execute(f"DELETE FROM event {which}", (ending, ending)).fetchall()
            # The log still has what it said before.
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        self.rows -= len(gone)
        self.bytes -= sum(int(size) for (size,) in gone)
        return len(gone)

    def load(self, after: int, limit: int) -> tuple[list[Row], list[int]]:
        """The next rows beyond a key, oldest first, and the keys of those that are damaged."""
        rows, damaged = [], []
        with self._errors():
            query = "SELECT * FROM event WHERE key > ? ORDER BY key LIMIT ?"
            for values in self._db.execute(query, (after, limit)):
                if values[-1] == checksum(values[:-1]):
                    rows.append(row_of(values))
                else:
                    damaged.append(int(values[0]))
        return rows, damaged

    def oldest(self, limit: int, after: int = 0) -> list[tuple[int, int, float]]:
        """Key, bytes and birth of the oldest rows beyond a key."""
        with self._errors():
            query = (
                "SELECT key, length(payload), CAST(born AS REAL) FROM event "
                "WHERE key > ? ORDER BY key LIMIT ?"
            )
            return self._db.execute(query, (after, limit)).fetchall()

    def close(self) -> None:
        """Give the file back."""
        with contextlib.suppress(sqlite3.Error):
            self._db.close()

    def _prepare(self) -> None:
        # Without shared memory beside the file, and held against every other process.
        self._db.execute("PRAGMA locking_mode = EXCLUSIVE").fetchone()
        version = self._version()
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON"):
            self._db.execute(f"PRAGMA {pragma}").fetchone()
        found = self._db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise StoreError(self.path, found.splitlines()[-1], damaged=True)
        self._db.execute("BEGIN IMMEDIATE")
        self._bring_up(version)
        self._db.execute("COMMIT")
        clock = self._db.execute("SELECT * FROM clock WHERE clock_s BETWEEN 0 AND 1e10").fetchall()
        if [tuple(map(type, row)) for row in clock] != [(str, float, float)]:
            raise StoreError(self.path, "its clock cannot be read", damaged=True)
        ((boot, boot_s, self._clock_s),) = clock
        now = time.clock_gettime(time.CLOCK_BOOTTIME)
        self._boot_s = boot_s if boot == self._boot and boot_s <= now else now
        count = "SELECT count(*), ifnull(sum(length(payload)), 0) FROM event"
        self.rows, self.bytes = self._db.execute(count).fetchone()

    def _version(self) -> int:
        """That of the file, 0 for a new one; one that is not ours is refused, and untouched."""
        version = int(self._db.execute("PRAGMA user_version").fetchone()[0])
        found = {sql for (sql,) in self._db.execute("SELECT sql FROM sqlite_master")}
        if version > VERSION:
            text = f"is of version {version}, made by a newer edge-fer; this one knows {VERSION}"
            raise StoreError(self.path, text)
        if found != _TABLES.get(version, set()):
            raise StoreError(self.path, "is a database, but not an outbox of edge-fer")
        return version

    def _bring_up(self, version: int) -> None:
        """Make the tables, or take over those of version 1, which had no checksums."""
        if version == VERSION:
            return
        rows = self._db.execute("SELECT * FROM event").fetchall() if version else []
        first = ["DROP TABLE event"] if version else [_CLOCK, "INSERT INTO clock VALUES ('', 0, 0)"]
        for statement in (*first, _EVENT, f"PRAGMA user_version = {VERSION}"):
            self._db.execute(statement)
        self._db.executemany(_INSERT, [(*values, checksum(values)) for values in rows])

    @contextlib.contextmanager
    def _commit(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            now = time.clock_gettime(time.CLOCK_BOOTTIME)
            self._db.execute(
                "UPDATE clock SET boot = ?, boot_s = ?, clock_s = ?",
                (self._boot, now, self.clock()),
            )
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
        except (msgspec.DecodeError, UnicodeDecodeError, OverflowError) as error:
            raise StoreError(self.path, str(error), damaged=True) from error


def _is_damage(error: sqlite3.Error) -> bool:
    return type(error) is sqlite3.DatabaseError or "no such" in str(error)


def _boot_id() -> str:
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return "unknown"
