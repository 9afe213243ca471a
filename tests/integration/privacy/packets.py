"""Decode the bytes sent to a broker as MQTT 5 (OASIS MQTT 5.0, sections 2.1, 2.2.2, 3.3)."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

PUBLISH = 3
NAMES = {1: "CONNECT", 3: "PUBLISH", 4: "PUBACK", 8: "SUBSCRIBE", 12: "PINGREQ", 14: "DISCONNECT"}
"""Packets that the daemon has to send."""

_FIXED = {1: 1, 2: 4, 35: 2}
_TEXTS = (3, 8, 9)
PROPERTIES = {
    1: "format",
    2: "expiry",
    3: "content type",
    8: "response topic",
    9: "correlation",
    35: "topic alias",
    38: "user",
}
"""Properties that a PUBLISH may have."""


@dataclasses.dataclass(frozen=True)
class Packet:
    """One packet; only a PUBLISH has the last four fields."""

    kind: str
    size: int
    topic: str = ""
    payload: bytes = b""
    retain: bool = False
    properties: tuple[tuple[str, bytes], ...] = ()


def packets(stream: bytes) -> Iterator[Packet]:
    """Yield all packets, of one connection after the other.

    Raises:
        ValueError: something is not a packet of a client.
    """
    at = 0
    while at < len(stream):
        kind, retain = stream[at] >> 4, bool(stream[at] & 1)
        if kind not in NAMES:
            raise ValueError(f"no packet of a client at byte {at}: {stream[at : at + 20]!r}")
        length, body = _number(stream, at + 1)
        end = body + length
        if kind == PUBLISH:
            yield _publish(stream[body:end], bool(stream[at] & 6), retain, end - at)
        else:
            yield Packet(NAMES[kind], end - at)
        at = end


def _publish(body: bytes, numbered: bool, retain: bool, size: int) -> Packet:
    topic, at = _text(body, 0)
    length, at = _number(body, at + 2 * numbered)
    end, found = at + length, []
    while at < end:
        name = body[at]
        at += 1
        if name in _FIXED:
            value, at = body[at : at + _FIXED[name]], at + _FIXED[name]
        elif name in _TEXTS:
            value, at = _text(body, at)
        else:
            key, at = _text(body, at)
            text, at = _text(body, at)
            value = key + b"=" + text
        found.append((PROPERTIES[name], value))
    return Packet("PUBLISH", size, topic.decode(), body[end:], retain, tuple(found))


def _text(data: bytes, at: int) -> tuple[bytes, int]:
    end = at + 2 + int.from_bytes(data[at : at + 2], "big")
    return data[at + 2 : end], end


def _number(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
