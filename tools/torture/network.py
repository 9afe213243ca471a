"""Runs the whole daemon behind a network that fails, and looks whether every event arrives.

    python -m tools.torture network --rounds 2

The daemon lives in a network namespace, joined to the broker by a pair of veths and a bridge. A
port taken out of the bridge loses packets without a word, as a switch does; a link set down is
a cable pulled out of the device; a token bucket (tbf) makes it slow. The kernel's netem, which
would delay and lose single packets, is not everywhere and not used.
"""

import argparse
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from functools import partial
from pathlib import Path

from tools.proofs import Proof, save
from tools.torture.kills import PORTRAIT, rows
from tools.torture.lives import STUCK_S, daemon_command, draw, publisher
from tools.torture.mosquitto import Broker, Witness
from tools.torture.running import Daemon

ID = os.getpid()
NAMESPACE, BRIDGE, NEAR, FAR = f"edge-fer-{ID}", f"eftb{ID}", f"eftn{ID}", f"eftf{ID}"
BROKER_ADDRESS, DAEMON_ADDRESS = f"10.213.{ID % 256}.1", f"10.213.{ID % 256}.2"
SLOW = "16kbit"
KEEPALIVE_S = 5

Trouble = tuple[str, Callable[[], object], Callable[[], object], float]
"""Its name, how it begins, how it ends, and for how many seconds it lasts."""


def ip(*arguments: str) -> None:
    """Call ip; raises CalledProcessError."""
    subprocess.run(["ip", *arguments], check=True)


def inside(*arguments: str) -> list[str]:
    """A command in the daemon's namespace."""
    return ["ip", "netns", "exec", NAMESPACE, *arguments]


@contextlib.contextmanager
def wires() -> Iterator[None]:
    """The namespace and what leads there; needs root."""
    ip("netns", "add", NAMESPACE)
    try:
        ip("link", "add", BRIDGE, "type", "bridge")
        ip("address", "add", f"{BROKER_ADDRESS}/30", "dev", BRIDGE)
        ip("link", "set", BRIDGE, "up")
        ip("link", "add", NEAR, "type", "veth", "peer", "name", FAR, "netns", NAMESPACE)
        ip("link", "set", NEAR, "master", BRIDGE, "up")
        for command in (
            f"address add {DAEMON_ADDRESS}/30 dev {FAR}",
            f"link set {FAR} up",
            "link set lo up",
        ):
            ip("-n", NAMESPACE, *command.split())
        yield
    finally:
        for command in (f"link del {NEAR}", f"link del {BRIDGE}", f"netns del {NAMESPACE}"):
            subprocess.run(["ip", *command.split()], check=False)


def lose() -> None:
    """From now on packets go nowhere, and nobody is told."""
    ip("link", "set", NEAR, "nomaster")


def join() -> None:
    """They arrive again."""
    ip("link", "set", NEAR, "master", BRIDGE)


def flap() -> None:
    """Lost and not, for eight seconds."""
    for _ in range(8):
        lose()
        time.sleep(0.5)
        join()
        time.sleep(0.5)


def link(state: str) -> None:
    """The cable in the device: "up" or "down"."""
    ip("-n", NAMESPACE, "link", "set", FAR, state)


def tbf(word: str, *rate: str) -> None:
    """A token bucket: "add" it, with a rate, or "del"."""
    subprocess.run(inside("tc", "qdisc", word, "dev", FAR, "root", *rate), check=True)


def restart_apart(broker: Broker) -> None:
    """The broker is another when packets arrive again."""
    lose()
    broker.stop()
    broker.start()


def troubles(broker: Broker) -> list[Trouble]:
    """All that happens, in this order."""
    slow = ("tbf", "rate", SLOW, "burst", "4k", "latency", "200ms")
    return [
        ("broker stopped, later started", broker.stop, broker.start, 6),
        ("broker restarted", broker.stop, broker.start, 0),
        ("broker killed and started", broker.kill_and_start, bool, 3),
        (
            "broker stands still",
            partial(broker.send, signal.SIGSTOP),
            partial(broker.send, signal.SIGCONT),
            6,
        ),
        ("packets lost, for less than the keep-alive", lose, join, 3),
        ("packets lost, for longer than it", lose, join, 4 * KEEPALIVE_S),
        ("broker restarted while packets are lost", partial(restart_apart, broker), join, 6),
        ("cable out", partial(link, "down"), partial(link, "up"), 8),
        ("packets lost twice a second", flap, bool, 0),
        (f"slow, {SLOW}/s", partial(tbf, "add", *slow), partial(tbf, "del"), 20),
    ]


def endure(rounds: int, seed: int, only: Collection[str] = ()) -> dict[str, object]:
    """All troubles, or ``only`` some, one after the other, ``rounds`` times; returns counts."""
    dice, table = random.Random(seed), []
    with tempfile.TemporaryDirectory() as scratch, wires():
        folder = Path(scratch) / "state"
        broker = Broker(Path(scratch), BROKER_ADDRESS)
        broker.start()
        witness = Witness(broker.port)
        more = [
            f"--set=mqtt.keepalive_s={KEEPALIVE_S}",
            "--set=camera.fps=5",
            "--set=mqtt.drain_s=1",
        ]
        stage = draw(PORTRAIT, Path(scratch), frames=1000 * rounds)
        command = daemon_command(broker.url, folder, stage, *more)
        try:
            daemon = Daemon(inside(*command))
            for name, begin, end, seconds in troubles(broker) * rounds:
                if only and name not in only:
                    continue
                print(f"  {name}", file=sys.stderr, flush=True)
                before, began = daemon.told.made, time.monotonic()
                begin()
                time.sleep(seconds)
                end()
                took, made = time.monotonic() - began, daemon.told.made - before
                table.append({"trouble": name, "s": round(took, 1), "events made meanwhile": made})
                time.sleep(dice.uniform(1, 4))
            code, _ = daemon.stop()
            publisher(broker.url, folder, "none", STUCK_S)
            lacking = witness.lacks(daemon.told.acknowledged | daemon.told.stored, 30)
            left = len(rows(folder) or ())
        finally:
            witness.close()
            broker.stop()
    return {
        "made": daemon.told.made,
        "delivered": len(witness.names()),
        "lost": len(lacking),
        "out of order": witness.out_of_order(),
        "left": left,
        "exit code": code,
        "table": table,
    }


def prove(options: argparse.Namespace) -> bool:
    """Twice through all troubles unless told."""
    found = endure(options.rounds or 2, options.seed)
    table = found.pop("table")
    assert isinstance(table, list)
    print(found, file=sys.stderr)
    good = not found["lost"] and not found["out of order"] and found["made"] == found["delivered"]
    save(
        "network",
        Proof(
            title="broker stopped, restarted, partitioned, slow",
            floor="all accepted delivered, in order per track",
            aim="the same",
            reached=f"{found['made']} made, {found['delivered']} delivered, {found['lost']} accepted "
            f"lost, {found['out of order']} out of order",
            verdict="holds" if good else "does not hold",
            command=options.command,
            note="`edge-fer run` with dlib, onnxruntime and the default model in a network namespace "
            "of its own, ten events a second; mosquitto (`autosave_on_changes true`, "
            "`autosave_interval 1`) at the other end of a pair of veths. Lost packets are those of a "
            "port taken out of the bridge between them, a cable out is a link set down, slow is a "
            f"token bucket in front of the daemon. `mqtt.keepalive_s` was {KEEPALIVE_S}. Not tried: "
            "single packets delayed, lost or swapped, which needs netem.",
            rows=tuple(table),
        ),
    )
    return good
