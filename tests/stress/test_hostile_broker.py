"""A server that violates MQTT costs no event, and the client does not flood it.

First the delays between two attempts are hundredths of a second, for many connections; sometimes
the server is the real broker, and every event must arrive in order. Then the connections are
counted with the normal delays.
"""

import contextlib
import random
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from edge_fer.mqtt import connection
from tests.stress import hostile_broker
from tests.stress.hostile_broker import HostileBroker, Role
from tests.stress.publisher_process import publisher
from tests.support.broker import Mosquitto
from tests.support.long_runs import Effort, Record
from tests.support.mqtt import EVENT, SIZE
from tests.support.subscriber import Subscriber
from tests.support.wait import wait_until

CONNECTIONS = 2000
DELIVER_S = 600.0
MINUTE_S = 60.0
AT_MOST = 60
"""Connections a minute."""
SESSION = "hostile"
AT_ONCE: tuple[Role, ...] = (
    hostile_broker.hang_up,
    hostile_broker.send_noise,
    hostile_broker.speak_another_protocol,
    hostile_broker.refuse,
    hostile_broker.accept_and_hang_up,
    hostile_broker.accept_and_send_noise,
    hostile_broker.refuse_messages,
)
"""Roles that end a connection at once, so that only the client's delays limit the next attempt."""


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten delays and timeouts to hundredths of a second."""
    for name, value in {
        "RETRY_MIN_S": 0.001,
        "RETRY_MAX_S": 0.01,
        "CONNECT_TIMEOUT_S": 0.1,
    }.items():
        monkeypatch.setattr(connection, name, value)


class Meeting:
    """A publisher and a hostile broker, which at last becomes the real one."""

    def __init__(self, broker: Mosquitto, subscriber: Subscriber, folder: Path) -> None:
        self.made = 0
        self.missing: set[str] = set()
        self.counters: dict[str, Any] = {}
        self._broker, self._subscriber, self._folder = broker, subscriber, folder

    def run(self, connections: int, seed: int, until: float) -> HostileBroker:
        """Publish through that many bad connections, then deliver the rest."""
        bad = HostileBroker(self._broker.port, random.Random(seed))
        with contextlib.closing(bad), publisher(bad.url, self._folder, SESSION) as out:
            while len(bad.times) < connections and time.monotonic() < until:
                out.publish_event(EVENT, SIZE)
                self.made += 1
                time.sleep(0.05)
            bad.roles = (hostile_broker.relay,)
            wait_until(lambda: not out.counters()["waiting"], "delivered all", DELIVER_S, 0.05)
            every = {f"{SESSION}-{number}" for number in range(1, self.made + 1)}
            self.missing = self._subscriber.missing(every)
            self.counters = out.counters()
        return bad


@pytest.fixture
def meeting(
    hurried: None, persistent_broker: Mosquitto, subscriber: Subscriber, tmp_path: Path
) -> Meeting:
    return Meeting(persistent_broker, subscriber, tmp_path / "state")


def connections(seconds: float, folder: Path) -> tuple[dict[str, int], float]:
    """Return the connections to each role in that time, and the CPU seconds of all clients."""
    with contextlib.ExitStack() as stack:
        every = {role.__name__: HostileBroker(0, random.Random(1), (role,)) for role in AT_ONCE}
        for name, bad in every.items():
            stack.callback(bad.close)
            out = stack.enter_context(publisher(bad.url, folder / name, SESSION))
            out.publish_event(EVENT, SIZE)
        before = time.process_time()
        time.sleep(seconds)
        spent = time.process_time() - before
        return {name.replace("_", " "): len(bad.times) for name, bad in every.items()}, spent


def test_a_hostile_broker_costs_no_event_and_no_order(
    meeting: Meeting, subscriber: Subscriber
) -> None:
    bad = meeting.run(40, seed=1, until=time.monotonic() + DELIVER_S)
    assert (set(), 0, 0) == (
        meeting.missing,
        subscriber.out_of_order,
        meeting.counters["dropped_full"],
    )
    assert len(bad.played) > 8


def test_a_hostile_broker_is_not_called_again_and_again(tmp_path: Path) -> None:
    found, _ = connections(4, tmp_path)
    for name, count in found.items():
        assert 1 <= count <= 10, name


@pytest.mark.stress
def test_thousands_of_bad_connections(
    meeting: Meeting,
    subscriber: Subscriber,
    effort: Effort,
    record: Record,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    bad = meeting.run(effort.rounds or CONNECTIONS, effort.seed, effort.until)
    monkeypatch.undo()
    shutil.rmtree(tmp_path / "state")
    counted, spent = connections(MINUTE_S, tmp_path)
    record(
        "hostile-broker",
        f"{len(bad.times):,} connections, {len(meeting.missing)} of {meeting.made:,} events lost, "
        f"{subscriber.out_of_order} out of order, {meeting.counters['refused']:,} refused messages "
        f"counted; with the normal delays at most {max(counted.values())} connections a minute, "
        f"and {spent:.1f} s of CPU time for {len(counted)} publishers in that minute",
        [{"the server": role, "connections": count} for role, count in bad.played.most_common()],
    )
    assert (set(), 0) == (meeting.missing, subscriber.out_of_order)
    assert max(counted.values()) <= AT_MOST
