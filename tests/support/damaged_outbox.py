"""Outbox files of another version and with damage, and what comes out of them."""

import contextlib
import random
import sqlite3
import threading
from pathlib import Path

from edge_fer.mqtt.messages import Message
from edge_fer.mqtt.outbox import Outbox, OutboxLimits
from edge_fer.mqtt.outbox_db import OutboxDb, QueuedMessage
from edge_fer.mqtt.outbox_writer import OutboxWriter
from tests.stress.publisher_process import TOPIC

ROWS = 50
"""Events in a file that exists before the start."""
ALL_READ, DROPPED = "read in full", "with rows dropped and counted"
MOVED, REFUSED = "refused as damaged and moved aside", "refused and left in place"


def create(path: Path, rows: int = ROWS) -> None:
    """Write an outbox with rows of a session "old"."""
    payload = '{{"session": "old", "seq": {}}}'
    with contextlib.closing(OutboxDb(path)) as store:
        clock = store.clock()
        messages = (
            Message(TOPIC, payload.format(n).encode(), 1, False) for n in range(1, rows + 1)
        )
        store.save(
            [QueuedMessage(n, f"old-{n}", clock, message) for n, message in enumerate(messages, 1)]
        )


def downgrade(path: Path) -> None:
    """Turn the file into one of version 1."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        (sql,) = db.execute("SELECT sql FROM sqlite_master WHERE name = 'event'").fetchone()
        db.execute("ALTER TABLE event RENAME TO new")
        db.execute(sql.replace(", checksum INTEGER NOT NULL", ""))
        db.execute(
            "INSERT INTO event SELECT key, name, born, topic, payload, qos, retain, "
            "content_type, properties FROM new"
        )
        db.execute("DROP TABLE new")
        db.execute("PRAGMA user_version = 1")


def damage(path: Path, dice: random.Random) -> None:
    """Overwrite, flip or cut parts of the file."""
    content = bytearray(path.read_bytes())
    for _ in range(dice.choice((1, 1, 3, 20))):
        at = dice.randrange(len(content))
        kind = dice.choice(("flip", "flip", "noise", "zero", "cut"))
        if kind == "flip":
            content[at] ^= 1 << dice.randrange(8)
        elif kind == "cut":
            del content[max(1, at) :]
        else:
            size = dice.choice((4, 64, 4096))
            content[at : at + size] = dice.randbytes(size) if kind == "noise" else bytes(size)
    path.write_bytes(content)


def open_damaged(number: int, path: Path) -> str:
    """Damage a file, read what is in it, and return how that ended.

    Raises:
        AssertionError: a message differs from what was written, or the writer's thread has died.
    """
    for old in path.parent.glob(f"{path.name}*"):
        old.unlink()
    create(path)
    with contextlib.closing(OutboxDb(path)) as store:
        written = {row.name: row.message for row in store.load(0, ROWS)[0]}
    damage(path, random.Random(number))
    dead: list[object] = []
    before, threading.excepthook = threading.excepthook, dead.append
    outbox = Outbox(OutboxLimits(rows=1000, spill_after_s=0.05))
    writer = OutboxWriter(outbox, path, lambda: None)
    writer.open()
    read = _drain(outbox)
    writer.close()
    threading.excepthook = before
    counters = {**outbox.counters(), **writer.counters()}
    assert not dead, f"{number}: the writer's thread died: {dead}"
    for name, message in read.items():
        same = (message.topic, message.payload, message.properties)
        assert same == (
            written[name].topic,
            written[name].payload,
            written[name].properties,
        ), number
    dropped = sum(counters[f"dropped_{why}"] for why in ("damaged", "expired", "full"))
    if counters["outbox_damaged"]:
        return MOVED
    if counters["outbox_faults"] and not counters["dropped_damaged"]:
        return REFUSED
    assert len(read) + dropped + len(outbox) == counters["resumed"], (number, counters)
    assert len(read) + dropped == ROWS, (number, len(read), counters)
    return DROPPED if dropped else ALL_READ


def _drain(outbox: Outbox) -> dict[str, Message]:
    """Take and acknowledge all messages; return them by the names of their events."""
    read: dict[str, Message] = {}
    with outbox.changed:
        outbox.changed.wait_for(lambda: outbox._cached or not len(outbox), 5)
    while batch := outbox.take(ROWS):
        for key, message in batch:
            read[outbox._in_flight[key].name] = message
            outbox.ack(key)
    return read
