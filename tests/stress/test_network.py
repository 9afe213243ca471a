"""Every event arrives, in order, through a network and a broker that fail.

The daemon runs in a network namespace, joined to the broker by a veth pair and a bridge. A port
taken out of the bridge loses packets without notice, as a switch does; a link set down is a cable
pulled out of the device; a token bucket (tbf) slows it down. netem, which would delay and lose
single packets, is not in every kernel and is not used.
"""

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Collection, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.stress import publisher_process, stage
from tests.stress.publisher_process import TOPIC
from tests.support.broker import Mosquitto, running
from tests.support.daemon import Daemon, EventLog
from tests.support.long_runs import Effort, Record
from tests.support.outbox import rows_of_copy
from tests.support.subscriber import Subscriber, subscribed

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("ip"), reason="needs root and ip (apt install iproute2)"
)

ID = os.getpid()
NAMESPACE, BRIDGE, NEAR, FAR = f"edge-fer-{ID}", f"eftb{ID}", f"eftn{ID}", f"eftf{ID}"
BROKER_ADDRESS, DAEMON_ADDRESS = f"10.213.{ID % 256}.1", f"10.213.{ID % 256}.2"
SLOW = "16kbit"
KEEPALIVE_S = 5
SETTINGS = {"mqtt.keepalive_s": KEEPALIVE_S, "camera.fps": 5, "mqtt.drain_s": 1}

Trouble = tuple[Callable[[], object], Callable[[], object], float]
"""How it begins, how it ends, and how many seconds it lasts."""


def ip(*arguments: str, check: bool = True) -> None:
    subprocess.run(["ip", *arguments], check=check)


def inside(*arguments: str) -> list[str]:
    """Return a command that runs in the daemon's namespace."""
    return ["ip", "netns", "exec", NAMESPACE, *arguments]


@pytest.fixture
def wires() -> Iterator[None]:
    """Set up the namespace and its connection."""
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
            ip(*command.split(), check=False)


def disconnect() -> None:
    """Lose all packets without notice."""
    ip("link", "set", NEAR, "nomaster")


def connect() -> None:
    ip("link", "set", NEAR, "master", BRIDGE)


def flap() -> None:
    """Lose packets for half a second, eight times."""
    for _ in range(8):
        disconnect()
        time.sleep(0.5)
        connect()
        time.sleep(0.5)


def link(state: str) -> None:
    """Set the device's link up or down."""
    ip("-n", NAMESPACE, "link", "set", FAR, state)


def token_bucket(word: str, *rate: str) -> None:
    """Add the token bucket with a rate, or delete it."""
    subprocess.run(inside("tc", "qdisc", word, "dev", FAR, "root", *rate), check=True)


def restart_disconnected(broker: Mosquitto) -> None:
    disconnect()
    broker.restart()


def troubles(broker: Mosquitto) -> dict[str, Trouble]:
    """Return everything that happens, in this order."""
    slow = ("tbf", "rate", SLOW, "burst", "4k", "latency", "200ms")
    hang, resume = partial(broker.send, signal.SIGSTOP), partial(broker.send, signal.SIGCONT)
    return {
        "broker stopped, later started": (broker.stop, broker.start, 6),
        "broker restarted": (broker.restart, bool, 0),
        "broker killed and started": (partial(broker.restart, signal.SIGKILL), bool, 3),
        "broker hangs": (hang, resume, 6),
        "packets lost, for less than the keep-alive": (disconnect, connect, 3),
        "packets lost, for longer than it": (disconnect, connect, 4 * KEEPALIVE_S),
        "broker restarted while packets are lost": (
            partial(restart_disconnected, broker),
            connect,
            6,
        ),
        "cable out": (partial(link, "down"), partial(link, "up"), 8),
        "packets lost twice a second": (flap, bool, 0),
        f"slow, {SLOW}/s": (partial(token_bucket, "add", *slow), partial(token_bucket, "del"), 20),
    }


class Network:
    """A daemon behind the wires, its broker, and a subscriber beside that."""

    def __init__(self, broker: Mosquitto, subscriber: Subscriber, folder: Path, scene: Path):
        self.broker, self.subscriber = broker, subscriber
        self.table: list[dict[str, object]] = []
        self._folder, self._scene = folder, scene

    def endure(self, rounds: int, seed: int, only: Collection[str] = ()) -> EventLog:
        """Run all troubles, or ``only`` some, ``rounds`` times; return the daemon's log."""
        dice = random.Random(seed)
        command = stage.command(self.broker.url, self._folder, self._scene, SETTINGS)
        daemon = Daemon(inside(*command))
        try:
            daemon.wait_for(lambda: daemon.log.made, "an event")
            for name, trouble in list(troubles(self.broker).items()) * rounds:
                if not only or name in only:
                    self._one(daemon, name, trouble)
                    time.sleep(dice.uniform(1, 4))
            assert 0 == daemon.stop()[0]
        finally:
            daemon.kill()
        publisher_process.deliver(self.broker.url, self._folder)
        missing = self.subscriber.missing(daemon.log.accepted, 30)
        assert (set(), 0, []) == (missing, self.subscriber.out_of_order, rows_of_copy(self._folder))
        assert daemon.log.made == len(self.subscriber.names)
        return daemon.log

    def _one(self, daemon: Daemon, name: str, trouble: Trouble) -> None:
        begin, end, seconds = trouble
        before, began = daemon.log.made, time.monotonic()
        begin()
        time.sleep(seconds)
        end()
        took, made = time.monotonic() - began, daemon.log.made - before
        self.table.append({"trouble": name, "s": round(took, 1), "events made meanwhile": made})


@pytest.fixture
def network(
    wires: None, tmp_path: Path, short_landmarks: Path, portrait: NDArray[np.uint8], effort: Effort
) -> Iterator[Network]:
    frames = 1000 * (effort.rounds or 2)
    scene = stage.build(portrait, short_landmarks, tmp_path / "stage", frames)
    broker = Mosquitto(tmp_path / "broker", host=BROKER_ADDRESS, persistent=True)
    with running(broker), subscribed(broker.port, TOPIC, BROKER_ADDRESS) as subscriber:
        yield Network(broker, subscriber, tmp_path / "state", scene)


def test_packets_that_are_lost_for_a_while_arrive_in_order(network: Network) -> None:
    network.endure(1, 1, ("packets lost, for less than the keep-alive", "cable out"))
    assert 2 == len(network.table)


@pytest.mark.stress
def test_all_troubles(network: Network, effort: Effort, record: Record) -> None:
    log = network.endure(effort.rounds or 2, effort.seed)
    delivered = len(network.subscriber.names)
    result = f"{log.made:,} made, {delivered:,} delivered, 0 accepted lost, 0 out of order"
    record("network", result, network.table)
