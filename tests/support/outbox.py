"""Helpers for tests of the outbox on disk: publishers and outboxes with a folder."""

import contextlib
import dataclasses
import json
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edge_fer.config.settings import Mqtt
from edge_fer.mqtt.messages import Message
from edge_fer.mqtt.outbox import Outbox, OutboxLimits
from edge_fer.mqtt.outbox_db import OutboxDb
from edge_fer.mqtt.outbox_writer import OutboxWriter
from edge_fer.mqtt.publisher import Publisher
from tests.support.mqtt import ME, send
from tests.support.wait import DEADLINE_S

NOWHERE = "mqtt://127.0.0.1:9"


def durable(url: str, folder: Path, session: str = "s1", **options: Any) -> Publisher:
    options = {"drain_s": 0.2, "spill_after_s": 0.05, **options}
    me = dataclasses.replace(ME, session=session)
    return Publisher(Mqtt(brokers=[url], **options), me, lambda _: None, folder=folder)


def names(folder: Path) -> list[str]:
    with contextlib.closing(OutboxDb(folder / "edge-fer-porch.db")) as store:
        return [row.name for row in store.load(0, 100_000)[0]]


def rows_of_copy(folder: Path) -> list[str] | None:
    """Return the names of the events in a copy of the outbox; None if it is corrupt."""
    with tempfile.TemporaryDirectory() as scratch:
        for file in folder.glob("*.db*"):
            shutil.copy(file, scratch)
        found = list(Path(scratch).glob("*.db"))
        if not found:
            return []
        with contextlib.closing(sqlite3.connect(found[0])) as db:
            try:
                if db.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
                    return None
                if not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                    return []
                return [name for (name,) in db.execute("SELECT name FROM event")]
            except sqlite3.DatabaseError:
                return None


def keep(folder: Path, count: int, session: str = "s1", **options: Any) -> None:
    """Leave that many events of a session behind, as a process without a broker would."""
    with durable(NOWHERE, folder, session, **options) as out:
        send(out, count)


def ids(inbox: Any, count: int) -> list[str]:
    seen: dict[str, None] = {}
    while len(seen) < count:
        seen[json.loads(inbox.get(timeout=DEADLINE_S).payload)["id"]] = None
    return list(seen)


@contextlib.contextmanager
def kept_outbox(path: Path, bounds: OutboxLimits) -> Iterator[tuple[Outbox, OutboxWriter]]:
    outbox = Outbox(bounds)
    writer = OutboxWriter(outbox, path, lambda: None)
    writer.open()
    try:
        yield outbox, writer
    finally:
        writer.close()


def fill(outbox: Outbox, count: int, payload: bytes = b"x" * 100) -> None:
    for number in range(count):
        outbox.put(Message("t", payload, 1, False), str(number))
