"""The publisher and its outbox alone, as a process to kill.

A server that has imported this file forks for each run, because imports cost more than the run.
"""

import logging
import multiprocessing
import os
import random
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from edge_fer.config.settings import Mqtt
from edge_fer.mqtt.messages import Identity
from edge_fer.mqtt.publisher import Publisher
from tests.support.daemon import STUCK_S, EventLog
from tests.support.mqtt import EVENT, SIZE
from tests.support.wait import wait_until

DEVICE = "stress"
TOPIC = f"edge-fer/{DEVICE}/event"
MAX_UNACKED = 20
SPILL_AFTER_S = 0.05
MAX_QUEUED = 1_000_000
PER_S = 100
"""Events a second."""
DELIVER = "none"
"""The session of a run that delivers what is in the outbox, and ends."""

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.stress.publisher_process"])


def publisher(url: str, folder: Path, session: str, **options: Any) -> Publisher:
    """Return a publisher with its outbox in the folder; ``options`` are those of `Mqtt`."""
    own = {"max_queued": MAX_QUEUED, "spill_after_s": SPILL_AFTER_S, "drain_s": 0}
    settings: dict[str, Any] = {**own, **options}
    me = Identity("edge-fer", DEVICE, "cam0", session, "0", "none", "00")
    return Publisher(Mqtt(brokers=[url], **settings), me, lambda _: None, folder=folder)


def run(url: str, folder: Path, session: str, life_s: float) -> EventLog:
    """Run the process and kill it that long after its first event.

    With the session `DELIVER` it ends by itself when the outbox is empty, and is killed after
    ``life_s``.
    """
    reader, writer = _FORKS.Pipe(duplex=False)
    process = _FORKS.Process(target=_publish, args=(url, folder, session, writer))
    process.start()
    writer.close()
    log = EventLog(os.fdopen(os.dup(reader.fileno()), "rb"))
    reader.close()
    live(log, life_s, from_first=session != DELIVER)
    process.kill()
    process.join()
    log.join()
    return log


def deliver(url: str, folder: Path, seconds: float = STUCK_S) -> None:
    """Deliver what is in the outbox."""
    run(url, folder, DELIVER, seconds)


def live(log: EventLog, life_s: float, *, from_first: bool) -> None:
    """Wait that long, or until the process has ended; from its first event if asked for."""
    if from_first:
        wait_until(lambda: log.made or log.ended, "an event", STUCK_S)
    log.join(life_s)


def _publish(url: str, folder: Path, session: str, output: Connection) -> None:
    lines = os.fdopen(os.dup(output.fileno()), "w", buffering=1)
    output.close()
    log = logging.getLogger("edge_fer.mqtt.outbox")
    log.addHandler(logging.StreamHandler(lines))
    log.setLevel(logging.DEBUG)
    logging.getLogger().addHandler(logging.NullHandler())
    with publisher(url, folder, session, max_unacked=MAX_UNACKED) as out:
        while session != DELIVER:
            lines.write("made\n")
            out.publish_event(EVENT, SIZE)
            time.sleep(random.expovariate(PER_S))
        deadline = time.monotonic() + STUCK_S
        while out.counters()["waiting"] and time.monotonic() < deadline:
            time.sleep(0.05)
