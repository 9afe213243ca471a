"""Telling systemd how the service is doing; a no-op where systemd does not ask.

Speaks systemd's protocols itself, one datagram a message (sd_notify(3), and "Native Journal
Protocol" on systemd.io), so that systemd-python, which has no wheels, stays optional.
"""

import logging
import os
import socket
import struct
import time
from collections.abc import Callable, Mapping

SEND_S = 1.0
"""Longest wait for a manager that does not read its socket."""

RELOAD_S = 120
"""Longest time a reload may take before the watchdog bites, as long as the unit gives a start."""

JOURNAL = "/run/systemd/journal/socket"

log = logging.getLogger(__name__)


class Notifier:
    """Sends READY, STATUS, WATCHDOG, RELOADING and STOPPING."""

    def __init__(
        self,
        environ: Mapping[str, str] = os.environ,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        usec = environ.get("WATCHDOG_USEC", "0")
        self._usec = int(usec) if usec.isdigit() else 0
        self._every = self._usec / 1e6 / 2
        self._reloading = False
        self._clock = clock
        self._fed = -1e9

    def ready(self, status: str) -> None:
        """The service does its work."""
        again = f"\nWATCHDOG_USEC={self._usec}" if self._reloading and self._every else ""
        self._reloading = False
        self._send(f"READY=1\nSTATUS={status}{again}")

    def status(self, text: str) -> None:
        """A line for `systemctl status`."""
        self._send(f"STATUS={text}")

    def alive(self) -> None:
        """Feed the watchdog; call it only when work has been done."""
        now = self._clock()
        if self._every and now - self._fed >= self._every:
            self._send("WATCHDOG=1")
            self._fed = now

    def reloading(self) -> None:
        """The configuration is being read again, until `ready`: `RELOAD_S` at most.

        Models are opened meanwhile, which on a busy or slow device outlasts the watchdog's time.
        """
        usec = RELOAD_S * 1_000_000
        longer = f"\nWATCHDOG_USEC={usec}" if 0 < self._usec < usec else ""
        self._reloading = True
        now = time.monotonic_ns() // 1000
        self._send(f"RELOADING=1\nMONOTONIC_USEC={now}\nSTATUS=reloading{longer}")

    def stopping(self) -> None:
        """The service is about to end."""
        self._send("STOPPING=1")

    def _send(self, text: str) -> None:
        if not self._address:
            return
        # A leading @ means the abstract namespace.
        address = "\0" + self._address[1:] if self._address[0] == "@" else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.settimeout(SEND_S)
                sender.sendto(text.encode(), address)
        except OSError as error:
            log.warning("NOTIFY_SOCKET: %s was not sent: %s", text.splitlines()[0], error)


class JournalHandler(logging.Handler):
    """Sends log records to the journal, under the names that systemd-python gives them too.

    ``fields`` go with each record.
    """

    def __init__(self, fields: Mapping[str, str], address: str = JOURNAL) -> None:
        super().__init__()
        self._fields, self._address = dict(fields), address

    def emit(self, record: logging.LogRecord) -> None:
        """Send one; what cannot be sent is reported on stderr."""
        try:
            fields = {
                "MESSAGE": self.format(record),
                "PRIORITY": str(_priority(record.levelno)),
                "LOGGER": record.name,
                "THREAD_NAME": record.threadName or "",
                "CODE_FILE": record.pathname,
                "CODE_LINE": str(record.lineno),
                "CODE_FUNC": record.funcName or "",
                **self._fields,
            }
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.settimeout(SEND_S)
                sender.sendto(b"".join(_field(*item) for item in fields.items()), self._address)
        except Exception:
            # As in all of logging's handlers: a line of the log is not worth the daemon.
            self.handleError(record)


def _field(name: str, value: str) -> bytes:
    data = value.encode(errors="replace")
    if "\n" in value:
        return name.encode() + b"\n" + struct.pack("<Q", len(data)) + data + b"\n"
    return name.encode() + b"=" + data + b"\n"


def _priority(level: int) -> int:
    """The journal's, which are syslog's."""
    steps = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
    return next((priority for least, priority in steps if level >= least), 7)


def journal_handler(
    fields: Mapping[str, str], environ: Mapping[str, str] = os.environ
) -> logging.Handler | None:
    """A handler for the journal if stderr goes there: systemd-python's where it is installed.

    Each record has ``fields`` with it, whose names are in capitals.
    """
    stream = environ.get("JOURNAL_STREAM")
    if not stream:
        return None
    stderr = os.fstat(2)
    if stream != f"{stderr.st_dev}:{stderr.st_ino}":
        return None
    named = {"SYSLOG_IDENTIFIER": "edge-fer", **fields}
    try:
        from systemd.journal import JournalHandler as Theirs
    except ImportError:
        return JournalHandler(named)
    handler: logging.Handler = Theirs(**named)
    return handler
