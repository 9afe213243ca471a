"""Delivery with brokers that stop, restart, hang or do not exist."""

import logging
import os
import signal
import threading
import time
from typing import Any

import pytest

from tests.support.mqtt import (
    FACE,
    SIZE,
    Cable,
    collect,
    command,
    listening,
    publisher,
    send,
    status,
    until_acked,
    warnings,
)
from tests.support.wait import DEADLINE_S, wait_until


def test_events_arrive_in_order_and_without_gaps(broker: Any) -> None:
    with listening(broker, "event") as inbox, publisher(broker.url) as out:
        send(out, 200)
        assert list(range(1, 201)) == collect(inbox, 200)
    assert 0 == out.undelivered
    counters = out.counters()
    assert (200, 200, 0) == tuple(counters[name] for name in ("queued", "acked", "waiting"))


def test_nothing_is_lost_when_the_connection_is_cut_again_and_again(broker: Any) -> None:
    cable = Cable(broker.port)
    with listening(broker, "event") as inbox, publisher(cable.url, drain_s=20) as out:
        for made in (0, 300):
            send(out, 100)
            until_acked(out, made + 1)
            cable.cut()
            send(out, 100)
            wait_until(lambda: not out.connected, "noticed the cut")
            send(out, 100)
            cable.restore()
        assert list(range(1, 601)) == collect(inbox, 600)
    assert 0 == out.undelivered
    counters = out.counters()
    assert (600, 0) == (counters["acked"], counters["dropped_full"])
    cable.cut()


def test_events_made_while_the_broker_is_away_come_when_it_is_back(broker: Any) -> None:
    with publisher(broker.url) as out:
        out.publish_enabled(False)
        send(out, 3)
        until_acked(out, 3)
        broker.stop()
        send(out, 30)
        wait_until(lambda: not out.connected, "noticed the loss")
        send(out, 30)
        out.publish_enabled(True)
        broker.start()
        until_acked(out, 63)
        with listening(broker, "enabled") as inbox:
            assert b"ON" == inbox.get(timeout=DEADLINE_S).payload
    assert (0, 2) == (out.undelivered, out.counters()["connects"])


def test_over_the_bound_the_oldest_events_are_dropped_and_counted(broker: Any) -> None:
    cable = Cable(broker.port)
    cable.cut()
    with listening(broker, "event") as inbox, publisher(cable.url, max_queued=50) as out:
        send(out, 80)
        cable.restore()
        assert list(range(31, 81)) == collect(inbox, 50)
        assert 30 == out.counters()["dropped_full"]
    cable.cut()


def test_a_broker_that_cannot_be_reached_is_passed_over(broker: Any, second_broker: Any) -> None:
    broker.stop()
    with publisher(broker.url, second_broker.url) as out:
        send(out, 5)
        until_acked(out, 5)


def test_a_lost_broker_is_left_for_the_next(broker: Any, second_broker: Any) -> None:
    with listening(second_broker, "#") as inbox, publisher(broker.url, second_broker.url) as out:
        send(out, 1)
        until_acked(out, 1)
        broker.stop()
        assert "online" == status(inbox)
        send(out, 2)
        assert [2, 3] == collect(inbox, 2)


def test_without_any_broker_nothing_raises_or_waits(
    free_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    url = f"mqtt://127.0.0.1:{free_port}"
    line = f"{url}: cannot be reached: connection refused"
    started = time.monotonic()
    with publisher(url, drain_s=0.1) as out:
        send(out, 500)
        out.publish_state([FACE], SIZE, 0)
        out.publish_stats({}, 0)
        out.publish_enabled(True)
        assert time.monotonic() - started < 1
        wait_until(lambda: caplog.messages.count(line) > 1, "tried again")
    assert 500 == out.undelivered
    assert [line] == warnings(caplog)


def test_a_broker_that_hangs_stops_neither_events_nor_the_end(broker: Any) -> None:
    with publisher(broker.url, drain_s=0.1) as out:
        wait_until(lambda: out.connected, "connected")
        os.kill(broker.process.pid, signal.SIGSTOP)
        started = time.monotonic()
        send(out, 500)
        assert time.monotonic() - started < 1
    assert time.monotonic() - started < 6
    assert 500 == out.undelivered


def test_no_more_than_the_window_is_handed_over(broker: Any) -> None:
    with publisher(broker.url, drain_s=0) as out:
        wait_until(lambda: out.connected, "connected")
        os.kill(broker.process.pid, signal.SIGSTOP)
        send(out, 100)
        # The thread that connected may still be publishing the retained messages.
        wait_until(lambda: out.counters()["sent"], "handed over")
        assert 20 == out.counters()["sent"]


def test_the_main_thread_can_publish_from_a_command(broker: Any) -> None:
    # The callback stands on paho's thread while the main loop publishes: no deadlock.
    inside, leave = threading.Event(), threading.Event()

    def hold(_: bool) -> None:
        inside.set()
        leave.wait(DEADLINE_S)

    with publisher(broker.url, on_enabled=hold) as out:
        wait_until(lambda: out.connected, "connected")
        command(broker, "OFF")
        assert inside.wait(DEADLINE_S)
        send(out, 100)
        leave.set()
    assert 0 == out.undelivered
