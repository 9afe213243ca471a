"""Events that survive the process: kills, restarts, limits and clocks. Nothing is simulated."""

import contextlib
import os
import random
import signal
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from edge_fer.config.settings import Mqtt
from edge_fer.mqtt.messages import Message
from edge_fer.mqtt.outbox import Outbox, OutboxLimits, outbox_folder
from edge_fer.mqtt.outbox_db import OutboxDb, QueuedMessage
from tests.support.mqtt import collect, listening, send, until_acked, warnings
from tests.support.outbox import NOWHERE, durable, fill, ids, keep, kept_outbox, names
from tests.support.wait import wait_until


def test_with_a_broker_that_answers_nothing_is_written(broker: Any, tmp_path: Path) -> None:
    with durable(broker.url, tmp_path, spill_after_s=10) as out:
        send(out, 50)
        until_acked(out, 50)
    assert (0, 0) == (out.counters()["stored"], out.undelivered)
    assert [] == names(tmp_path)


def test_events_of_earlier_sessions_come_first_and_in_order(broker: Any, tmp_path: Path) -> None:
    keep(tmp_path, 700, "s1", max_unacked=700)
    keep(tmp_path, 3, "s2")
    with listening(broker, "event") as inbox:
        with durable(broker.url, tmp_path, "s3", drain_s=10) as out:
            send(out, 2)
            expected = [f"s1-{n}" for n in range(1, 701)]
            expected += ["s2-1", "s2-2", "s2-3", "s3-1", "s3-2"]
            assert expected == ids(inbox, 705)
        assert (703, 705, 0) == tuple(out.counters()[n] for n in ("resumed", "acked", "waiting"))
    assert [] == names(tmp_path)


def test_a_row_goes_with_its_receipt_and_not_before(broker: Any, tmp_path: Path) -> None:
    with listening(broker, "event") as inbox, durable(broker.url, tmp_path, drain_s=5) as out:
        wait_until(lambda: out.connected, "connected")
        os.kill(broker.process.pid, signal.SIGSTOP)
        send(out, 5)
        wait_until(lambda: out.counters()["stored"] == 5, "stored")
        assert 5 == out.counters()["waiting"]
        os.kill(broker.process.pid, signal.SIGCONT)
        until_acked(out, 5)
        assert [1, 2, 3, 4, 5] == collect(inbox, 5)
    assert [] == names(tmp_path)


def test_a_clean_end_without_a_broker_keeps_everything(tmp_path: Path) -> None:
    started = time.monotonic()
    with durable(NOWHERE, tmp_path, spill_after_s=60, drain_s=30) as out:
        wait_until(lambda: out._sender._connection.failing, "refused")
        send(out, 30)
    assert time.monotonic() - started < 10
    assert (0, 30) == (out.undelivered, len(names(tmp_path)))


def test_more_unacknowledged_events_than_allowed_are_written_at_once(tmp_path: Path) -> None:
    with durable(NOWHERE, tmp_path, spill_after_s=60, max_unacked=10) as out:
        for _ in range(35):
            send(out, 1)
            assert out.counters()["unsaved"] <= 10


@pytest.mark.parametrize(
    ("bounds", "counter"),
    [
        (OutboxLimits(rows=30, unacked=5, spill_after_s=0.05), "dropped_full"),
        (OutboxLimits(rows=1000, bytes=3000, unacked=5, spill_after_s=0.05), "dropped_bytes"),
    ],
)
def test_over_a_bound_the_oldest_rows_go_and_are_counted_by_its_name(
    tmp_path: Path, bounds: OutboxLimits, counter: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "a.db"
    with kept_outbox(path, bounds) as (outbox, _):
        fill(outbox, 80)
        wait_until(lambda: outbox.counters()[counter] == 50, "dropped")
        assert 30 == len(outbox)
    with contextlib.closing(OutboxDb(path)) as store:
        assert [str(n) for n in range(50, 80)] == [row.name for row in store.load(0, 100)[0]]
    assert any("oldest events dropped" in text for text in warnings(caplog))


def balance(outbox: Outbox) -> tuple[int, int]:
    """What came in, and where it is; the two are the same."""
    with outbox.changed:
        told = outbox.counters()
        gone = told["acked"] + sum(n for name, n in told.items() if name.startswith("dropped_"))
        return told["queued"] + told["resumed"], gone + len(outbox)


@pytest.mark.parametrize("seed", range(8))
def test_every_event_is_waiting_acknowledged_or_counted_as_dropped(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_fer.mqtt.outbox.CACHED_ROWS", 6)
    monkeypatch.setattr("edge_fer.mqtt.outbox_writer.CACHED_ROWS", 6)
    monkeypatch.setattr("edge_fer.mqtt.outbox_writer.PAGE", 3)
    dice = random.Random(seed)
    bounds = OutboxLimits(rows=40, unacked=3, spill_after_s=0.05)
    for _ in range(3):
        with kept_outbox(tmp_path / "a.db", bounds) as (outbox, _):
            on_way: list[int] = []
            first = True
            for _ in range(150):
                step = dice.choice(("put", "put", "put", "take", "ack", "requeue", "wait"))
                if step == "put":
                    fill(outbox, dice.randint(1, 6))
                elif step == "take":
                    keys = [key for key, _ in outbox.take(5)]
                    assert sorted(keys) == keys
                    assert first or not on_way or not keys or keys[0] > max(on_way)
                    on_way, first = on_way + keys, False
                elif step == "ack" and on_way:
                    outbox.ack(on_way.pop(dice.randrange(len(on_way))))
                elif step == "requeue":
                    outbox.requeue()
                    on_way, first = [], True
                else:
                    time.sleep(0.002)
                came, is_somewhere = balance(outbox)
                assert came == is_somewhere
        with contextlib.closing(OutboxDb(tmp_path / "a.db")) as store:
            assert len(outbox) == store.rows == len(store.load(0, 1000)[0])
            assert store.bytes == 100 * store.rows


def test_expired_rows_go_ahead_of_all_others(tmp_path: Path) -> None:
    bounds = OutboxLimits(rows=10, age_s=0.4, unacked=1, spill_after_s=0.05)
    with kept_outbox(tmp_path / "a.db", bounds) as (outbox, _):
        fill(outbox, 8)
        time.sleep(0.5)
        fill(outbox, 8)
        wait_until(lambda: outbox.counters()["dropped_expired"] == 8, "expired")
        told = outbox.counters()
        assert (0, 8) == (told["dropped_full"], len(outbox))


def test_an_expired_event_is_not_sent_even_where_no_disk_is() -> None:
    outbox = Outbox(OutboxLimits(rows=10, age_s=0.05))
    fill(outbox, 1)
    time.sleep(0.06)
    assert ([], 1) == (outbox.take(10), outbox.counters()["dropped_expired"])


def test_the_clock_runs_on_over_restarts_and_stands_still_without_power(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with contextlib.closing(OutboxDb(path)):
        pass
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE clock SET boot = 'yet another', clock_s = 1000")
    with contextlib.closing(OutboxDb(path)) as store:
        store.save([QueuedMessage(1, "a", store.clock(), Message("t", b"", 1, False))])
    time.sleep(0.1)
    with contextlib.closing(OutboxDb(path)) as store:
        assert 1000.1 <= store.clock() < 1010
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE clock SET boot = 'another', boot_s = 5e8")
    with contextlib.closing(OutboxDb(path)) as store:
        assert 1000 <= store.clock() < 1010


def test_a_wall_clock_that_jumps_changes_neither_order_nor_age(
    broker: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wall = iter(range(10**9, -(10**9), -(10**6)))
    monkeypatch.setattr(time, "time", lambda: float(next(wall)))
    keep(tmp_path, 20, expire_s=60)
    with listening(broker, "event") as inbox:
        with durable(broker.url, tmp_path, "s2", drain_s=10, expire_s=60) as out:
            send(out, 1)
            assert [*(f"s1-{n}" for n in range(1, 21)), "s2-1"] == ids(inbox, 21)
        assert 0 == out.counters()["dropped_expired"]


@pytest.mark.parametrize(
    ("setting", "environ", "expected"),
    [
        ("memory", {"STATE_DIRECTORY": "/a"}, None),
        ("/own", {"STATE_DIRECTORY": "/a"}, Path("/own")),
        ("", {"STATE_DIRECTORY": "/a:/b", "XDG_STATE_HOME": "/x"}, Path("/a")),
        ("", {"XDG_STATE_HOME": "/x"}, Path("/x/edge-fer")),
        ("", {}, Path.home() / ".local/state/edge-fer"),
    ],
)
def test_the_folder_is_the_settings_then_systemds_then_the_users(
    setting: str, environ: dict[str, str], expected: Path | None
) -> None:
    assert expected == outbox_folder(Mqtt(outbox=setting), environ)
