"""Telling systemd how the service is doing; a no-op where systemd does not ask.

Speaks the notify protocol itself (sd_notify(3): one datagram to $NOTIFY_SOCKET), so that
systemd-python, which has no wheels, stays optional: with it, log records reach the journal
with their fields.
"""

import logging
import os
import socket
import time
from collections.abc import Callable, Mapping

SEND_S = 1.0
"""Longest wait for a manager that does not read its socket."""

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
        self._every = int(usec) / 1e6 / 2 if usec.isdigit() else 0.0
        self._clock = clock
        self._fed = -1e9

    def ready(self, status: str) -> None:
        """The service does its work."""
        self._send(f"READY=1\nSTATUS={status}")

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
        """The configuration is being read again, until `ready`."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

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


def journal_handler(environ: Mapping[str, str] = os.environ) -> logging.Handler | None:
    """A handler for the journal when stderr goes there and systemd-python is installed."""
    if "JOURNAL_STREAM" not in environ:
        return None
    try:
        from systemd.journal import JournalHandler
    except ImportError:
        return None
    handler: logging.Handler = JournalHandler(SYSLOG_IDENTIFIER="edge-fer")
    return handler
