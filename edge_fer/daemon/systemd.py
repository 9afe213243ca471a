"""Notify systemd of the service's state and log to its journal; a no-op without systemd.

This module implements systemd's protocols, one datagram a message (sd_notify(3), and "Native
Journal Protocol" on systemd.io), because systemd-python has no wheels and so stays optional.
"""

import logging
import os
import socket
import struct
import time
from collections.abc import Callable, Mapping

SEND_S = 1.0
"""Send timeout for a manager that does not read its socket."""

RELOAD_S = 120
"""Watchdog timeout during a reload, in seconds; equal to the unit's TimeoutStartSec."""

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
        """Send READY with a status: the service is up, or a reload is over."""
        timeout = f"\nWATCHDOG_USEC={self._usec}" if self._reloading and self._every else ""
        self._reloading = False
        self._send(f"READY=1\nSTATUS={status}{timeout}")

    def status(self, text: str) -> None:
        """Send a status line for `systemctl status`."""
        self._send(f"STATUS={text}")

    def alive(self) -> None:
        """Feed the watchdog; call it only after progress."""
        now = self._clock()
        if self._every and now - self._fed >= self._every:
            self._send("WATCHDOG=1")
            self._fed = now

    def reloading(self) -> None:
        """Send RELOADING and extend the watchdog timeout to `RELOAD_S` until `ready`.

        A reload loads the model, which takes longer than the normal timeout on a slow device.
        """
        usec = RELOAD_S * 1_000_000
        timeout = f"\nWATCHDOG_USEC={usec}" if 0 < self._usec < usec else ""
        self._reloading = True
        now = time.monotonic_ns() // 1000
        self._send(f"RELOADING=1\nMONOTONIC_USEC={now}\nSTATUS=reloading{timeout}")

    def stopping(self) -> None:
        """Send STOPPING: the service is about to end."""
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
            log.warning("NOTIFY_SOCKET: cannot send %s: %s", text.splitlines()[0], error)


class JournalHandler(logging.Handler):
    """Sends log records with ``fields`` to the journal, under the field names of systemd-python."""

    def __init__(self, fields: Mapping[str, str], address: str = JOURNAL) -> None:
        super().__init__()
        self._fields, self._address = dict(fields), address

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record; a failure is reported on stderr."""
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
            # As in all handlers of logging: a lost log line must not end the daemon.
            self.handleError(record)


def _field(name: str, value: str) -> bytes:
    data = value.encode(errors="replace")
    if "\n" in value:
        return name.encode() + b"\n" + struct.pack("<Q", len(data)) + data + b"\n"
    return name.encode() + b"=" + data + b"\n"


def _priority(level: int) -> int:
    """Return the syslog priority of a logging level."""
    steps = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
    return next((priority for least, priority in steps if level >= least), 7)


def journal_handler(
    fields: Mapping[str, str], environ: Mapping[str, str] = os.environ
) -> logging.Handler | None:
    """Return a journal handler if stderr is connected to the journal, else None.

    It is systemd-python's if that is installed. Each record carries ``fields``, whose names are
    in capitals.
    """
    stream = environ.get("JOURNAL_STREAM")
    if not stream:
        return None
    stderr = os.fstat(2)
    if stream != f"{stderr.st_dev}:{stderr.st_ino}":
        return None
    named = {"SYSLOG_IDENTIFIER": "edge-fer", **fields}
    try:
        from systemd.journal import JournalHandler as SystemdHandler
    except ImportError:
        return JournalHandler(named)
    handler: logging.Handler = SystemdHandler(**named)
    return handler
