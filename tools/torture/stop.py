"""How long the daemon takes to stop, with all that may be wrong with the broker.

python -m tools.torture stop --rounds 5
"""

import argparse
import contextlib
import random
import signal
import socket
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tools.proofs import Proof, save
from tools.torture import villain
from tools.torture.kills import PORTRAIT, rows
from tools.torture.lives import daemon_command, draw
from tools.torture.mosquitto import Broker
from tools.torture.running import Daemon

LIMIT_S = 2.0
SHIPPED = (
    "--set=mqtt.drain_s=1",
    "--set=mqtt.spill_after_s=2",
    "--set=mqtt.max_unacked=100",
    "--set=camera.fps=5",
)
"""The defaults, which the other parts change."""

Condition = Callable[[Broker], contextlib.AbstractContextManager[str]]


@contextlib.contextmanager
def answers(broker: Broker) -> Iterator[str]:
    """All is well."""
    yield broker.url


@contextlib.contextmanager
def is_away(broker: Broker) -> Iterator[str]:
    """Nobody listens on its port."""
    broker.stop()
    yield broker.url
    broker.start()


@contextlib.contextmanager
def takes_no_connection(_broker: Broker) -> Iterator[str]:
    """Its queue of callers is full, so the kernel drops who calls next, as a firewall does."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(2):
            caller = stack.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(server.getsockname())
        yield f"mqtt://127.0.0.1:{server.getsockname()[1]}"


@contextlib.contextmanager
def does_not_answer(broker: Broker) -> Iterator[str]:
    """It takes the connection and says nothing."""
    bad = villain.Villain(broker.port, random.Random(1), (villain.never_answer,))
    yield bad.url
    bad.close()


@contextlib.contextmanager
def hangs(broker: Broker) -> Iterator[str]:
    """It stands still once events have come; see `once`."""
    yield broker.url
    broker.send(signal.SIGCONT)


CONDITIONS: tuple[Condition, ...] = (
    answers,
    is_away,
    takes_no_connection,
    does_not_answer,
    hangs,
)


def once(condition: Condition, broker: Broker, stage: Path, folder: Path) -> tuple[float, int]:
    """Start, wait for some events, stop; the seconds, and the events that are nowhere."""
    with condition(broker) as url:
        daemon = Daemon(daemon_command(url, folder, stage, *SHIPPED))
        if condition is hangs:
            daemon.until(lambda: daemon.told.acknowledged)
            broker.send(signal.SIGSTOP)
        made = daemon.told.made
        daemon.until(lambda: daemon.told.made > made + 10)
        code, took = daemon.stop()
    told = daemon.told
    kept = set(rows(folder) or ())
    if code:
        print(f"exit code {code}: {daemon.lines[-3:]}", file=sys.stderr)
    return took, told.made - len(kept | told.acknowledged)


def prove(options: argparse.Namespace) -> bool:
    """Five stops in each condition unless told."""
    table, most, missing = [], 0.0, 0
    with tempfile.TemporaryDirectory() as scratch:
        broker = Broker(Path(scratch))
        broker.start()
        stage = draw(PORTRAIT, Path(scratch))
        for condition in CONDITIONS:
            times = []
            for number in range(options.rounds or 5):
                folder = Path(scratch) / f"{condition.__name__}-{number}"
                took, lost = once(condition, broker, stage, folder)
                times.append(took)
                missing += lost
            most = max(most, *times)
            table.append(
                {
                    "the broker": condition.__name__.replace("_", " "),
                    "stops": len(times),
                    "median, s": round(statistics.median(times), 2),
                    "longest, s": round(max(times), 2),
                }
            )
        broker.stop()
    print(table, file=sys.stderr)
    good = most < LIMIT_S and not missing
    save(
        "stop",
        Proof(
            title="SIGTERM to the end of the process",
            floor=f"< {LIMIT_S:g} s",
            aim="the same",
            reached=f"at most {most:.2f} s, {missing} events neither acknowledged nor on disk",
            verdict="holds" if good else "does not hold",
            command=options.command,
            note="`edge-fer run` with its default `[mqtt]` settings, ten events a second and its "
            "outbox on disk, among other work on the machine. Wall clock from the signal to the end.",
            rows=tuple(table),
        ),
    )
    return good
