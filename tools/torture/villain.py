"""A server that answers as no broker should: each connection plays a role drawn by lot."""

import contextlib
import os
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator

CONNACK_V5 = (
    0x80,
    0x81,
    0x82,
    0x83,
    0x84,
    0x85,
    0x86,
    0x87,
    0x88,
    0x89,
    0x8A,
    0x8C,
    0x90,
    0x95,
    0x97,
    0x99,
    0x9A,
    0x9B,
    0x9C,
    0x9D,
    0x9F,
)
CONNACK_V3 = (1, 2, 3, 4, 5)
PUBACK = (0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99)
DISCONNECT = (
    0x80,
    0x81,
    0x82,
    0x83,
    0x87,
    0x89,
    0x8B,
    0x8D,
    0x8E,
    0x93,
    0x95,
    0x96,
    0x97,
    0x98,
    0x9C,
    0x9D,
)
"""Reason codes of MQTT 5, chapters 3.2.2.2, 3.4.2.1 and 3.14.2.1, and of MQTT 3.1.1, 3.2.2.3."""
BANNERS = (
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
    b"SSH-2.0-OpenSSH_9.2\r\n",
    b"\x15\x03\x03\x00\x02\x02\x28",
    b"220 mail ESMTP\r\n",
    b"\x30\xff\xff\xff\xff\x7f",
    b"\x20\x02",
    b"\x40\x02\x00\x01",
    b"\xd0\x00",
)
"""Other protocols; a remaining length that is too long; half a CONNACK; answers to no question."""
LINGER_S = 0.5

Role = Callable[["Villain", socket.socket], None]
"""Deals with a connection."""


class Villain:
    """Listens on ``port``; ``target`` is the real broker's port, for those roles that relay."""

    def __init__(self, target: int, dice: random.Random, roles: "tuple[Role, ...] | None" = None):
        self.target, self.dice = target, dice
        self.roles = roles or ROLES
        self.deeds: Counter[str] = Counter()
        self.times: list[float] = []
        """Of each connection, on the monotonic clock."""
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"mqtt://127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more."""
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                connection.settimeout(LINGER_S)
                self.times.append(time.monotonic())
                threading.Thread(target=self._play, args=(connection,), daemon=True).start()

    def _play(self, connection: socket.socket) -> None:
        role = self.dice.choice(self.roles)
        self.deeds[role.__name__.replace("_", " ")] += 1
        with contextlib.suppress(OSError, StopIteration):
            role(self, connection)
        connection.close()


def packets(connection: socket.socket) -> Iterator[bytes]:
    """Whole MQTT packets that come in."""
    data = b""
    while chunk := connection.recv(65536):
        data += chunk
        while (size := _size(data)) and len(data) >= size:
            yield data[:size]
            data = data[size:]


def _size(data: bytes) -> int:
    """Of the first packet, 0 where that is not known yet."""
    size = 0
    for at, byte in enumerate(data[1:5]):
        size |= (byte & 127) << (7 * at)
        if byte < 128:
            return size + at + 2
    return 0


def _greet(connection: socket.socket) -> tuple[Iterator[bytes], bool]:
    """Read CONNECT and accept; returns what comes then, and whether it speaks MQTT 5."""
    coming = packets(connection)
    five = _is_five(next(coming))
    connection.sendall(b"\x20\x03\x00\x00\x00" if five else b"\x20\x02\x00\x00")
    return coming, five


def _is_five(connect: bytes) -> bool:
    return connect[connect.index(b"MQTT") + 4] == 5


def hang_up(_villain: Villain, _connection: socket.socket) -> None:
    """Close at once."""


def never_answer(_villain: Villain, connection: socket.socket) -> None:
    """Listen, and say nothing."""
    for _ in packets(connection):
        pass


def babble(villain: Villain, connection: socket.socket) -> None:
    """Send random bytes instead of CONNACK, and go on for a while."""
    for _ in range(villain.dice.randint(1, 20)):
        connection.sendall(os.urandom(villain.dice.randint(1, 2000)))
    next(packets(connection), b"")


def speak_another_protocol(villain: Villain, connection: socket.socket) -> None:
    """Send what is no answer to CONNECT."""
    connection.sendall(villain.dice.choice(BANNERS))
    next(packets(connection), b"")


def refuse(villain: Villain, connection: socket.socket) -> None:
    """CONNACK with one of the reason codes."""
    if _is_five(next(packets(connection))):
        code = villain.dice.choice(CONNACK_V5)
        connection.sendall(bytes([0x20, 3, 0, code, 0]))
    else:
        connection.sendall(bytes([0x20, 2, 0, villain.dice.choice(CONNACK_V3)]))


def accept_and_hang_up(_villain: Villain, connection: socket.socket) -> None:
    """CONNACK, then close."""
    _greet(connection)


def accept_and_babble(villain: Villain, connection: socket.socket) -> None:
    """CONNACK, then random bytes."""
    _greet(connection)
    # 0x4. begins a receipt; a random one would be a lie that nobody could see through.
    noise = bytes(one for one in os.urandom(villain.dice.randint(1, 500)) if one >> 4 != 4)
    connection.sendall(bytes([villain.dice.choice((0x00, 0xF0, 0x60, 0x90, 0x31))]) + noise)


def refuse_messages(villain: Villain, connection: socket.socket) -> None:
    """Answer each message with a PUBACK that refuses it."""
    coming, five = _greet(connection)
    for packet in coming:
        if packet[0] >> 4 == 3:
            connection.sendall(_receipt(packet, villain.dice.choice(PUBACK) if five else None))


def send_away(villain: Villain, connection: socket.socket) -> None:
    """Take some, acknowledge none, then DISCONNECT with a reason."""
    coming, five = _greet(connection)
    for _ in range(villain.dice.randint(0, 5)):
        next(coming, b"")
    if five:
        connection.sendall(bytes([0xE0, 2, villain.dice.choice(DISCONNECT), 0]))


def acknowledge_what_was_not_sent(_villain: Villain, connection: socket.socket) -> None:
    """Receipts for numbers that are not in use."""
    _greet(connection)
    connection.sendall(b"".join(bytes([0x40, 2, 0xEA, low]) for low in range(50)))


def cut_short(villain: Villain, connection: socket.socket) -> None:
    """Relay the real broker, and close in the middle of what it says."""
    _relay(villain, connection, villain.dice.randint(1, 200))


def relay(villain: Villain, connection: socket.socket) -> None:
    """Be the real broker."""
    _relay(villain, connection, 1 << 40)


def _receipt(publish: bytes, code: int | None) -> bytes:
    at = 2
    while publish[at - 1] >= 128:
        at += 1
    at += 2 + int.from_bytes(publish[at : at + 2], "big")
    number = publish[at : at + 2]
    # MQTT 3.1.1 has no reasons; only a broker that hangs up refuses there.
    return b"" if code is None else bytes([0x40, 3]) + number + bytes([code])


def _relay(villain: Villain, near: socket.socket, most: int) -> None:
    """Carry both ways; ``most`` bytes of what the broker says, and for a few seconds."""
    with socket.create_connection(("127.0.0.1", villain.target)) as far:
        ahead = threading.Thread(target=_carry, args=(near, far, 1 << 40), daemon=True)
        ahead.start()
        far.settimeout(LINGER_S)
        _carry(far, near, most)


def _carry(source: socket.socket, sink: socket.socket, most: int) -> None:
    with contextlib.suppress(OSError):
        while most > 0 and (data := source.recv(min(most, 4096))):
            sink.sendall(data)
            most -= len(data)
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


ROLES: tuple[Role, ...] = (
    hang_up,
    never_answer,
    babble,
    speak_another_protocol,
    refuse,
    accept_and_hang_up,
    accept_and_babble,
    refuse_messages,
    send_away,
    acknowledge_what_was_not_sent,
    cut_short,
)
