"""The way to the broker alone, which `tools.torture.kills` kills.

What is made and what is accepted is told in lines on a pipe. A server that has imported this
file forks for each life, for importing costs more than living.
"""

import logging
import os
import random
import time
from multiprocessing.connection import Connection
from pathlib import Path

from edge_fer.config.settings import Mqtt
from edge_fer.mqtt.messages import Identity
from edge_fer.mqtt.publisher import Publisher
from edge_fer.types import Box, Event, Phase

EVENT = Event("t1", Phase.BEGIN, "happy", None, 0.9, {"happy": 0.9}, Box(1, 2, 3, 4), 0)
MAX_UNACKED = 20
SPILL_AFTER_S = 0.05
MAX_QUEUED = 1_000_000
DRAIN_S = 120.0
PER_S = 100
"""Events a second."""


def publish(url: str, folder: Path, session: str, output: Connection) -> None:
    """Publish until killed; with the session "none", deliver what is there and end."""
    lines = os.fdopen(os.dup(output.fileno()), "w", buffering=1)
    output.close()
    log = logging.getLogger("edge_fer.mqtt.outbox")
    log.addHandler(logging.StreamHandler(lines))
    log.setLevel(logging.DEBUG)
    logging.getLogger().addHandler(logging.NullHandler())
    settings = Mqtt(
        brokers=[url],
        spill_after_s=SPILL_AFTER_S,
        max_unacked=MAX_UNACKED,
        max_queued=MAX_QUEUED,
        drain_s=0,
    )
    me = Identity("edge-fer", "torture", "cam0", session, "0", "none", "00")
    with Publisher(settings, me, lambda _: None, folder=folder) as out:
        deadline = time.monotonic() + DRAIN_S
        while session != "none":
            lines.write("made\n")
            out.publish_event(EVENT, (640, 480))
            time.sleep(random.expovariate(PER_S))
        while out.counters()["waiting"] and time.monotonic() < deadline:
            time.sleep(0.05)
