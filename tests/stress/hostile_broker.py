"""A server that violates MQTT: each connection plays a randomly chosen role."""

import contextlib
import os
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator

CONNACK_V5 = bytes.fromhex("80 81 82 83 84 85 86 87 88 89 8a 8c 90 95 97 99 9a 9b 9c 9d 9f")
CONNACK_V3 = (1, 2, 3, 4, 5)
PUBACK = bytes.fromhex("80 83 87 90 91 97 99")
DISCONNECT = bytes.fromhex("80 81 82 83 87 89 8b 8d 8e 93 95 96 97 98 9c 9d")
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
"""Other protocols; a remaining length that is too long; half a CONNACK; unsolicited answers."""
LINGER_S = 0.5

Role = Callable[["HostileBroker", socket.socket], None]
"""Handles a connection."""


class HostileBroker:
    """Listens on a free port; ``target`` is the real broker's port, for the roles that relay."""

    def __init__(self, target: int, dice: random.Random, roles: "tuple[Role, ...] | None" = None):
        self.target, self.dice = target, dice
        self.roles = roles or ROLES
        self.played: Counter[str] = Counter()
        self.times: list[float] = []
        """When each connection began, on the monotonic clock."""
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"mqtt://127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Accept no more connections."""
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
        self.played[role.__name__.replace("_", " ")] += 1
        with contextlib.suppress(OSError, StopIteration):
            role(self, connection)
        connection.close()


def packets(connection: socket.socket) -> Iterator[bytes]:
    """Yield whole MQTT packets as they arrive."""
    data = b""
    while chunk := connection.recv(65536):
        data += chunk
        while (size := _size(data)) and len(data) >= size:
            yield data[:size]
            data = data[size:]


def _size(data: bytes) -> int:
    """Return the size of the first packet, 0 if not known yet."""
    size = 0
    for at, byte in enumerate(data[1:5]):
        size |= (byte & 127) << (7 * at)
        if byte < 128:
            return size + at + 2
    return 0


def _greet(connection: socket.socket) -> tuple[Iterator[bytes], bool]:
    """Read CONNECT and accept; return the packets that follow, and True for MQTT 5."""
    following = packets(connection)
    five = _is_five(next(following))
    connection.sendall(b"\x20\x03\x00\x00\x00" if five else b"\x20\x02\x00\x00")
    return following, five


def _is_five(connect: bytes) -> bool:
    return connect[connect.index(b"MQTT") + 4] == 5


def hang_up(_broker: HostileBroker, _connection: socket.socket) -> None:
    """Close at once."""


def never_answer(_broker: HostileBroker, connection: socket.socket) -> None:
    """Read, and answer nothing."""
    for _ in packets(connection):
        pass


def send_noise(broker: HostileBroker, connection: socket.socket) -> None:
    """Send random bytes instead of CONNACK."""
    for _ in range(broker.dice.randint(1, 20)):
        connection.sendall(os.urandom(broker.dice.randint(1, 2000)))
    next(packets(connection), b"")


def speak_another_protocol(broker: HostileBroker, connection: socket.socket) -> None:
    """Send something that is no answer to CONNECT."""
    connection.sendall(broker.dice.choice(BANNERS))
    next(packets(connection), b"")


def refuse(broker: HostileBroker, connection: socket.socket) -> None:
    """Answer CONNACK with one of the reason codes."""
    if _is_five(next(packets(connection))):
        code = broker.dice.choice(CONNACK_V5)
        connection.sendall(bytes([0x20, 3, 0, code, 0]))
    else:
        connection.sendall(bytes([0x20, 2, 0, broker.dice.choice(CONNACK_V3)]))


def accept_and_hang_up(_broker: HostileBroker, connection: socket.socket) -> None:
    """Answer CONNACK, then close."""
    _greet(connection)


def accept_and_send_noise(broker: HostileBroker, connection: socket.socket) -> None:
    """Answer CONNACK, then send random bytes."""
    _greet(connection)
    # 0x4. begins a PUBACK; no client could tell a random one from a real one.
    noise = bytes(one for one in os.urandom(broker.dice.randint(1, 500)) if one >> 4 != 4)
    connection.sendall(bytes([broker.dice.choice((0x00, 0xF0, 0x60, 0x90, 0x31))]) + noise)


def refuse_messages(broker: HostileBroker, connection: socket.socket) -> None:
    """Answer each message with a PUBACK that refuses it."""
    following, five = _greet(connection)
    for packet in following:
        if packet[0] >> 4 == 3:
            connection.sendall(_puback(packet, broker.dice.choice(PUBACK) if five else None))


def send_away(broker: HostileBroker, connection: socket.socket) -> None:
    """Read some messages, acknowledge none, then DISCONNECT with a reason."""
    following, five = _greet(connection)
    for _ in range(broker.dice.randint(0, 5)):
        next(following, b"")
    if five:
        connection.sendall(bytes([0xE0, 2, broker.dice.choice(DISCONNECT), 0]))


def acknowledge_what_was_not_sent(_broker: HostileBroker, connection: socket.socket) -> None:
    """Send PUBACKs for numbers that are not in use."""
    _greet(connection)
    connection.sendall(b"".join(bytes([0x40, 2, 0xEA, low]) for low in range(50)))


def cut_short(broker: HostileBroker, connection: socket.socket) -> None:
    """Relay to the real broker, and close in the middle of an answer."""
    _relay(broker, connection, broker.dice.randint(1, 200))


def relay(broker: HostileBroker, connection: socket.socket) -> None:
    """Relay to the real broker."""
    _relay(broker, connection, 1 << 40)


def _puback(publish: bytes, code: int | None) -> bytes:
    at = 2
    while publish[at - 1] >= 128:
        at += 1
    at += 2 + int.from_bytes(publish[at : at + 2], "big")
    number = publish[at : at + 2]
    # MQTT 3.1.1 has no reason codes: there a broker can only close the connection.
    return b"" if code is None else bytes([0x40, 3]) + number + bytes([code])


def _relay(broker: HostileBroker, near: socket.socket, most: int) -> None:
    """Copy both ways; at most ``most`` bytes from the broker, and for a few seconds."""
    with socket.create_connection(("127.0.0.1", broker.target)) as far:
        forward = threading.Thread(target=_copy, args=(near, far, 1 << 40), daemon=True)
        forward.start()
        far.settimeout(LINGER_S)
        _copy(far, near, most)


def _copy(source: socket.socket, sink: socket.socket, most: int) -> None:
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
    send_noise,
    speak_another_protocol,
    refuse,
    accept_and_hang_up,
    accept_and_send_noise,
    refuse_messages,
    send_away,
    acknowledge_what_was_not_sent,
    cut_short,
)
