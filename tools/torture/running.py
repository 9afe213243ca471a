"""A whole daemon that runs while things happen around it."""

import subprocess
import threading
import time
from collections.abc import Callable

from tools.torture.lives import STUCK_S, Told


class Daemon:
    """A daemon that lives until it is told to stop; ``told`` grows meanwhile."""

    def __init__(self, command: list[str]) -> None:
        self.told = Told()
        self.lines: list[str] = []
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        self.until(lambda: self.told.made, STUCK_S)

    def until(self, reached: Callable[[], object], seconds: float = 30.0) -> bool:
        """Wait for it; False where it does not come in that time.

        Raises:
            RuntimeError: the daemon has ended.
        """
        deadline = time.monotonic() + seconds
        while not reached():
            if self._process.poll() is not None:
                raise RuntimeError("".join(self.lines[-5:]))
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True

    def says(self, text: str, seconds: float = 30.0) -> str:
        """The line of its log that holds ``text``, without the level; empty where none comes."""
        self.until(lambda: any(text in line for line in self.lines), seconds)
        return next((line.split(" ", 1)[1] for line in self.lines if text in line), "").strip()

    def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()
        self._process.wait()
        self._thread.join()

    def stop(self) -> tuple[int, float]:
        """SIGTERM; the exit code, and the seconds until it was gone."""
        began = time.monotonic()
        self._process.terminate()
        code = self._process.wait(STUCK_S)
        took = time.monotonic() - began
        self._thread.join()
        return code, took

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as output:
            for line in output:
                self.told.hear(line)
                if not line.startswith(("DEBUG", "INFO track")):
                    self.lines.append(line)
