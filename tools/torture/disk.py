"""What the whole daemon makes of disks that are full, read-only or damaged, and of other files.

    python -m tools.torture disk --rounds 2000

The state directory is a tmpfs of its own, so it takes root. Then ``--rounds`` files are damaged
at random and opened: what comes out must be what was put in, and every row must be accounted for.
"""

import argparse
import contextlib
import logging
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tools.proofs import Proof, save
from tools.torture.kills import PORTRAIT
from tools.torture.lives import daemon_command, draw
from tools.torture.mosquitto import Broker, Witness
from tools.torture.running import Daemon
from tools.torture.spoilt import KEPT, age, make, open_spoilt

NAME = "edge-fer-torture.db"
SMALL, LARGE = "256k", "16m"
IN_MEMORY = Path("/dev/shm")
"""For damaged files; a disk would take most of the time."""
MORE = ("--set=mqtt.drain_s=1", "--set=camera.fps=10")


@dataclass
class Place:
    """What each case has: a broker, a state directory on a tmpfs, a stage."""

    broker: Broker
    folder: Path
    stage: Path

    daemons: list[Daemon] = field(default_factory=list)

    def start(self) -> Daemon:
        """A daemon, which ends with the place at the latest."""
        command = daemon_command(self.broker.url, self.folder, self.stage, *MORE)
        self.daemons.append(Daemon(command))
        return self.daemons[-1]

    def mount(self, options: str) -> None:
        """Mount it anew with other options."""
        subprocess.run(["mount", "-o", f"remount,{options}", str(self.folder)], check=True)

    @property
    def file(self) -> Path:
        """The outbox."""
        return self.folder / NAME


def full(place: Place) -> tuple[Daemon, str]:
    """The broker is away until the disk is full; then it is back, and away with room again."""
    place.mount(f"size={SMALL}")
    place.broker.stop()
    daemon = place.start()
    said = daemon.says("events wait in memory", 120)
    place.broker.start()
    _live(daemon)
    place.broker.stop()
    place.mount(f"size={LARGE}")
    return daemon, said


def read_only(place: Place) -> tuple[Daemon, str]:
    """Nothing can be written at the start, later it can."""
    place.mount("ro")
    daemon = place.start()
    said = daemon.says("events wait in memory")
    _live(daemon)
    place.broker.stop()
    place.mount("rw")
    return daemon, said


def damaged(place: Place) -> tuple[Daemon, str]:
    """A page of the file is overwritten."""
    make(place.file)
    content = bytearray(place.file.read_bytes())
    content[4096:8192] = os.urandom(4096)
    place.file.write_bytes(content)
    daemon = place.start()
    said = daemon.says("moved to")
    _live(daemon)
    place.broker.stop()
    return daemon, said


def newer(place: Place) -> tuple[Daemon, str]:
    """The file is of a newer version; while the daemon runs somebody moves it away."""
    with contextlib.closing(sqlite3.connect(place.file)) as db:
        db.execute("PRAGMA user_version = 99")
    before = place.file.read_bytes()
    daemon = place.start()
    said = daemon.says("events wait in memory")
    _live(daemon)
    place.broker.stop()
    assert before == place.file.read_bytes()
    place.file.unlink()
    return daemon, said


def foreign(place: Place) -> tuple[Daemon, str]:
    """The file is some other database."""
    with contextlib.closing(sqlite3.connect(place.file)) as db:
        db.execute("CREATE TABLE letters (a)")
    daemon = place.start()
    said = daemon.says("events wait in memory")
    _live(daemon)
    place.broker.stop()
    place.file.unlink()
    return daemon, said


def older(place: Place) -> tuple[Daemon, str]:
    """The file is of version 1, with events in it."""
    make(place.file)
    age(place.file)
    daemon = place.start()
    said = daemon.says("events of earlier sessions wait")
    daemon.until(lambda: len([n for n in daemon.told.acknowledged if n.startswith("old")]) == KEPT)
    _live(daemon)
    place.broker.stop()
    return daemon, said


NOTE = (
    "`edge-fer run` with dlib, onnxruntime and the default model; its state directory is a tmpfs "
    f"of {LARGE}, for *full* of {SMALL}. In each case events went on to a real mosquitto while "
    "the disk was as it was. Then the disk was well again (room, remounted, the file moved away) "
    "without a restart, the broker away, and events were written; the daemon was killed, and all "
    "that was accepted reached the subscriber after the next start. Damaged at random:"
)

CASES: tuple[Callable[[Place], tuple[Daemon, str]], ...] = (
    full,
    read_only,
    damaged,
    newer,
    foreign,
    older,
)


def _live(daemon: Daemon) -> None:
    """Wait until thirty more events have reached the broker."""
    before = len(daemon.told.acknowledged)
    if not daemon.until(lambda: len(daemon.told.acknowledged) > before + 30, 60):
        raise RuntimeError("no live events arrive")


@contextlib.contextmanager
def places(scratch: Path, stage: Path, broker: Broker) -> Iterator[Place]:
    """A place with a fresh tmpfs."""
    folder = scratch / "state"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={LARGE}", "none", folder], check=True)
    place = Place(broker, folder, stage)
    try:
        yield place
    finally:
        for daemon in place.daemons:
            daemon.kill()
        subprocess.run(["umount", folder], check=True)
        folder.rmdir()


def one(
    case: Callable[[Place], tuple[Daemon, str]], place: Place, witness: Witness
) -> tuple[str, int]:
    """Do it; when the disk is well again rows must get there, and outlive a kill.

    Returns what the daemon said, and how many accepted events are lost.
    """
    daemon, said = case(place)
    print(f"  {case.__name__}: {said}", file=sys.stderr, flush=True)
    stored = len(daemon.told.stored)
    if not daemon.until(lambda: len(daemon.told.stored) > stored + 30, 60):
        raise RuntimeError(f"{case.__name__}: nothing is written when the disk is well again")
    daemon.kill()
    place.broker.start()
    later = place.start()
    accepted = daemon.told.acknowledged | daemon.told.stored
    lacking = witness.lacks(accepted, 60)
    later.stop()
    return said.replace(f"{place.folder}/", ""), len(lacking)


def prove(options: argparse.Namespace) -> bool:
    """Each case once, and 2,000 damaged files unless told."""
    table, lost = [], 0
    with tempfile.TemporaryDirectory() as scratch:
        stage = draw(PORTRAIT, Path(scratch))
        for case in CASES:
            broker = Broker(Path(scratch))
            broker.start()
            witness = Witness(broker.port)
            try:
                with places(Path(scratch), stage, broker) as place:
                    said, lacking = one(case, place, witness)
            finally:
                witness.close()
                broker.stop()
            table.append({"case": case.__name__.replace("_", " "), "what it said": said})
            lost += lacking
    with tempfile.TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None) as scratch:
        became = spoil_many(options.rounds or 2000, options.seed, Path(scratch) / "outbox.db")
    found = ", ".join(f"{count:,} {what}" for what, count in became.most_common())
    save(
        "disk",
        Proof(
            title="disk full, read-only state directory, corrupted outbox, other schema",
            floor="clear error or counted drop; live publishing goes on",
            aim="the same",
            reached=f"{len(table)} cases, {lost} accepted lost; {became.total():,} files damaged at "
            "random, none misread",
            verdict="does not hold" if lost else "holds",
            command=options.command,
            note=f"{NOTE} {KEPT} rows in a file of which bits are flipped and parts overwritten or "
            f"cut: {found}.",
            rows=tuple(table),
        ),
    )
    return not lost


def spoil_many(count: int, seed: int, path: Path) -> Counter[str]:
    """Damage and open that many files."""
    logging.disable()
    try:
        return Counter(open_spoilt(number, path) for number in range(seed, seed + count))
    finally:
        logging.disable(logging.NOTSET)
