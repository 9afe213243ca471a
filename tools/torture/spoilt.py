"""Outbox files of other versions and with damage, and what comes out of those."""

import contextlib
import random
import sqlite3
import threading
from pathlib import Path

from edge_fer.mqtt.messages import Message
from edge_fer.mqtt.outbox import Outbox, OutboxLimits
from edge_fer.mqtt.outbox_db import OutboxDb, QueuedMessage
from edge_fer.mqtt.outbox_writer import OutboxWriter
from tools.torture.mosquitto import TOPIC

KEPT = 50
"""Events in a file that is there ahead of the start."""


def make(path: Path, rows: int = KEPT) -> None:
    """An outbox with rows of a session "old"."""
    payload = '{{"session": "old", "seq": {}}}'
    with contextlib.closing(OutboxDb(path)) as store:
        store.save(
            [
                QueuedMessage(
                    n,
                    f"old-{n}",
                    store.clock(),
                    Message(TOPIC, payload.format(n).encode(), 1, False),
                )
                for n in range(1, rows + 1)
            ]
        )


def age(path: Path) -> None:
    """Make it what version 1 had."""
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


def spoil(path: Path, dice: random.Random) -> None:
    """Overwrite, flip, cut or lengthen some of it."""
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


def open_spoilt(number: int, path: Path) -> str:
    """Damage a file and take out what is in it; says what became of it.

    Raises:
        AssertionError: what came out is not what was put in, or the writer's thread has died.
    """
    for old in path.parent.glob(f"{path.name}*"):
        old.unlink()
    make(path)
    with contextlib.closing(OutboxDb(path)) as store:
        put = {row.name: row.message for row in store.load(0, KEPT)[0]}
    spoil(path, random.Random(number))
    dead: list[object] = []
    threading.excepthook = dead.append
    outbox = Outbox(OutboxLimits(rows=1000, spill_after_s=0.05))
    writer = OutboxWriter(outbox, path, lambda: None)
    writer.open()
    came: dict[str, Message] = {}
    with outbox.changed:
        outbox.changed.wait_for(lambda: outbox._cached or not len(outbox), 5)
    while batch := outbox.take(KEPT):
        for key, message in batch:
            came[outbox._in_flight[key].name] = message
            outbox.ack(key)
    writer.close()
    told = {**outbox.counters(), **writer.counters()}
    assert not dead, f"{number}: the writer's thread died: {dead}"
    for name, message in came.items():
        same = (message.topic, message.payload, message.properties)
        assert same == (put[name].topic, put[name].payload, put[name].properties), number
    gone = told["dropped_damaged"] + told["dropped_expired"] + told["dropped_full"]
    if told["outbox_damaged"]:
        return "refused as damaged, moved aside"
    if told["outbox_faults"] and not told["dropped_damaged"]:
        return "refused, left as it is"
    assert len(came) + gone + len(outbox) == told["resumed"], (number, len(came), told)
    assert len(came) + gone == KEPT, (number, len(came), told)
    return "rows dropped and counted" if gone else "all rows came out"
