"""A file that is there while the camera is to stay closed, so that no restart opens it.

What may be asked of the running service, from any thread and from signal handlers.
"""

import contextlib
import os
import queue
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from edge_fer.config.load import device_name
from edge_fer.config.settings import Settings
from edge_fer.mqtt.messages import client_id
from edge_fer.mqtt.outbox import outbox_folder


class Mark:
    """The file; it is empty, so it cannot be half written. Without a path there is none."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.failure = ""
        """Why it is not as it was to be, in a line."""
        self._wanted = False
        self._writing = threading.Lock()

    @property
    def there(self) -> bool:
        """Somebody has paused, and nobody has ended that."""
        return self.path is not None and os.path.lexists(self.path)

    def keep(self, there: bool) -> None:
        """Have the file made or taken away, so that a cut of the power does not undo it.

        Does not wait: a disk may take longer to flush than the watchdog bears, or a broker.
        """
        self._wanted = there
        if self.path is not None:
            threading.Thread(target=self._write, args=(self.path,), daemon=True).start()

    def _write(self, path: Path) -> None:
        # Whoever comes last writes what was wanted last.
        with self._writing:
            try:
                if self._wanted:
                    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
                    _flush(path.parent)
                elif self.there:
                    path.unlink()
                    _flush(path.parent)
            except OSError as error:
                self.failure = f"{path}: {error.strerror or error}"
            else:
                self.failure = ""


def mark_of(settings: Settings) -> Mark:
    """That of this device, beside its outbox; none where `mqtt.outbox` is memory."""
    folder = outbox_folder(settings.mqtt)
    name = client_id(settings.mqtt.prefix, device_name(settings))
    return Mark(folder / f"{name}.paused" if folder else None)


def _flush(folder: Path) -> None:
    there = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(there)
    finally:
        os.close(there)


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
