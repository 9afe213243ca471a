"""What may be asked of the running service, from any thread and from signal handlers."""

import contextlib
import queue
import signal
from collections.abc import Iterator
from types import FrameType


class Switch:
    """On or off, stop, reload; and the bell that wakes the main loop for any of them."""

    def __init__(self) -> None:
        # Its put may be called by a signal handler while the same thread is in its get; a
        # Condition's lock may not.
        self._bell: queue.SimpleQueue[None] = queue.SimpleQueue()
        self.enabled = True
        self.stopped = False
        self.reload_wanted = False

    def enable(self, value: bool) -> None:
        """Let the camera run, or have it closed."""
        if value != self.enabled:
            self.enabled = value
            self.ring()

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
