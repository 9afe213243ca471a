"""Kill a process at random moments while the broker comes and goes: no accepted event is lost.

Each round starts a real process that publishes events, and ends it by SIGKILL. Meanwhile a real
mosquitto runs, hangs, stops, is killed and restarted, is absent, or starts late. An event is
accepted if the process logged its acknowledgement or its commit before it died, or if it is in a
copy of the outbox. At the end one more process delivers what is left, and every accepted event
must have reached a subscriber.

mosquitto acknowledges before it saves, so a broker that is killed in between loses what it has
acknowledged. Such a loss is counted separately: the acknowledgement arrived in a round in which
the broker was killed.
"""

import concurrent.futures
import contextlib
import math
import os
import random
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.stress import publisher_process
from tests.stress import stage as stages
from tests.stress.publisher_process import MAX_UNACKED, TOPIC
from tests.support.broker import Mosquitto, running
from tests.support.daemon import Daemon, EventLog
from tests.support.long_runs import Effort, Record
from tests.support.outbox import rows_of_copy
from tests.support.subscriber import subscribed

DISTURBANCES = ("none", "hang", "stop", "absent", "late", "kill")
"""What happens to the broker in a round; "late" starts it during the round."""
REQUIRED, GOAL = 500, 5000
"""Rounds."""
DELIVER_EACH, DELIVER_S = 50, 20.0
"""After so many rounds the outbox may empty itself for so long; it would grow for ever."""

Round = Callable[[str, Path, int, random.Random], EventLog]
"""Runs and kills a process: the broker's address, the outbox's folder, the round's number."""


def publisher_round(url: str, folder: Path, number: int, dice: random.Random) -> EventLog:
    """Kill the publisher within a second of its first event."""
    return publisher_process.run(url, folder, f"{number:06x}", dice.uniform(0, 1.0))


def daemon_round(scene: Path) -> Round:
    """Return a round that kills the daemon, in one of eight rounds while it starts."""

    def run(url: str, folder: Path, number: int, dice: random.Random) -> EventLog:
        daemon = Daemon(stages.command(url, folder, scene))
        if number % 8 == 0:
            publisher_process.live(daemon.log, dice.uniform(0.2, 2.5), from_first=False)
        else:
            publisher_process.live(daemon.log, dice.uniform(0, 2.0), from_first=True)
        daemon.kill()
        return daemon.log

    return run


@contextlib.contextmanager
def disturbed(broker: Mosquitto, kind: str, within_s: float, dice: random.Random) -> Iterator[None]:
    """Disturb the broker at a random moment; it runs again after the context."""
    if kind in ("absent", "late"):
        broker.stop()
    actions = {
        "hang": lambda: broker.send(signal.SIGSTOP),
        "stop": broker.stop,
        "late": broker.start,
        "kill": lambda: broker.restart(signal.SIGKILL),
    }
    timer = threading.Timer(dice.uniform(0, within_s), actions.get(kind, lambda: None))
    timer.start()
    try:
        yield
    finally:
        timer.join()
        if kind == "hang":
            broker.send(signal.SIGCONT)
        elif kind in ("stop", "absent"):
            broker.start()


class Rounds:
    """Round after round with one outbox and one broker."""

    def __init__(self, one_round: Round, seed: int, within_s: float = 1.0) -> None:
        self.counts: Counter[str] = Counter()
        self._round, self._within_s = one_round, within_s
        self._dice = random.Random(seed)
        self._accepted: set[str] = set()
        self._lost_with_broker: set[str] = set()
        """Acknowledged in a round in which the broker was killed."""

    def run(self, count: int, until: float = math.inf) -> Counter[str]:
        """Run so many rounds, none after ``until`` on the monotonic clock; return the counts."""
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / "state"
            broker = Mosquitto(Path(scratch) / "broker", persistent=True)
            with running(broker), subscribed(broker.port, TOPIC) as subscriber:
                for number in range(count):
                    if time.monotonic() > until:
                        break
                    self._one(broker, folder, number)
                    if number % DELIVER_EACH == DELIVER_EACH - 1:
                        publisher_process.deliver(broker.url, folder, DELIVER_S)
                self._deliver(broker, folder)
                missing = subscriber.missing(self._accepted)
        by_broker = missing & self._lost_with_broker
        self.counts.update(
            accepted=len(self._accepted),
            delivered=len(subscriber.names),
            repeats=subscriber.repeats,
            lost=len(missing - by_broker),
            lost_by_killed_broker=len(by_broker),
            sessions_out_of_order=subscriber.out_of_order,
        )
        return self.counts

    def _one(self, broker: Mosquitto, folder: Path, number: int) -> None:
        kind = self._dice.choice(DISTURBANCES)
        with disturbed(broker, kind, self._within_s, self._dice):
            log = self._round(broker.url, folder, number, self._dice)
        kept = rows_of_copy(folder)
        accepted = log.accepted | set(kept or ())
        new = accepted - self._accepted
        self.counts.update(rounds=1, made=log.made, corrupt=kept is None)
        unaccepted = max(self.counts["most_unaccepted"], log.made - len(new))
        self.counts["most_unaccepted"] = unaccepted
        self._accepted |= accepted
        if kind == "kill":
            self._lost_with_broker |= log.acknowledged

    def _deliver(self, broker: Mosquitto, folder: Path) -> None:
        left = None
        while left != 0 and (now := len(rows_of_copy(folder) or ())) != left:
            left = now
            publisher_process.deliver(broker.url, folder)
        self.counts["left"] += len(rows_of_copy(folder) or ())


def in_parallel(one_round: Round, effort: Effort, rounds: int, within_s: float) -> Counter[str]:
    """Run several `Rounds`, each with its own broker; return the sums."""
    jobs = effort.jobs
    shares = [rounds // jobs + (number < rounds % jobs) for number in range(jobs)]
    every = [Rounds(one_round, effort.seed + number, within_s) for number in range(jobs)]
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        found = list(pool.map(lambda one, share: one.run(share, effort.until), every, shares))
    counts: Counter[str] = sum(found, Counter())
    counts["most_unaccepted"] = max(one["most_unaccepted"] for one in found)
    return counts


SHOWN = (
    "rounds",
    "made",
    "accepted",
    "delivered",
    "lost",
    "corrupt",
    "lost_by_killed_broker",
    "most_unaccepted",
    "repeats",
    "sessions_out_of_order",
    "left",
)


def check(name: str, counts: Counter[str], record: Record) -> None:
    row = {key.replace("_", " "): counts[key] for key in SHOWN}
    result = "{rounds:,} rounds, {lost} accepted lost, {corrupt} corrupt".format(**row)
    record(name, result, [row])
    assert (0, 0, 0) == tuple(counts[key] for key in ("lost", "corrupt", "left")), counts


def test_no_accepted_event_is_lost_when_the_process_is_killed_at_random_moments() -> None:
    counts = Rounds(publisher_round, seed=int.from_bytes(os.urandom(2), "big")).run(20)
    assert (0, 0, 0, 0) == tuple(
        counts[name] for name in ("lost", "corrupt", "sessions_out_of_order", "left")
    ), counts
    # One more event may be in the making.
    assert counts["most_unaccepted"] <= MAX_UNACKED + 1, counts
    assert counts["accepted"] > 100, counts


def test_no_accepted_event_is_lost_when_the_whole_daemon_is_killed(stage: Path) -> None:
    counts = Rounds(daemon_round(stage), seed=3, within_s=2.0).run(3)
    assert (0, 0, 0, 3) == tuple(counts[name] for name in ("lost", "corrupt", "left", "rounds"))
    assert counts["accepted"] > 5, counts


@pytest.mark.stress
def test_kill_publisher(effort: Effort, record: Record) -> None:
    counts = in_parallel(publisher_round, effort, effort.rounds or GOAL, 1.0)
    check("kill-publisher", counts, record)


@pytest.mark.stress
def test_kill_daemon(stage: Path, effort: Effort, record: Record) -> None:
    counts = in_parallel(daemon_round(stage), effort, effort.rounds or REQUIRED, 3.0)
    check("kill-daemon", counts, record)
