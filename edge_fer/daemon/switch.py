"""What may be asked of the running service, from any thread and from signal handlers."""

import contextlib
import queue
import signal
from collections.abc import Iterator
from types import FrameType

from edge_fer.daemon.mark import Mark


class Switch:
    """On or off, stop, reload; and the bell that wakes the main loop for any of them.

    Off outlives the process where there is a ``mark``.
    """

    def __init__(self, mark: Mark | None = None) -> None:
        self._mark = mark or Mark(None)
        # Its put may be called by a signal handler while the same thread is in its get; a
        # Condition's lock may not.
        self._bell: queue.SimpleQueue[None] = queue.SimpleQueue()
        self.enabled = not self._mark.there
        self.stopped = False
        self.reload_wanted = False

    def enable(self, value: bool) -> None:
        """Let the camera run, or have it closed."""
        if value != self.enabled:
            self.enabled = value
            self.ring()
            self._mark.keep(not value)

    def keep_in(self, mark: Mark) -> None:
        """Have a restart find it as it is by another mark, where that is another file."""
        if mark.path != self._mark.path:
            before, self._mark = self._mark, mark
            mark.keep(not self.enabled)
            before.keep(False)

    @property
    def failure(self) -> str:
        """Why a restart would not find it as it is, for the status; empty where it would."""
        word, failure = "enabled" if self.enabled else "paused", self._mark.failure
        return f"a restart will not know that the camera is {word}: {failure}" if failure else ""

    def stop(self) -> None:
        """End the service."""
        self.stopped = True
        self.ring()

    def reload(self) -> None:
        """Have the configuration read again."""
        self.reload_wanted = True
        self.ring()

    @property
    def running(self) -> bool:
        """Frames are wanted, and nothing else."""
        return self.enabled and not self.stopped and not self.reload_wanted

    def ring(self) -> None:
        """Wake whoever is in `wait`: there is something new."""
        self._bell.put(None)

    def wait(self, seconds: float) -> None:
        """Sleep until somebody rings, or for that long; it may wake for nothing."""
        with contextlib.suppress(queue.Empty):
            self._bell.get(timeout=max(0.0, seconds))


@contextlib.contextmanager
def signals(switch: Switch) -> Iterator[None]:
    """While entered, SIGTERM and SIGINT end the service in order and SIGHUP reloads it."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        switch.stop()

    def reload(_number: int, _frame: FrameType | None) -> None:
        switch.reload()

    handlers = {signal.SIGTERM: stop, signal.SIGINT: stop, signal.SIGHUP: reload}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
