"""Publishes until it is killed; what `tools.torture.outbox` starts and ends.

    python -m tools.torture.victim URL FOLDER SESSION

The session "none" makes nothing, delivers what is there and ends.
"""

import logging
import random
import sys
import time
from pathlib import Path

from edge_fer.delivery.payload import Identity
from edge_fer.delivery.publisher import Publisher
from edge_fer.settings import Mqtt
from edge_fer.types import Box, Event, Phase

EVENT = Event("t1", Phase.BEGIN, "happy", None, 0.9, {"happy": 0.9}, Box(1, 2, 3, 4), 0)
MAX_UNACKED = 20
DRAIN_S = 60.0


def publish(url: str, folder: Path, session: str) -> None:
    """Publish until killed; with no session, deliver what is there and end."""
    handler = logging.StreamHandler(sys.stdout)
    log = logging.getLogger("edge_fer.delivery.outbox")
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    settings = Mqtt(
        brokers=[url], spill_after_s=0.05, max_unacked=MAX_UNACKED, max_queued=1_000_000, drain_s=0
    )
    me = Identity("torture", "outbox", "cam0", session, "0", "none", "00")
    with Publisher(settings, me, lambda _: None, folder=folder) as out:
        deadline = time.monotonic() + DRAIN_S
        for number in range(1, 10**9):
            if session == "none":
                if not out.counters()["waiting"] or time.monotonic() > deadline:
                    break
                time.sleep(0.05)
            else:
                print(f"made {session}-{number}", flush=True)
                out.publish_event(EVENT, (640, 480))
                time.sleep(random.expovariate(300))


if __name__ == "__main__":
    publish(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
