"""Short runs of what `make torture` does for long: real daemons, brokers, networks and disks."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from faces import CACHE

from tools.torture import disk, hostile, network, stop
from tools.torture.kills import Torture, daemon_round
from tools.torture.lives import draw
from tools.torture.mosquitto import Broker, Witness
from tools.torture.villain import Villain

as_root = pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("ip"), reason="needs root")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, landmarks: Path) -> Path:
    portrait = CACHE / "astronaut.png"
    if not portrait.is_file() or not shutil.which("mosquitto", path="/usr/sbin:/usr/bin"):
        pytest.skip("the portrait or mosquitto is not there; `make test` fetches them")
    return draw(portrait, tmp_path_factory.mktemp("stage"))


def test_no_accepted_event_is_lost_when_the_whole_daemon_is_killed(stage: Path) -> None:
    counts = Torture(daemon_round(stage), seed=3, within_s=2.0).run(3)
    assert (0, 0, 0, 3) == tuple(counts[name] for name in ("lost", "corrupt", "left", "rounds"))
    assert counts["accepted"] > 5, counts


def test_a_hostile_broker_costs_no_event_and_no_order(stage: Path) -> None:
    found = hostile.meet(40, seed=1)
    assert (0, 0, 0) == (found["lost"], found["out of order"], found["dropped"])
    assert isinstance(found["bad"], Villain)
    assert len(found["bad"].deeds) > 8


def test_a_hostile_broker_is_not_called_again_and_again(stage: Path) -> None:
    for name, (count, _) in hostile.paces(4).items():
        assert 1 <= count <= 10, name


@pytest.mark.parametrize("condition", stop.CONDITIONS, ids=lambda each: each.__name__)
def test_the_daemon_stops_with_all_events_somewhere(
    condition: stop.Condition, stage: Path, tmp_path: Path
) -> None:
    broker = Broker(tmp_path)
    broker.start()
    try:
        took, missing = stop.once(condition, broker, stage, tmp_path / "state")
    finally:
        broker.stop()
    # The limit is 2 s; a machine that does other work may take longer to do the same.
    assert took < 5 * stop.LIMIT_S
    assert 0 == missing


@as_root
@pytest.mark.parametrize("case", [disk.full, disk.newer], ids=lambda each: each.__name__)
def test_a_disk_that_fails_costs_nothing_that_was_accepted(
    case: Callable[[disk.Place], Any], stage: Path, tmp_path: Path
) -> None:
    broker = Broker(tmp_path)
    broker.start()
    witness = Witness(broker.port)
    try:
        with disk.places(tmp_path, stage, broker) as place:
            said, lost = disk.one(case, place, witness)
    finally:
        witness.close()
        broker.stop()
    assert (True, 0) == (said.startswith(disk.NAME), lost)


@as_root
def test_packets_that_are_lost_for_a_while_arrive_in_order(stage: Path) -> None:
    found = network.endure(1, 1, only=("packets lost, for less than the keep-alive", "cable out"))
    assert (0, 0, 0) == tuple(found[name] for name in ("lost", "out of order", "left"))
    assert found["made"] == found["delivered"]
