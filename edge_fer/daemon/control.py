"""Pause, stop and reload the running service, from any thread and from signal handlers.

A pause persists across restarts in a file beside the outbox.
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


class PauseFile:
    """Persists the paused state across restarts.

    The file is empty, so it cannot be half written. Without a path nothing is persisted.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.failure = ""
        """Why the last change was not written, in one line."""
        self._wanted = False
        self._lock = threading.Lock()

    @property
    def exists(self) -> bool:
        """True while the service is to stay paused."""
        return self.path is not None and os.path.lexists(self.path)

    def set(self, paused: bool) -> None:
        """Create or delete the file on another thread and flush it to the disk.

        It does not block: flushing a disk may take longer than the watchdog or a broker waits.
        """
        self._wanted = paused
        if self.path is not None:
            threading.Thread(target=self._write, args=(self.path,), daemon=True).start()

    def _write(self, path: Path) -> None:
        # The thread that gets the lock last writes the state that was requested last.
        with self._lock:
            try:
                if self._wanted:
                    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
                    _flush(path.parent)
                elif self.exists:
                    path.unlink()
                    _flush(path.parent)
            except OSError as error:
                self.failure = f"{path}: {error.strerror or error}"
            else:
                self.failure = ""


def pause_file(settings: Settings) -> PauseFile:
    """Return the pause file of this device; one without a path if `mqtt.outbox` is memory."""
    folder = outbox_folder(settings.mqtt)
    name = client_id(settings.mqtt.prefix, device_name(settings))
    return PauseFile(folder / f"{name}.paused" if folder else None)


def _flush(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class ServiceControl:
    """Holds the requests to enable, stop and reload, and wakes the main loop for them.

    With a ``pause_file`` a pause persists across restarts.
    """

    def __init__(self, pause_file: PauseFile | None = None) -> None:
        self._pause_file = pause_file or PauseFile(None)
        # A signal handler may call put while the same thread is inside get. SimpleQueue permits
        # that, the lock of a Condition does not.
        self._wakeups: queue.SimpleQueue[None] = queue.SimpleQueue()
        self.enabled = not self._pause_file.exists
        self.stopped = False
        self.reload_requested = False

    def enable(self, value: bool) -> None:
        """Open the camera, or close it and pause."""
        if value != self.enabled:
            self.enabled = value
            self.notify()
            self._pause_file.set(not value)

    def use_pause_file(self, pause_file: PauseFile) -> None:
        """Persist the paused state in this file from now on and delete the previous one."""
        if pause_file.path != self._pause_file.path:
            before, self._pause_file = self._pause_file, pause_file
            pause_file.set(not self.enabled)
            before.set(False)

    @property
    def failure(self) -> str:
        """Why a restart would not restore this state, for the status; empty if it would."""
        word, failure = "enabled" if self.enabled else "paused", self._pause_file.failure
        return f"the camera will not stay {word} after a restart: {failure}" if failure else ""

    def stop(self) -> None:
        """End the service."""
        self.stopped = True
        self.notify()

    def reload(self) -> None:
        """Request that the configuration is read again."""
        self.reload_requested = True
        self.notify()

    @property
    def running(self) -> bool:
        """True while frames are to be read and no other request is pending."""
        return self.enabled and not self.stopped and not self.reload_requested

    def notify(self) -> None:
        """Wake the thread in `wait`."""
        self._wakeups.put(None)

    def wait(self, seconds: float) -> None:
        """Sleep until `notify` is called, up to this long; it may return early without a cause."""
        with contextlib.suppress(queue.Empty):
            self._wakeups.get(timeout=max(0.0, seconds))


@contextlib.contextmanager
def signals(control: ServiceControl) -> Iterator[None]:
    """Within the context, SIGTERM and SIGINT stop the service and SIGHUP reloads it."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        control.stop()

    def reload(_number: int, _frame: FrameType | None) -> None:
        control.reload()

    handlers = {signal.SIGTERM: stop, signal.SIGINT: stop, signal.SIGHUP: reload}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
