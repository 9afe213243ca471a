"""A row of the outbox, in memory and as the columns of its table."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from edge_fer.delivery.message import Message


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
    values = (row.key, row.name, float(row.born), it.topic, it.payload, it.qos, int(it.retain),
              it.content_type, properties)  # fmt: skip
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
