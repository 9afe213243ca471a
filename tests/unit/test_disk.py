"""Disks that fail: live events are delivered, and the fault is logged and counted."""

import contextlib
import math
import os
import resource
import signal
import sqlite3
import struct
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge_fer.mqtt.outbox import OutboxLimits
from edge_fer.mqtt.outbox_db import OutboxDb, OutboxDbError
from tests.support.damaged_outbox import (
    ALL_READ,
    DROPPED,
    MOVED,
    downgrade,
    open_damaged,
)
from tests.support.mqtt import collect, listening, send, until_acked, warnings
from tests.support.outbox import NOWHERE, durable, fill, ids, keep, kept_outbox, names
from tests.support.wait import wait_until


def unusable(tmp_path: Path) -> Path:
    (tmp_path / "file").write_text("")
    return tmp_path / "file" / "state"


def newer(tmp_path: Path) -> Path:
    with contextlib.closing(sqlite3.connect(tmp_path / "edge-fer-porch.db")) as db:
        db.execute("PRAGMA user_version = 99")
    return tmp_path


def foreign(tmp_path: Path) -> Path:
    with contextlib.closing(sqlite3.connect(tmp_path / "edge-fer-porch.db")) as db:
        db.execute("CREATE TABLE letters (a)")
    return tmp_path


@pytest.mark.parametrize(
    ("prepare", "text"),
    [
        (unusable, "Not a directory"),
        (newer, "has version 99 of a newer edge-fer; this one reads up to 2"),
        (foreign, "is a database, but not an outbox of edge-fer"),
    ],
)
def test_where_the_file_cannot_be_used_live_events_go_on(
    prepare: Callable[[Path], Path], text: str, broker: Any, tmp_path: Path, caplog: Any
) -> None:
    folder = prepare(tmp_path)
    before = [file.read_bytes() for file in tmp_path.glob("*.db")]
    with durable(broker.url, folder, drain_s=5) as out:
        send(out, 20)
        until_acked(out, 20)
    assert (1, 0) == (out.counters()["outbox_faults"], out.undelivered)
    (line,) = (line for line in warnings(caplog) if text in line)
    assert line.endswith("; events wait in memory meanwhile")
    assert before == [file.read_bytes() for file in tmp_path.glob("*.db")]


def test_a_folder_that_may_not_be_written_leaves_live_events_alone(
    broker: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tmp_path.chmod(0o500)
    privileged = os.geteuid() == 0
    if privileged:
        # Root may write anywhere, so use another user meanwhile.
        os.seteuid(65534)
    try:
        with durable(broker.url, tmp_path, drain_s=5) as out:
            send(out, 20)
            until_acked(out, 20)
    finally:
        if privileged:
            os.seteuid(0)
        tmp_path.chmod(0o700)
    assert (1, 0) == (out.counters()["outbox_faults"], out.undelivered)
    assert any("Permission denied" in line for line in warnings(caplog))


def test_a_file_that_could_be_used_only_later_is_taken_in_then(
    broker: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_fer.mqtt.outbox_writer.RETRY_S", 0.05)
    keep(tmp_path, 700, max_unacked=700)
    path = tmp_path / "edge-fer-porch.db"
    away = path.rename(tmp_path / "away")
    # A folder is no outbox; a link to one is replaced by the file in one go, so that no try comes
    # between and begins an empty outbox.
    path.symlink_to("/")
    with listening(broker, "event") as inbox, durable(broker.url, tmp_path, "s2") as out:
        send(out, 5)
        until_acked(out, 5)
        os.kill(broker.process.pid, signal.SIGSTOP)
        send(out, 30)
        wait_until(lambda: out.counters()["sent"] == 25, "on its way")
        away.rename(path)
        os.kill(broker.process.pid, signal.SIGCONT)
        until_acked(out, 735)
        counters = out.counters()
        assert (700, 35, 0) == tuple(counters[n] for n in ("resumed", "queued", "waiting"))
        seen = ids(inbox, 735)
        assert [f"s1-{n}" for n in range(1, 701)] == [name for name in seen if name[1] == "1"]
        assert [f"s2-{n}" for n in range(1, 36)] == [name for name in seen if name[1] == "2"]
    assert [] == names(tmp_path)


def test_what_was_in_memory_is_kept_where_the_file_comes_back_only_at_the_end(
    tmp_path: Path,
) -> None:
    path = tmp_path / "edge-fer-porch.db"
    path.mkdir()
    with durable(NOWHERE, tmp_path) as out:
        send(out, 30)
        path.rmdir()
    assert 0 == out.undelivered
    assert [f"s1-{n}" for n in range(1, 31)] == names(tmp_path)


def test_an_older_file_is_brought_up_and_its_events_are_delivered(
    broker: Any, tmp_path: Path
) -> None:
    keep(tmp_path, 50)
    downgrade(tmp_path / "edge-fer-porch.db")
    with listening(broker, "event") as inbox, durable(broker.url, tmp_path, "s2", drain_s=5) as out:
        assert [f"s1-{n}" for n in range(1, 51)] == ids(inbox, 50)
        until_acked(out, 50)
    assert (50, 0) == (out.counters()["resumed"], out.counters()["outbox_faults"])
    assert [] == names(tmp_path)


def test_a_row_that_is_damaged_is_dropped_and_counted_and_the_others_come(
    broker: Any, tmp_path: Path
) -> None:
    keep(tmp_path, 10)
    path = tmp_path / "edge-fer-porch.db"
    content = path.read_bytes()
    assert 1 == content.count(b'"seq":5,')
    path.write_bytes(content.replace(b'"seq":5,', b'"seq":7,'))
    with listening(broker, "event") as inbox, durable(broker.url, tmp_path, "s2", drain_s=5) as out:
        assert [f"s1-{n}" for n in range(1, 11) if n != 5] == ids(inbox, 9)
        until_acked(out, 9)
    told = out.counters()
    assert (10, 9, 1) == tuple(told[n] for n in ("resumed", "acked", "dropped_damaged"))
    assert [] == names(tmp_path)


def test_whatever_is_damaged_nothing_comes_out_that_was_not_put_in(tmp_path: Path) -> None:
    became = Counter(open_damaged(number, tmp_path / "a.db") for number in range(60))
    assert became[ALL_READ] > 5, became
    assert became[DROPPED] > 0, became
    assert became[MOVED] > 5, became


def test_a_second_process_is_kept_out_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with contextlib.closing(OutboxDb(path)), pytest.raises(OutboxDbError, match="locked"):
        OutboxDb(path)


def clock_s(path: Path) -> float:
    with contextlib.closing(sqlite3.connect(path)) as db:
        return float(db.execute("SELECT clock_s FROM clock").fetchone()[0])


@pytest.mark.parametrize("kind", ["header", "page", "text", "schema", "short", "clock"])
def test_a_damaged_file_is_moved_aside_and_a_new_one_begun(
    kind: str, broker: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keep(tmp_path, 50)
    path = tmp_path / "edge-fer-porch.db"
    content = bytearray(path.read_bytes())
    if kind == "text":
        content = bytearray(b"not a database at all" * 1000)
    elif kind == "schema":
        content = content.replace(b"CREATE TABLE clock", b"\xca" * 18)
    elif kind == "short":
        content = content[:1000]
    elif kind == "clock":
        content = content.replace(struct.pack(">d", clock_s(path)), struct.pack(">d", math.inf))
    else:
        at = 0 if kind == "header" else 4096
        content[at : at + 4096] = os.urandom(4096)
    path.write_bytes(content)
    with durable(broker.url, tmp_path, "s2", drain_s=5) as out:
        send(out, 3)
        until_acked(out, 3)
    assert 1 == out.counters()["outbox_damaged"]
    assert any("its events are lost, starting a new file" in line for line in warnings(caplog))
    assert bytes(content) == (tmp_path / "edge-fer-porch.db.damaged").read_bytes()
    assert [] == names(tmp_path)


def test_a_file_that_is_damaged_while_in_use_costs_nothing_that_is_in_memory(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.db"
    with kept_outbox(path, OutboxLimits(rows=1000, unacked=1, spill_after_s=0.05)) as (
        outbox,
        writer,
    ):
        fill(outbox, 10)
        wait_until(lambda: outbox.unsaved_count() == 0, "stored")
        assert writer._db is not None
        # SQLite's connection is the writer's alone, but now it is idle.
        time.sleep(0.3)
        writer._db._db.execute("DROP TABLE event")
        fill(outbox, 5)
        wait_until(lambda: writer.counters()["outbox_damaged"] == 1, "noticed")
        wait_until(lambda: outbox.unsaved_count() == 0, "stored again")
    with contextlib.closing(OutboxDb(path)) as store:
        assert 15 == len(store.load(0, 100)[0])


def test_a_full_disk_is_counted_and_live_events_go_on(
    broker: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with listening(broker, "event") as inbox, durable(broker.url, tmp_path, drain_s=5) as out:
        wait_until(lambda: out.connected, "connected")
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
        try:
            os.kill(broker.process.pid, signal.SIGSTOP)
            send(out, 400)
            wait_until(lambda: out.counters()["outbox_faults"], "full")
            os.kill(broker.process.pid, signal.SIGCONT)
            assert list(range(1, 401)) == collect(inbox, 400)
            send(out, 5)
            until_acked(out, 405)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert any("events wait in memory meanwhile" in line for line in warnings(caplog))
    assert (0, 405) == (out.undelivered, out.counters()["acked"])


def test_when_a_full_disk_has_room_again_the_rows_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_fer.mqtt.outbox_writer.RETRY_S", 0.1)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    bounds = OutboxLimits(rows=1000, unacked=50, spill_after_s=0.05)
    with kept_outbox(tmp_path / "a.db", bounds) as (outbox, writer):
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
        try:
            fill(outbox, 400, b"x" * 500)
            wait_until(lambda: writer.counters()["outbox_faults"] > 1, "tried again")
            assert outbox.unsaved_count()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        wait_until(lambda: outbox.unsaved_count() == 0, "stored")
    with contextlib.closing(OutboxDb(tmp_path / "a.db")) as store:
        assert [str(n) for n in range(400)] == [row.name for row in store.load(0, 1000)[0]]
