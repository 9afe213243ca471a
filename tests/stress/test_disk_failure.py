"""Full, read-only and damaged disks, and outboxes of other versions, lose no accepted event."""

import contextlib
import logging
import os
import sqlite3
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.stress import stage as stages
from tests.stress.publisher_process import DEVICE
from tests.support.broker import Mosquitto
from tests.support.daemon import Daemon
from tests.support.damaged_outbox import ROWS, create, downgrade, open_damaged
from tests.support.long_runs import Effort, Record
from tests.support.subscriber import Subscriber

NAME = f"edge-fer-{DEVICE}.db"
SMALL, LARGE = "256k", "16m"
FILES = 2000
IN_MEMORY = Path("/dev/shm")
"""For damaged files; a disk would take most of the time."""
SETTINGS = {"mqtt.drain_s": 1, "camera.fps": 10}
NOT_WRITABLE = "events wait in memory"

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to mount a file system")


class Place:
    """A broker, and a state directory on its own tmpfs."""

    def __init__(self, broker: Mosquitto, folder: Path, scene: Path) -> None:
        self.broker, self.file = broker, folder / NAME
        self.daemons: list[Daemon] = []
        self._folder, self._scene = folder, scene

    def start(self) -> Daemon:
        """Start a daemon."""
        command = stages.command(self.broker.url, self._folder, self._scene, SETTINGS)
        self.daemons.append(Daemon(command))
        return self.daemons[-1]

    def mount(self, options: str) -> None:
        """Mount the state directory with other options."""
        subprocess.run(["mount", "-o", f"remount,{options}", str(self._folder)], check=True)


@pytest.fixture
def place(persistent_broker: Mosquitto, stage: Path, tmp_path: Path) -> Iterator[Place]:
    folder = tmp_path / "state"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={LARGE}", "none", folder], check=True)
    place = Place(persistent_broker, folder, stage)
    try:
        yield place
    finally:
        for daemon in place.daemons:
            daemon.kill()
        subprocess.run(["umount", folder], check=True)


def wait_for_live_events(daemon: Daemon) -> None:
    before = len(daemon.log.acknowledged)
    daemon.wait_for(lambda: len(daemon.log.acknowledged) > before + 30, "live events")


def full(place: Place) -> tuple[Daemon, str]:
    """Stop the broker until the disk is full; later there is space again."""
    place.mount(f"size={SMALL}")
    place.broker.stop()
    daemon = place.start()
    line = daemon.wait_for_line(NOT_WRITABLE, 120)
    place.broker.start()
    wait_for_live_events(daemon)
    place.broker.stop()
    place.mount(f"size={LARGE}")
    return daemon, line


def read_only(place: Place) -> tuple[Daemon, str]:
    """Allow no writes at the start; later allow them."""
    place.mount("ro")
    daemon = place.start()
    line = daemon.wait_for_line(NOT_WRITABLE)
    wait_for_live_events(daemon)
    place.broker.stop()
    place.mount("rw")
    return daemon, line


def damaged(place: Place) -> tuple[Daemon, str]:
    """Overwrite a page of the file before the start."""
    create(place.file)
    content = bytearray(place.file.read_bytes())
    content[4096:8192] = os.urandom(4096)
    place.file.write_bytes(content)
    daemon = place.start()
    line = daemon.wait_for_line("moved to")
    wait_for_live_events(daemon)
    place.broker.stop()
    return daemon, line


def unusable(place: Place, sql: str) -> tuple[Daemon, str]:
    """Start with a file that the daemon must leave as it is, and remove it while it runs."""
    with contextlib.closing(sqlite3.connect(place.file)) as db:
        db.execute(sql)
    before = place.file.read_bytes()
    daemon = place.start()
    line = daemon.wait_for_line(NOT_WRITABLE)
    wait_for_live_events(daemon)
    place.broker.stop()
    assert before == place.file.read_bytes()
    place.file.unlink()
    return daemon, line


def newer(place: Place) -> tuple[Daemon, str]:
    """Start with a file of a newer version."""
    return unusable(place, "PRAGMA user_version = 99")


def foreign(place: Place) -> tuple[Daemon, str]:
    """Start with another program's database."""
    return unusable(place, "CREATE TABLE letters (a)")


def older(place: Place) -> tuple[Daemon, str]:
    """Start with a file of version 1, with events in it."""
    create(place.file)
    downgrade(place.file)
    daemon = place.start()
    line = daemon.wait_for_line("events of earlier sessions")

    def delivered() -> bool:
        return ROWS == sum(name.startswith("old") for name in list(daemon.log.acknowledged))

    daemon.wait_for(delivered, "the old events delivered")
    wait_for_live_events(daemon)
    place.broker.stop()
    return daemon, line


Case = Callable[[Place], tuple[Daemon, str]]
CASES: tuple[Case, ...] = (full, read_only, damaged, newer, foreign, older)


def check(case: Case, place: Place, subscriber: Subscriber) -> str:
    """Run a case; afterwards rows must be written, and survive a kill. Return the log line."""
    daemon, line = case(place)
    before = len(daemon.log.stored)
    daemon.wait_for(lambda: len(daemon.log.stored) > before + 30, "rows written again")
    daemon.kill()
    place.broker.start()
    later = place.start()
    assert set() == subscriber.missing(daemon.log.accepted, 60)
    later.stop()
    return line.replace(f"{place.file.parent}/", "")


@as_root
@pytest.mark.parametrize("case", [full, newer])
def test_a_disk_that_fails_costs_nothing_that_was_accepted(
    case: Case, place: Place, subscriber: Subscriber
) -> None:
    assert check(case, place, subscriber).startswith(NAME)


@pytest.fixture(scope="module")
def lines(record: Record) -> Iterator[dict[str, str]]:
    """Collect the daemon's lines; record them when every case and the files are done."""
    lines: dict[str, str] = {}
    yield lines
    if len(lines) == len(CASES) + 1:
        result = f"{len(CASES)} cases, 0 accepted lost; {lines.pop('files')}"
        record("disk", result, [{"case": name, "log": line} for name, line in lines.items()])


@as_root
@pytest.mark.stress
@pytest.mark.parametrize("case", CASES)
def test_each_failure(
    case: Case, place: Place, subscriber: Subscriber, lines: dict[str, str]
) -> None:
    lines[case.__name__.replace("_", " ")] = check(case, place, subscriber)


@pytest.mark.stress
def test_files_damaged_at_random(effort: Effort, lines: dict[str, str]) -> None:
    count = effort.rounds or FILES
    logging.disable()
    try:
        with tempfile.TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None) as folder:
            file = Path(folder) / "outbox.db"
            became = Counter(open_damaged(effort.seed + k, file) for k in range(count))
    finally:
        logging.disable(logging.NOTSET)
    found = ", ".join(f"{number:,} {what}" for what, number in became.most_common())
    lines["files"] = f"{count:,} files damaged at random, none misread: {found}"
