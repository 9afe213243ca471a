"""Kills a publisher at random moments, while the broker comes and goes, and looks what is lost.

    python -m tools.torture.outbox --rounds 500

Each round starts a real process that publishes events as fast as a few hundred a second, and
ends it with SIGKILL. Meanwhile a real mosquitto runs, stands still (SIGSTOP), is restarted or
is away. What counts as accepted is read from two sides: what the process wrote before it died
(a line for each receipt and each commit), and the rows in a copy of its outbox. At the end one
more process delivers what is left, and every accepted event must have reached a subscriber.
"""

import argparse
import contextlib
import json
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from tools.torture.victim import DRAIN_S

SUMMARY = Path(__file__).with_name("outbox.json")
WEATHER = ("fair", "still", "restart", "away")
"""What the broker does in a round."""


class Broker:
    """A mosquitto that keeps what it acknowledged over its own restarts."""

    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.port = int(server.getsockname()[1])
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        config = [
            f"listener {self.port} 127.0.0.1", "allow_anonymous true", "user root",
            "persistence true", f"persistence_location {folder}/", "max_queued_messages 0",
            "autosave_on_changes true", "autosave_interval 1",
        ]  # fmt: skip
        (folder / "mosquitto.conf").write_text("\n".join(config) + "\n")

    def start(self) -> None:
        """Wait until it takes connections."""
        program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        command = [program, "-c", str(self._folder / "mosquitto.conf")]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        while self._process.poll() is None:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            time.sleep(0.01)
        raise RuntimeError("mosquitto does not start")

    def send(self, number: int) -> None:
        """Signal it."""
        if self._process:
            self._process.send_signal(number)

    def stop(self) -> None:
        """Let it save what it has, and end."""
        if self._process:
            self._process.terminate()
            self._process.wait()
            self._process = None


class Witness:
    """A subscriber whose session the broker keeps; notes each event in the order of arrival."""

    def __init__(self, port: int) -> None:
        self.seen: dict[str, list[int]] = {}
        self.repeats = 0
        self._lock = threading.Lock()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, "witness", clean_session=False)
        self._client.reconnect_delay_set(0.1, 0.2)  # type: ignore[arg-type]
        self._client.on_connect = lambda client, *_: client.subscribe("torture/outbox/event", 1)
        self._client.on_message = self._note
        subscribed = threading.Event()
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert subscribed.wait(10)

    def names(self) -> set[str]:
        """Ids of all events that came."""
        with self._lock:
            return {f"{name}-{seq}" for name, seqs in self.seen.items() for seq in seqs}

    def out_of_order(self) -> int:
        """Sessions in which an event first came after a later one."""
        with self._lock:
            return sum(seqs != sorted(seqs) for seqs in self.seen.values())

    def close(self) -> None:
        """Hang up."""
        self._client.disconnect()
        self._client.loop_stop()

    def _note(self, _client: Any, _userdata: Any, message: paho.MQTTMessage) -> None:
        event = json.loads(message.payload)
        with self._lock:
            seqs = self.seen.setdefault(event["session"], [])
            if event["seq"] in seqs:
                self.repeats += 1
            else:
                seqs.append(event["seq"])


@contextlib.contextmanager
def weather(broker: Broker, kind: str, dice: random.Random) -> Iterator[None]:
    """What happens to the broker while a process publishes."""
    if kind == "away":
        broker.stop()
    timers = []
    if kind == "still":
        timers = [threading.Timer(dice.uniform(0, 0.8), broker.send, [signal.SIGSTOP])]
    elif kind == "restart":
        timers = [threading.Timer(dice.uniform(0.3, 1.2), broker.stop)]
    for timer in timers:
        timer.start()
    try:
        yield
    finally:
        for timer in timers:
            timer.join()
        if kind == "still":
            broker.send(signal.SIGCONT)
        elif kind != "fair":
            broker.start()


def rows(folder: Path) -> list[str] | None:
    """Names of the events in a copy of the outbox; None where it is corrupt."""
    with tempfile.TemporaryDirectory() as scratch:
        for file in folder.glob("*.db*"):
            shutil.copy(file, scratch)
        path = Path(scratch) / "torture-outbox.db"
        if not path.exists():
            return []
        with contextlib.closing(sqlite3.connect(path)) as db:
            try:
                if db.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
                    return None
                if not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                    return []
                return [name for (name,) in db.execute("SELECT name FROM event")]
            except sqlite3.DatabaseError:
                return None


def one_round(url: str, folder: Path, session: str, life_s: float) -> tuple[int, set[str]]:
    """Let a process publish for that long, kill it; returns how many events it made, accepted."""
    command = [sys.executable, "-m", "tools.torture.victim", url, str(folder), session]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    killer = threading.Timer(life_s, process.kill)
    killer.start()
    text, _ = process.communicate(timeout=DRAIN_S + 30)
    killer.cancel()
    # The last line may be half a line.
    lines = text.decode().split("\n")[:-1]
    accepted = {line.split()[1].rstrip(":") for line in lines if line.startswith("accepted ")}
    return sum(line.startswith("made ") for line in lines), accepted


def torture(rounds: int, seed: int) -> dict[str, int]:
    """Do it; returns the counts of the summary."""
    dice = random.Random(seed)
    counts = dict.fromkeys(("made", "corrupt", "most_unaccepted", "rows_left_by_kills"), 0)
    accepted: set[str] = set()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "state"
        broker = Broker(Path(scratch))
        broker.start()
        witness = Witness(broker.port)
        url = f"mqtt://127.0.0.1:{broker.port}"
        try:
            for number in range(rounds):
                with weather(broker, dice.choice(WEATHER), dice):
                    made, told = one_round(url, folder, f"{number:06x}", dice.uniform(0.3, 1.5))
                kept = rows(folder)
                counts["corrupt"] += kept is None
                counts["rows_left_by_kills"] += len(kept or ())
                counts["made"] += made
                told |= set(kept or ())
                own = sum(name.startswith(f"{number:06x}-") for name in told)
                counts["most_unaccepted"] = max(counts["most_unaccepted"], made - own)
                accepted |= told
            one_round(url, folder, "none", DRAIN_S)
            deadline = time.monotonic() + 10
            while accepted - witness.names() and time.monotonic() < deadline:
                time.sleep(0.1)
            counts["left"] = len(rows(folder) or ())
        finally:
            witness.close()
            broker.stop()
    names = witness.names()
    return {
        "rounds": rounds, "seed": seed, **counts, "accepted": len(accepted),
        "delivered": len(names), "accepted_lost": len(accepted - names),
        "delivered_twice": witness.repeats, "sessions_out_of_order": witness.out_of_order(),
    }  # fmt: skip


def main() -> None:
    """Run as many rounds as asked for, and keep the summary."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    began = time.monotonic()
    summary = torture(arguments.rounds, arguments.seed)
    summary["seconds"] = round(time.monotonic() - began)
    SUMMARY.write_text(json.dumps(summary, indent=2) + "\n")
    print(json.dumps(summary, indent=2))
    sys.exit(bool(summary["accepted_lost"] or summary["corrupt"]))


if __name__ == "__main__":
    main()
