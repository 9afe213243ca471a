"""Notifications, against a real datagram socket as systemd has one."""

import contextlib
import logging
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_fer.daemon.systemd import JournalHandler, Notifier, journal_handler


@pytest.fixture
def inbox(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "notify"))
        server.settimeout(2)
        yield server


def test_ready_status_and_stopping_reach_systemd(inbox):
    notifier = Notifier({"NOTIFY_SOCKET": inbox.getsockname()})
    notifier.ready("watching")
    notifier.status("paused")
    notifier.stopping()
    received = [inbox.recv(4096) for _ in range(3)]
    assert [b"READY=1\nSTATUS=watching", b"STATUS=paused", b"STOPPING=1"] == received


def test_the_watchdog_is_fed_twice_in_its_time(inbox):
    now = [100.0]
    notifier = Notifier(
        {"NOTIFY_SOCKET": inbox.getsockname(), "WATCHDOG_USEC": "30000000"}, clock=lambda: now[0]
    )
    for now[0] in (100.0, 101.0, 114.0, 115.0, 120.0):
        notifier.alive()
    inbox.settimeout(0.2)
    assert [b"WATCHDOG=1"] * 2 == [inbox.recv(4096) for _ in range(2)]
    with pytest.raises(TimeoutError):
        inbox.recv(4096)


def test_a_reload_has_the_time_of_a_start_and_no_more(inbox):
    notifier = Notifier({"NOTIFY_SOCKET": inbox.getsockname(), "WATCHDOG_USEC": "30000000"})
    notifier.ready("watching")
    notifier.reloading()
    notifier.ready("watching")
    notifier.ready("watching")
    first, during, after, later = (inbox.recv(4096).decode().splitlines() for _ in range(4))
    assert ["RELOADING=1", "STATUS=reloading", "WATCHDOG_USEC=120000000"] == [
        line for line in during if not line.startswith("MONOTONIC_USEC=")
    ]
    assert ["READY=1", "STATUS=watching", "WATCHDOG_USEC=30000000"] == after
    assert ["READY=1", "STATUS=watching"] == first == later


def test_an_abstract_address_is_understood():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind("\0edge-fer-test")
        server.settimeout(2)
        Notifier({"NOTIFY_SOCKET": "@edge-fer-test"}).ready("x")
        assert b"READY=1\nSTATUS=x" == server.recv(4096)


def test_without_systemd_nothing_happens():
    notifier = Notifier({})
    notifier.ready("watching")
    notifier.alive()
    notifier.stopping()
    assert journal_handler({}, {}) is None


def test_the_journal_is_used_only_where_stderr_goes_there() -> None:
    stderr = os.fstat(2)
    stream = f"{stderr.st_dev}:{stderr.st_ino}"
    assert journal_handler({}, {"JOURNAL_STREAM": f"{stream}1"}) is None
    assert isinstance(journal_handler({}, {"JOURNAL_STREAM": stream}), logging.Handler)


def fields(datagram: bytes) -> dict[str, str]:
    """What the journal makes of it (systemd.io, Native Journal Protocol)."""
    found = {}
    while datagram:
        line, _, datagram = datagram.partition(b"\n")
        name, separator, value = line.partition(b"=")
        if not separator:
            length = struct.unpack("<Q", datagram[:8])[0]
            value, datagram = datagram[8 : 8 + length], datagram[9 + length :]
        found[name.decode()] = value.decode()
    return found


@contextlib.contextmanager
def sending(handler: logging.Handler) -> Iterator[logging.Logger]:
    """A logger that knows no other handler."""
    logger = logging.getLogger("edge_fer.test")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    try:
        yield logger
    finally:
        logger.removeHandler(handler)


@pytest.mark.parametrize(
    ("level", "priority"),
    [(logging.DEBUG, "7"), (logging.INFO, "6"), (logging.WARNING, "4"), (logging.ERROR, "3")],
)
def test_a_record_reaches_the_journal_with_its_fields(inbox, level, priority):
    with sending(JournalHandler({"EDGE_FER_CAMERA": "door"}, inbox.getsockname())) as logger:
        logger.log(level, "one = 1\ntwo")
    got = fields(inbox.recv(4096))
    expected = {
        "MESSAGE": "one = 1\ntwo",
        "PRIORITY": priority,
        "LOGGER": "edge_fer.test",
        "EDGE_FER_CAMERA": "door",
        "CODE_FILE": __file__,
        "CODE_FUNC": "test_a_record_reaches_the_journal_with_its_fields",
    }
    assert expected == {name: got[name] for name in expected}


def test_a_journal_that_is_away_ends_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with sending(JournalHandler({}, str(tmp_path / "none"))) as logger:
        logger.error("gone")
    assert "gone" in capfd.readouterr().err


def test_a_record_whose_handling_fails_ends_nothing(inbox, capfd):
    handler = JournalHandler({}, inbox.getsockname())
    handler.setFormatter(logging.Formatter("%(nothing)s"))
    with sending(handler) as logger:
        logger.warning("gone")
    assert "Logging error" in capfd.readouterr().err
