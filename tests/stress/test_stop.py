"""The daemon stops within two seconds, whatever the broker does, and every event is somewhere."""

import contextlib
import random
import signal
import socket
import statistics
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.stress import hostile_broker
from tests.stress import stage as stages
from tests.stress.hostile_broker import HostileBroker
from tests.support.broker import Mosquitto
from tests.support.daemon import Daemon
from tests.support.long_runs import Effort, Record
from tests.support.outbox import rows_of_copy

LIMIT_S = 2.0
STOPS = 5
SETTINGS = {
    "mqtt.drain_s": 1,
    "mqtt.spill_after_s": 2,
    "mqtt.max_unacked": 100,
    "camera.fps": 5,
}
"""The defaults of edge-fer, which other stress tests change."""

Condition = Callable[[Mosquitto], AbstractContextManager[str]]


@contextlib.contextmanager
def answers(broker: Mosquitto) -> Iterator[str]:
    yield broker.url


@contextlib.contextmanager
def is_absent(broker: Mosquitto) -> Iterator[str]:
    broker.stop()
    yield broker.url
    broker.start()


@contextlib.contextmanager
def accepts_no_connection(_broker: Mosquitto) -> Iterator[str]:
    """Fill the queue of connections, so that the kernel drops the next one, as a firewall does."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(2):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(server.getsockname())
        yield f"mqtt://127.0.0.1:{server.getsockname()[1]}"


@contextlib.contextmanager
def does_not_answer(broker: Mosquitto) -> Iterator[str]:
    with contextlib.closing(
        HostileBroker(broker.port, random.Random(1), (hostile_broker.never_answer,))
    ) as bad:
        yield bad.url


@contextlib.contextmanager
def hangs(broker: Mosquitto) -> Iterator[str]:
    """Hang once it has received events; see `stop_once`."""
    yield broker.url
    broker.send(signal.SIGCONT)


CONDITIONS: tuple[Condition, ...] = (
    answers,
    is_absent,
    accepts_no_connection,
    does_not_answer,
    hangs,
)


def stop_once(condition: Condition, broker: Mosquitto, scene: Path, outbox: Path) -> float:
    """Stop a daemon that has made events; return the seconds that it took."""
    with condition(broker) as url:
        daemon = Daemon(stages.command(url, outbox, scene, SETTINGS))
        try:
            log = daemon.log
            if condition is hangs:
                daemon.wait_for(lambda: log.acknowledged, "an event acknowledged")
                broker.send(signal.SIGSTOP)
            before = log.made
            daemon.wait_for(lambda: log.made > before + 10, "ten events more")
            code, took = daemon.stop()
        finally:
            daemon.kill()
    assert 0 == code, log.lines[-3:]
    assert log.made == len(log.acknowledged | set(rows_of_copy(outbox) or ()))
    return took


@pytest.mark.parametrize("condition", CONDITIONS)
def test_the_daemon_stops_with_all_events_somewhere(
    condition: Condition, persistent_broker: Mosquitto, stage: Path, tmp_path: Path
) -> None:
    took = stop_once(condition, persistent_broker, stage, tmp_path / "state")
    # A machine that does other work may take longer than the limit.
    assert took < 5 * LIMIT_S


@pytest.mark.stress
def test_stops_within_the_limit(
    persistent_broker: Mosquitto, stage: Path, tmp_path: Path, effort: Effort, record: Record
) -> None:
    every = {}
    for condition in CONDITIONS:
        name = condition.__name__.replace("_", " ")
        every[name] = [
            stop_once(condition, persistent_broker, stage, tmp_path / f"{name}-{number}")
            for number in range(effort.rounds or STOPS)
        ]
    longest = max(max(times) for times in every.values())
    record(
        "stop",
        f"at most {longest:.2f} s, 0 events neither acknowledged nor on disk",
        [
            {
                "the broker": name,
                "stops": len(times),
                "median, s": round(statistics.median(times), 2),
                "longest, s": round(max(times), 2),
            }
            for name, times in every.items()
        ],
    )
    assert longest < LIMIT_S
