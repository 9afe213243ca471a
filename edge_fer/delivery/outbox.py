"""Events between the main loop and the broker: bounded, first in first out, in memory.

A message leaves on the broker's receipt (PUBACK), or as the oldest when the bound is reached;
either is counted, so that `queued == acked + dropped_full + len`. What is here when the
process ends is lost.

Keys are numbers that grow and belong to the outbox, so that one on disk can hand out its own.
"""

import threading

from edge_fer.delivery.payload import Message


class Outbox:
    """Holds at most ``limit`` messages. Every method may be called from any thread."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._changed = threading.Condition()
        self._on_way: dict[int, Message] = {}
        self._waiting: dict[int, Message] = {}
        self._counters = {"queued": 0, "sent": 0, "acked": 0, "dropped_full": 0}

    def __len__(self) -> int:
        with self._changed:
            return self._size()

    def put(self, message: Message) -> None:
        """Add ``message``; over the bound the oldest one that is not on its way is dropped."""
        with self._changed:
            self._counters["queued"] += 1
            self._waiting[self._counters["queued"]] = message
            if self._size() > self._limit:
                # What is on its way may well arrive; it is dropped only where nothing else is.
                victims = self._waiting if len(self._waiting) > 1 else self._on_way
                del victims[next(iter(victims))]
                self._counters["dropped_full"] += 1

    def take(self, window: int) -> list[tuple[int, Message]]:
        """Return the next messages with their keys, so that at most ``window`` are on their way."""
        with self._changed:
            keys = list(self._waiting)[: max(0, window - len(self._on_way))]
            taken = [(key, self._waiting.pop(key)) for key in keys]
            self._on_way.update(taken)
            self._counters["sent"] += len(taken)
            return taken

    def ack(self, key: int) -> None:
        """Forget a message: the broker has it. Unknown keys are ignored."""
        with self._changed:
            if self._on_way.pop(key, None) is not None:
                self._counters["acked"] += 1
                self._changed.notify_all()

    def rewind(self) -> None:
        """Put back what was on its way when a connection ended; `take` gives it again, first."""
        with self._changed:
            self._waiting = self._on_way | self._waiting
            self._on_way = {}

    def wait_empty(self, timeout_s: float) -> bool:
        """Wait until nothing is left; False when ``timeout_s`` was not enough."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._size(), timeout_s)

    def counters(self) -> dict[str, int]:
        """Messages queued, sent (repeats included), acked and dropped_full since the start."""
        with self._changed:
            return dict(self._counters)

    def _size(self) -> int:
        return len(self._on_way) + len(self._waiting)
