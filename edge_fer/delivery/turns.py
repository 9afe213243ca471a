"""Jobs from several threads, one after the other, with nobody waiting. It owns no thread."""

import collections
import threading
from collections.abc import Callable


class Turns:
    """Runs jobs in the order they came, on whichever thread finds nobody else at it.

    A plain lock would not do between the main loop and paho: paho calls back with its own lock
    held and takes that lock again in `publish`, so the two threads could wait for each other.
    """

    def __init__(self) -> None:
        self._jobs: collections.deque[Callable[[], None]] = collections.deque()
        self._turn = threading.Lock()

    def post(self, job: Callable[[], None]) -> None:
        """Run ``job`` now, or leave it to the thread whose turn it is."""
        self._jobs.append(job)
        # Whoever gives the turn back looks again, so a job left in between is never forgotten.
        while self._jobs and self._turn.acquire(blocking=False):
            try:
                while self._jobs:
                    self._jobs.popleft()()
            finally:
                self._turn.release()
