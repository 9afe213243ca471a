"""Kills a process at random moments, while the broker comes and goes, and looks what is lost.

    python -m tools.torture kill-daemon --rounds 500
    python -m tools.torture kill-publisher --rounds 5000 --jobs 3

Each round starts a real process that publishes events, and ends it with SIGKILL. Meanwhile a
real mosquitto runs, stands still (SIGSTOP), is stopped, killed and started again, is away or
comes later. What counts as accepted is read from two sides: what the process wrote before it
died (a line for each receipt and each commit), and the rows in a copy of its outbox. At the end
one more process delivers what is left, and every accepted event must have reached a subscriber.

mosquitto sends a receipt before it saves, so a broker that is killed in between loses what it
has acknowledged. Such a loss is counted by itself: the receipt came in a round in which the
broker was killed, and nowhere else.
"""

import argparse
import concurrent.futures
import contextlib
import math
import random
import shutil
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tools.proofs import Proof, Verdict, save
from tools.torture.lives import STUCK_S, Told, daemon, daemon_command, draw, publisher
from tools.torture.mosquitto import WEATHER, Broker, Witness

PORTRAIT = Path(".cache/astronaut.png")
FLOOR, AIM = 500, 5000
CALM, CALM_S = 50, 20.0
"""After so many rounds what waits has so many seconds to be delivered; it would grow for ever."""

Round = Callable[[str, Path, int, random.Random], Told]
"""Lives and is killed: the broker's address, the folder of the outbox, the number of the round."""


def publisher_round(url: str, folder: Path, number: int, dice: random.Random) -> Told:
    """One life of the way to the broker."""
    return publisher(url, folder, f"{number:06x}", dice.uniform(0, 1.0))


def daemon_round(stage: Path) -> Round:
    """One life of the whole daemon; one in eight is killed while it starts."""

    def run(url: str, folder: Path, number: int, dice: random.Random) -> Told:
        command = daemon_command(url, folder, stage)
        if number % 8 == 0:
            return daemon(command, dice.uniform(0.2, 2.5), from_first=False)
        return daemon(command, dice.uniform(0, 2.0), from_first=True)

    return run


def rows(folder: Path) -> list[str] | None:
    """Names of the events in a copy of the outbox; None where it is corrupt."""
    with tempfile.TemporaryDirectory() as scratch:
        for file in folder.glob("*.db*"):
            shutil.copy(file, scratch)
        found = list(Path(scratch).glob("*.db"))
        if not found:
            return []
        with contextlib.closing(sqlite3.connect(found[0])) as db:
            try:
                if db.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
                    return None
                if not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                    return []
                return [name for (name,) in db.execute("SELECT name FROM event")]
            except sqlite3.DatabaseError:
                return None


class Torture:
    """Round after round on one outbox and one broker."""

    def __init__(self, one_round: Round, seed: int, within_s: float = 1.0) -> None:
        self.counts: Counter[str] = Counter()
        self.kinds: Counter[str] = Counter()
        self._round, self._within_s = one_round, within_s
        self._dice = random.Random(seed)
        self._accepted: set[str] = set()
        self._lost_with_broker: set[str] = set()
        """Acknowledged in a round in which the broker was killed."""

    def run(self, rounds: int, until: float = math.inf) -> Counter[str]:
        """Do it, no longer than ``until`` on the monotonic clock."""
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / "state"
            broker = Broker(Path(scratch))
            broker.start()
            witness = Witness(broker.port)
            try:
                for number in range(rounds):
                    if time.monotonic() > until:
                        break
                    self._one(broker, folder, number)
                    if number % CALM == CALM - 1:
                        publisher(broker.url, folder, "none", CALM_S)
                self._deliver(broker, folder)
                lacking = witness.lacks(self._accepted)
            finally:
                witness.close()
                broker.stop()
        names = witness.names()
        by_broker = lacking & self._lost_with_broker
        self.counts.update(
            accepted=len(self._accepted),
            delivered=len(names),
            repeats=witness.repeats,
            lost=len(lacking - by_broker),
            lost_by_killed_broker=len(by_broker),
            sessions_out_of_order=witness.out_of_order(),
        )
        return self.counts

    def _one(self, broker: Broker, folder: Path, number: int) -> None:
        kind = self._dice.choice(WEATHER)
        with broker.weather(kind, self._within_s, self._dice):
            told = self._round(broker.url, folder, number, self._dice)
        kept = rows(folder)
        accepted = told.acknowledged | told.stored | set(kept or ())
        new = accepted - self._accepted
        self.kinds[kind] += 1
        self.counts.update(
            rounds=1, made=told.made, corrupt=kept is None, kept_on_disk=len(kept or ())
        )
        unaccepted = max(self.counts["most_unaccepted"], told.made - len(new))
        self.counts["most_unaccepted"] = unaccepted
        self._accepted |= accepted
        if kind == "killed":
            self._lost_with_broker |= told.acknowledged

    def _deliver(self, broker: Broker, folder: Path) -> None:
        left = None
        while left != 0 and (now := len(rows(folder) or ())) != left:
            left = now
            publisher(broker.url, folder, "none", STUCK_S)
        self.counts["left"] += len(rows(folder) or ())


def many(make: Callable[[int], Torture], rounds: int, jobs: int, minutes: float) -> Torture:
    """Have several at it side by side, each with its own broker; returns the sum."""
    until = time.monotonic() + 60 * minutes
    every = [make(number) for number in range(jobs)]
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        shares = [rounds // jobs + (number < rounds % jobs) for number in range(jobs)]
        list(pool.map(lambda one, share: one.run(share, until), every, shares))
    whole = every[0]
    for other in every[1:]:
        most = max(whole.counts["most_unaccepted"], other.counts["most_unaccepted"])
        whole.counts.update(other.counts)
        whole.kinds.update(other.kinds)
        whole.counts["most_unaccepted"] = most
    return whole


def verdict(counts: Counter[str]) -> Verdict:
    """How far that got."""
    if counts["lost"] or counts["corrupt"] or counts["left"] or counts["rounds"] < FLOOR:
        return "below the floor"
    return "aim" if counts["rounds"] >= AIM else "floor"


def prove_daemon(options: argparse.Namespace) -> bool:
    """The whole daemon, `FLOOR` rounds unless told."""
    with tempfile.TemporaryDirectory() as scratch:
        one_round = daemon_round(draw(PORTRAIT, Path(scratch)))
        return _prove("daemon", one_round, 3.0, FLOOR, options)


def prove_publisher(options: argparse.Namespace) -> bool:
    """The way to the broker alone, `AIM` rounds unless told."""
    return _prove("publisher", publisher_round, 1.0, AIM, options)


def _prove(
    whole: str, one_round: Round, within_s: float, rounds: int, options: argparse.Namespace
) -> bool:
    done = many(
        lambda job: Torture(one_round, options.seed + job, within_s),
        options.rounds or rounds,
        options.jobs,
        options.minutes,
    )
    counts = done.counts
    print(dict(counts), file=sys.stderr)
    found = verdict(counts)
    save(
        f"kill-{whole}",
        Proof(
            title=TITLES[whole],
            floor=f"{FLOOR} rounds, 0 accepted lost, 0 corrupt outboxes",
            aim=f"{AIM:,} rounds",
            reached=f"{counts['rounds']:,} rounds, {counts['lost']} accepted lost, "
            f"{counts['corrupt']} corrupt",
            verdict=found,
            command=options.command,
            note=NOTES[whole] + NOTE,
            rows=({key.replace("_", " "): counts[key] for key in SHOWN},),
        ),
    )
    return found != "below the floor"


TITLES = {
    "daemon": "kill -9 of the whole daemon",
    "publisher": "kill -9 of the way to the broker alone",
}
NOTES = {
    "daemon": "`edge-fer run` with dlib, onnxruntime and the default model on a folder of "
    "pictures, in which a face is now left, now right: two events a frame; the landmark file is "
    "cut to its first three cascades, so that a start costs less. It is killed at a "
    "random moment within 2 s of the first event, in one round of eight while it starts. ",
    "publisher": "A process with `Publisher` and its outbox alone, without camera and network, "
    "which makes a hundred events a second. It is killed within 1 s of its first event. ",
}
NOTE = (
    "Meanwhile a real mosquitto (`autosave_on_changes true`, `autosave_interval 1`) runs, stands "
    "still (SIGSTOP), is stopped, is killed and started again, is away or comes later, with equal "
    "chances. Accepted is what the process wrote of receipts and commits before it died, and the "
    "rows in a copy of its outbox. *Lost by killed broker* is what mosquitto acknowledged and had "
    "not saved when it was killed itself; no receipt can tell that. *Most unaccepted* is the "
    "most events of one life that were neither on disk nor acknowledged; "
    "`mqtt.max_unacked` was 20, and the one just being made comes on top."
)
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
