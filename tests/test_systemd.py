"""Notifications, against a real datagram socket as systemd has one."""

import socket

import pytest

from edge_fer.daemon.systemd import Notifier, journal_handler


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
    assert journal_handler({}) is None
