"""Decide from system calls which data went where, and which calls are not allowed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from tests.integration.privacy.trace import Call

WRITES = "write pwrite64 writev pwritev pwritev2 sendto sendmsg sendmmsg"
CHANGES = (
    "mkdir mkdirat unlink unlinkat rename renameat renameat2 ftruncate truncate fsync "
    "fdatasync fchmod chmod fchown chown fchmodat fchownat fallocate utimensat rmdir "
    "sync_file_range"
)
SOCKETS = "socket connect listen accept accept4"
WITHIN = "bind setsockopt shutdown pipe2 eventfd2 clone clone3 prctl setpriority"
"""Calls that prepare what other calls then do."""
OPENS = "open openat openat2 creat"
_CHANGING = re.compile(r"O_(WR\w+|RDWR|CREAT|TRUNC|APPEND)")
WITHIN_ITSELF = "itself"
IOCTLS = "TCGETS TIOCGWINSZ FIONBIO FIOCLEX FIONREAD"


class Verdict:
    """Collect the bytes that went to each place; ``findings`` are what is not allowed.

    ``files`` maps a path, ``addresses`` an address ("127.0.0.1:1883", or the path of a Unix socket)
    to a name; an empty name means that nothing may go there.
    """

    def __init__(self, files: Callable[[str], str], addresses: Callable[[str], str]) -> None:
        self._files, self._addresses = files, addresses
        self.bytes: dict[str, bytearray] = {}
        self.changed: set[str] = set()
        """Files that were created, written or removed."""
        self.reached: set[str] = set()
        """Addresses to which data was sent."""
        self.findings: list[str] = []
        self._own: set[str] = set()
        """Addresses on which the process listens."""
        self._peers: dict[str, str] = {}
        """Descriptor of a socket -> the address at its other end."""
        self._handlers: dict[str, Callable[[Call], None]] = {
            **dict.fromkeys(OPENS.split(), self._open),
            **dict.fromkeys(WRITES.split(), self._write),
            **dict.fromkeys(CHANGES.split(), self._change_named),
            **dict.fromkeys(SOCKETS.split(), self._socket),
            "mmap": self._map,
            "ioctl": self._control,
        }

    def take(self, calls: Iterable[Call]) -> None:
        """Judge the calls in order."""
        for number, call in enumerate(calls):
            if call.name in self._handlers:
                self._handlers[call.name](call)
            elif call.name not in WITHIN.split() and (call.name, number) != ("execve", 0):
                self._find(call, "is a call that this test does not know")

    def _change_named(self, call: Call) -> None:
        for text in call.strings or [call.target.encode()]:
            self._change(text.decode(errors="replace"), call)

    def _map(self, call: Call) -> None:
        if "PROT_WRITE" in call.text and "MAP_SHARED" in call.text:
            self._find(call, "maps something shared for writing")

    def _control(self, call: Call) -> None:
        if not any(f", {name}" in call.text for name in IOCTLS.split()):
            self._find(call, "controls a device")

    def _open(self, call: Call) -> None:
        if call.result >= 0 and (call.name == "creat" or _CHANGING.search(call.text)):
            self._change(call.strings[-1].decode(errors="replace"), call)

    def _socket(self, call: Call) -> None:
        descriptor = call.text.partition("<")[0]
        if call.name == "connect":
            self._peers[descriptor] = address = _address(call.text)
            self._reach(address, call)
        elif call.name == "listen":
            # paho wakes its thread by a socket pair of its own.
            self._own.add(call.target.rpartition("[")[2].rstrip("]"))
        elif call.name in ("accept", "accept4"):
            self._peers[str(call.result)] = WITHIN_ITSELF
        elif call.name == "socket":
            self._peers.pop(str(call.result), None)

    def _change(self, path: str, call: Call) -> None:
        if path == "/dev/null":
            return
        self.changed.add(path)
        if not self._files(path):
            self._find(call, f"changes {path}")

    def _write(self, call: Call) -> None:
        target, sent = call.target, b"".join(call.strings)
        if call.result < 0:
            return
        if target.startswith(("TCP", "UDP", "UNIX", "NETLINK")):
            to = _address(call.text) or self._peers.get(call.text.partition("<")[0], "?")
            # The address of a Unix socket is a string too.
            sent = call.strings[0] if call.name == "sendto" else sent
            name = self._reach(to, call)
        elif target.startswith(("pipe:", "anon_inode:")):
            name = WITHIN_ITSELF
        else:
            name = self._files(target)
            if not name:
                self._find(call, f"writes to {target}")
        self.bytes.setdefault(name or "somewhere else", bytearray()).extend(sent[: call.result])

    def _reach(self, address: str, call: Call) -> str:
        if address == WITHIN_ITSELF or address in self._own:
            return WITHIN_ITSELF
        name = self._addresses(address)
        self.reached.add(address)
        if not name:
            self._find(call, f"reaches {address}")
        return name

    def _find(self, call: Call, what: str) -> None:
        text = f"{what}: {call.name}({call.text[:120]})"
        if text not in self.findings:
            self.findings.append(text)


def _address(text: str) -> str:
    """Return the address that a call names; empty if it names none."""
    if inet := re.search(r"sin6?_port=htons\((\d+)\)", text):
        host = re.search(r'inet_(?:addr|pton)\((?:AF_INET6?, )?"([^"]+)"', text)
        return f"{host[1] if host else '?'}:{inet[1]}"
    unix = re.search(r'sun_path=@?"([^"]+)"', text)
    return unix[1] if unix else ""
