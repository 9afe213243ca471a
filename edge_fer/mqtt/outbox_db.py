"""Store queued messages on disk: the SQLite file of the outbox, and the clock that dates them.

One thread uses it at a time. WAL with synchronous=FULL: a row that `OutboxDb.save` has committed
survives a killed process and a power cut. The exclusive lock keeps a second process out, and is
released with this process, however that ends.
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

from edge_fer.mqtt.messages import Message

VERSION: Final = 2
"""SQLite's user_version of the tables below. A file of version 1 is upgraded to it."""
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
"""The tables in a file of each readable version, as SQLite stores their SQL."""


@dataclass(slots=True)
class QueuedMessage:
    """An event in the outbox."""

    key: int
    """Grows with time; never used twice in a file."""
    name: str
    """The event's id."""
    created: float
    """Seconds on `Outbox.clock`."""
    message: Message
    stored: bool = False


class OutboxDbError(Exception):
    """The file cannot be used now, or never if ``damaged``. One line, with the path."""

    def __init__(self, path: Path, text: str, *, damaged: bool = False) -> None:
        super().__init__(f"{path}: {text}")
        self.damaged = damaged


class OutboxDb:
    """Store rows in the file at ``path``, which is created if it is missing.

    Every method raises `OutboxDbError` if the file cannot be read or written.
    """

    CLOCK_ID: Final = time.CLOCK_BOOTTIME

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = self.bytes = 0
        """Number of rows, and the sum of their payloads in bytes."""
        self._boot = _boot_id()
        self._boot_s = self._clock_s = 0.0
        with self._errors():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            if 0 < path.stat().st_size < PAGE_BYTES:
                # SQLite would treat it as an empty one.
                raise OutboxDbError(path, "is truncated", damaged=True)
            # Opened on the main thread, used on the writer's.
            self._db = sqlite3.connect(
                path, timeout=BUSY_S, isolation_level=None, check_same_thread=False
            )
            # Damaged text must fail at its checksum, not here.
            self._db.text_factory = lambda value: value.decode(errors="surrogateescape")
        try:
            with self._errors():
                self._prepare()
        except OutboxDbError:
            self._db.close()
            raise

    @property
    def clock_offset_s(self) -> float:
        """Seconds to add to `CLOCK_ID` to get `clock`."""
        return self._clock_s - self._boot_s

    def clock(self) -> float:
        """Return the seconds that the device was on, over restarts and reboots.

        It is no wall clock: a jump must neither expire an event nor keep it forever. Seconds
        between the last commit and a reboot, and those without power, do not count.
        """
        return time.clock_gettime(self.CLOCK_ID) + self.clock_offset_s

    def next_key(self) -> int:
        """Return the first free key."""
        with self._errors():
            return 1 + int(self._db.execute("SELECT ifnull(max(key), 0) FROM event").fetchone()[0])

    def save(self, rows: Sequence[QueuedMessage]) -> None:
        """Insert ``rows`` in one commit, all or none."""
        with self._errors(), self._commit():
            self._db.executemany(_INSERT, map(to_columns, rows))
        self.rows += len(rows)
        self.bytes += sum(len(row.message.payload) for row in rows)

    def delete(self, keys: Iterable[int]) -> None:
        """Delete rows in one commit; ignore unknown keys."""
        freed: list[int] = []
        with self._errors(), self._commit():
            for key in keys:
                query = "DELETE FROM event WHERE key = ? RETURNING length(payload)"
                freed += [int(size) for (size,) in self._db.execute(query, (key,)).fetchall()]
        self.rows -= len(freed)
        self.bytes -= sum(freed)

    def purge(self, suffix: str) -> int:
        """Delete and overwrite all rows whose topic ends with ``suffix``; return their number."""
        with self._errors():
            with self._commit():
                which = "WHERE substr(topic, -length(?)) = ? RETURNING length(payload)"
                gone = self._db.execute(f"DELETE FROM event {which}", (suffix, suffix)).fetchall()
            # The write-ahead log still has the old content.
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        self.rows -= len(gone)
        self.bytes -= sum(int(size) for (size,) in gone)
        return len(gone)

    def load(self, after: int, limit: int) -> tuple[list[QueuedMessage], list[int]]:
        """Return the next rows after a key, oldest first, and the keys of damaged ones."""
        rows, damaged = [], []
        with self._errors():
            query = "SELECT * FROM event WHERE key > ? ORDER BY key LIMIT ?"
            for values in self._db.execute(query, (after, limit)):
                if values[-1] == checksum(values[:-1]):
                    rows.append(from_columns(values))
                else:
                    damaged.append(int(values[0]))
        return rows, damaged

    def oldest(self, limit: int, after: int = 0) -> list[tuple[int, int, float]]:
        """Return key, payload bytes and creation time of the oldest rows after a key."""
        with self._errors():
            query = (
                "SELECT key, length(payload), CAST(born AS REAL) FROM event "
                "WHERE key > ? ORDER BY key LIMIT ?"
            )
            return self._db.execute(query, (after, limit)).fetchall()

    def close(self) -> None:
        """Close and unlock the file."""
        with contextlib.suppress(sqlite3.Error):
            self._db.close()

    def _prepare(self) -> None:
        # Without a shared memory file, and locked against every other process.
        self._db.execute("PRAGMA locking_mode = EXCLUSIVE").fetchone()
        version = self._version()
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON"):
            self._db.execute(f"PRAGMA {pragma}").fetchone()
        found = self._db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise OutboxDbError(self.path, found.splitlines()[-1], damaged=True)
        self._db.execute("BEGIN IMMEDIATE")
        self._upgrade(version)
        self._db.execute("COMMIT")
        clock = self._db.execute("SELECT * FROM clock WHERE clock_s BETWEEN 0 AND 1e10").fetchall()
        if [tuple(map(type, row)) for row in clock] != [(str, float, float)]:
            raise OutboxDbError(self.path, "its clock cannot be read", damaged=True)
        ((boot, boot_s, self._clock_s),) = clock
        now = time.clock_gettime(self.CLOCK_ID)
        self._boot_s = boot_s if boot == self._boot and boot_s <= now else now
        count = "SELECT count(*), ifnull(sum(length(payload)), 0) FROM event"
        self.rows, self.bytes = self._db.execute(count).fetchone()

    def _version(self) -> int:
        """Return the file's version, 0 for a new one; leave another program's file untouched."""
        version = int(self._db.execute("PRAGMA user_version").fetchone()[0])
        found = {sql for (sql,) in self._db.execute("SELECT sql FROM sqlite_master")}
        if version > VERSION:
            text = f"has version {version} of a newer edge-fer; this one reads up to {VERSION}"
            raise OutboxDbError(self.path, text)
        if found != _TABLES.get(version, set()):
            raise OutboxDbError(self.path, "is a database, but not an outbox of edge-fer")
        return version

    def _upgrade(self, version: int) -> None:
        """Create the tables, or convert those of version 1, which had no checksums."""
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
            now = time.clock_gettime(self.CLOCK_ID)
            self._db.execute(
                "UPDATE clock SET boot = ?, boot_s = ?, clock_s = ?",
                (self._boot, now, self.clock()),
            )
            self._db.execute("COMMIT")
        except sqlite3.Error:
            # SQLite has already rolled back if the disk is full.
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            raise

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OutboxDbError(self.path, error.strerror or str(error)) from error
        except sqlite3.Error as error:
            # Busy, full and read-only raise subclasses; damage does not.
            raise OutboxDbError(self.path, str(error), damaged=_is_damage(error)) from error
        except (msgspec.DecodeError, UnicodeDecodeError, OverflowError) as error:
            raise OutboxDbError(self.path, str(error), damaged=True) from error


def to_columns(row: QueuedMessage) -> tuple[object, ...]:
    """Return the columns of a row, the last of them their checksum."""
    message = row.message
    properties = msgspec.json.encode(message.properties).decode()
    values = (
        row.key,
        row.name,
        float(row.created),
        message.topic,
        message.payload,
        message.qos,
        int(message.retain),
        message.content_type,
        properties,
    )
    return (*values, checksum(values))


def from_columns(
    values: tuple[int, str, float, str, bytes, int, int, str, str, int],
) -> QueuedMessage:
    """Return the row of these columns.

    Raises:
        msgspec.DecodeError: the properties are invalid.
    """
    key, name, created, topic, payload, qos, retain, content_type, properties, _ = values
    pairs = msgspec.json.decode(properties, type=tuple[tuple[str, str], ...])
    message = Message(topic, payload, qos, bool(retain), content_type, pairs)
    return QueuedMessage(key, name, created, message, stored=True)


def checksum(values: Sequence[object]) -> int:
    """Return the checksum of the other columns."""
    # SQLite detects damage to the structure of its pages, but not to the content of a cell.
    return zlib.crc32(repr(tuple(values)).encode())


def _is_damage(error: sqlite3.Error) -> bool:
    return type(error) is sqlite3.DatabaseError or "no such" in str(error)


def _boot_id() -> str:
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return "unknown"
