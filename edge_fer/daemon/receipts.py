"""Whether delivery gets on: the broker's receipts come, or it is known to be away."""

import math

from edge_fer.daemon.watch import Watch
from edge_fer.mqtt.publisher import Publisher

STAGE = "delivery"

AWAY = "no broker answers; events are kept"

RECEIPT_S = 180.0
"""With a broker there and events waiting, the longest time without a receipt."""

_LOOK_S = 1.0


class Receipts:
    """Tells the watch what became of the events."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._due = -math.inf
        self._before = (False, -1)

    def look(self, publisher: Publisher, now: float) -> None:
        """Look at the counters, once a second at most; ``now`` is monotonic."""
        if now < self._due:
            return
        self._due = now + _LOOK_S
        numbers = publisher.counters()
        state = (publisher.connected, numbers["acked"])
        if not publisher.connected:
            # The outbox takes what comes and bounds what it keeps, however long this lasts.
            self._watch.wait(STAGE, AWAY, math.inf)
        elif state != self._before or not numbers["waiting"]:
            self._watch.step(STAGE, within_s=RECEIPT_S)
        self._before = state
