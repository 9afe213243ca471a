"""The watchdog is fed by progress, or by a wait that has a name and a bound; by nothing else."""

import math
import socket

import pytest

from edge_fer.daemon.systemd import RELOAD_S, Notifier
from edge_fer.daemon.watchdog import ACK_S, OFFLINE, DeliveryMonitor, Watchdog
from tests.fakes.clock import Clock


class Manager:
    """A service manager's socket, and a watch that talks to it with every tick."""

    def __init__(self, inbox):
        self.clock, self._inbox = Clock(), inbox
        environ = {"NOTIFY_SOCKET": inbox.getsockname(), "WATCHDOG_USEC": "1000"}
        notifier = Notifier(environ, clock=self.clock)
        self.watchdog = Watchdog(notifier, first="camera", clock=self.clock)

    def tick(self, after_s=1.0):
        """Return what it receives of a tick that many seconds later."""
        self.clock.now += after_s
        self.watchdog.tick()
        heard = []
        while True:
            try:
                heard += self._inbox.recv(4096).decode().splitlines()
            except BlockingIOError:
                return heard


@pytest.fixture
def manager(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as inbox:
        inbox.bind(str(tmp_path / "notify"))
        inbox.setblocking(False)
        yield Manager(inbox)


def test_nothing_is_told_before_the_first_stage_got_on_or_waits(manager):
    manager.watchdog.progress("delivery")
    assert [] == manager.tick()


def test_the_first_step_is_ready_once(manager):
    manager.watchdog.progress("camera")
    assert ["READY=1", "STATUS=watching", "WATCHDOG=1"] == manager.tick()
    assert ["WATCHDOG=1"] == manager.tick()


def test_a_named_wait_is_ready_too_and_stands_in_the_status(manager):
    manager.watchdog.wait("camera", "paused", math.inf)
    assert ["READY=1", "STATUS=paused", "WATCHDOG=1"] == manager.tick()


def test_a_stage_that_does_not_get_on_in_time_starves_the_watchdog(manager):
    manager.watchdog.progress("camera", within_s=5)
    manager.watchdog.progress("delivery", within_s=99)
    manager.tick()
    assert ["WATCHDOG=1"] == manager.tick(3.9)
    assert [] == manager.tick(0.2)
    assert ["camera"] == manager.watchdog.overdue
    manager.watchdog.progress("camera", within_s=5)
    assert ["WATCHDOG=1"] == manager.tick()


def test_a_wait_that_outlasts_its_bound_starves_the_watchdog_however_often_it_is_told(manager):
    for _ in range(10):
        manager.watchdog.wait("camera", "camera lost", 10)
        assert "WATCHDOG=1" in manager.tick()
    manager.watchdog.wait("camera", "camera lost", 10)
    assert [] == manager.tick()


def test_notes_and_waits_share_the_status_and_are_told_on_change_only(manager):
    manager.watchdog.progress("camera")
    manager.tick()
    manager.watchdog.note("pressure", "degraded")
    assert ["STATUS=watching; degraded", "WATCHDOG=1"] == manager.tick()
    manager.watchdog.wait("delivery", "no broker", math.inf)
    assert ["STATUS=no broker; degraded", "WATCHDOG=1"] == manager.tick()
    manager.watchdog.note("pressure", "")
    manager.watchdog.progress("delivery")
    assert ["STATUS=watching", "WATCHDOG=1"] == manager.tick()


def test_the_wait_of_the_first_stage_stands_first(manager):
    manager.watchdog.wait("delivery", "no broker", math.inf)
    manager.watchdog.wait("camera", "camera lost", math.inf)
    assert "camera lost; no broker" == manager.watchdog.status


def test_a_reload_is_told_with_the_monotonic_clock_and_ends_ready(manager):
    manager.watchdog.progress("camera")
    manager.tick()
    manager.watchdog.reloading()
    manager.watchdog.reloaded()
    began, stamp, status, longer, *ended = manager.tick()
    assert ("RELOADING=1", True) == (began, stamp.startswith("MONOTONIC_USEC="))
    assert ("STATUS=reloading", f"WATCHDOG_USEC={RELOAD_S * 1_000_000}") == (status, longer)
    assert ["READY=1", "STATUS=watching", "WATCHDOG_USEC=1000", "WATCHDOG=1"] == ended


class Delivery:
    """The little of a publisher that receipts are read from."""

    connected = True

    def __init__(self):
        self.acked = self.waiting = 0

    def counters(self):
        return {"acked": self.acked, "waiting": self.waiting}


def test_a_broker_that_gives_no_receipt_for_what_waits_starves_the_watchdog(manager):
    delivery, monitor = Delivery(), DeliveryMonitor(manager.watchdog)
    manager.watchdog.progress("camera")

    def after(seconds):
        heard = manager.tick(seconds)
        monitor.check(delivery, manager.clock.now)
        return "WATCHDOG=1" in heard

    after(0)
    delivery.waiting = 3
    assert all(after(ACK_S / 4) for _ in range(4))
    assert not after(ACK_S / 4)
    delivery.acked = 1
    after(2)
    assert after(2)


def test_a_broker_that_is_away_is_a_named_wait(manager):
    delivery, monitor = Delivery(), DeliveryMonitor(manager.watchdog)
    delivery.connected, delivery.waiting = False, 3
    manager.watchdog.progress("camera")
    for _ in range(5):
        monitor.check(delivery, manager.clock.now)
        assert "WATCHDOG=1" in manager.tick(ACK_S)
    assert OFFLINE == manager.watchdog.status
