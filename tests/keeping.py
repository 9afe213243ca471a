"""What tests of the outbox on disk share: publishers and outboxes with a folder."""

import contextlib
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from talk import DEADLINE_S, ME, send

from edge_fer.config.settings import Mqtt
from edge_fer.mqtt.messages import Message
from edge_fer.mqtt.outbox import Outbox, OutboxLimits
from edge_fer.mqtt.outbox_db import OutboxDb
from edge_fer.mqtt.outbox_writer import OutboxWriter
from edge_fer.mqtt.publisher import Publisher

NOWHERE = "mqtt://127.0.0.1:9"


def durable(url: str, folder: Path, session: str = "s1", **options: Any) -> Publisher:
    options = {"drain_s": 0.2, "spill_after_s": 0.05, **options}
    me = dataclasses.replace(ME, session=session)
    return Publisher(Mqtt(brokers=[url], **options), me, lambda _: None, folder=folder)


def names(folder: Path) -> list[str]:
    with contextlib.closing(OutboxDb(folder / "edge-fer-porch.db")) as store:
        return [row.name for row in store.load(0, 100_000)[0]]


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
