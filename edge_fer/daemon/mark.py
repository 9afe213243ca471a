"""A file that is there while the camera is to stay closed, so that no restart opens it."""

import os
import threading
from pathlib import Path

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
