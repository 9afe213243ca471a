"""`edge-fer run` as a process, and what its log says about events."""

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from tests.support.media import ROOT
from tests.support.wait import DEADLINE_S, wait_until

STUCK_S = 120.0
"""Longest wait for the first event or for the end of a process."""
PROGRAM = (sys.executable, "-m", "tests.support.cameras", "run")
"""`edge-fer run` with the cameras of `tests.support.cameras`."""
QUICK = {
    "privacy.acknowledge_use": "research",
    "camera.pace": "real",
    "vision.min_face_px": 40,
    "stats.interval_s": 1,
    "mqtt.outbox": "memory",
    "log.level": "warning",
}
"""Settings of a daemon on the test clip, for `Daemon.start`."""


def options(settings: Mapping[str, object]) -> list[str]:
    """Return the settings as arguments of edge-fer."""
    return [f"--set={name}={value}" for name, value in settings.items()]


class EventLog:
    """Read the output of a process in a thread, until its end."""

    def __init__(self, output: IO[bytes]) -> None:
        self.made = 0
        """Events that were made."""
        self.acknowledged: set[str] = set()
        self.stored: set[str] = set()
        """Events that were committed to the outbox on disk."""
        self.lines: list[str] = []
        """Other lines of the log."""
        self._output = output
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    @property
    def accepted(self) -> set[str]:
        """Events that must not be lost."""
        return self.acknowledged | self.stored

    @property
    def ended(self) -> bool:
        """True after the end of the output."""
        return not self._thread.is_alive()

    def join(self, seconds: float | None = None) -> None:
        """Wait for the end of the output."""
        self._thread.join(seconds)

    def _read(self) -> None:
        with self._output:
            for raw in self._output:
                # The last line of a killed process may be half a line.
                if raw.endswith(b"\n"):
                    self._take(raw.decode())

    def _take(self, line: str) -> None:
        words = line.split()
        if "accepted" in words[:2]:
            name = words[words.index("accepted") + 1].rstrip(":")
            (self.stored if words[-1] == "stored" else self.acknowledged).add(name)
        elif words[:1] == ["made"] or words[:2] == ["INFO", "track"]:
            self.made += 1
        elif not line.startswith("DEBUG"):
            self.lines.append(line)


class Daemon:
    """A process whose output is read; `log` has its events."""

    def __init__(
        self, command: Sequence[str], environ: Mapping[str, str] | None = None, cwd: Path = ROOT
    ) -> None:
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environ, cwd=cwd
        )
        assert self.process.stdout is not None
        self.log = EventLog(self.process.stdout)

    @classmethod
    def start(cls, url: str, camera: str, settings: Mapping[str, object]) -> "Daemon":
        """Start edge-fer with a camera, a broker, and `QUICK` changed by ``settings``."""
        addresses = ["--camera", camera, "--mqtt", url]
        return cls([*PROGRAM, *addresses, *options({**QUICK, **settings})])

    def wait_for_line(self, text: str, deadline_s: float = DEADLINE_S) -> str:
        """Return the first line of the log with ``text``, without its level."""

        def found() -> str:
            self.check()
            return next((line for line in list(self.log.lines) if text in line), "")

        return wait_until(found, text, deadline_s).split(" ", 1)[1].strip()

    def check(self) -> None:
        """Raise AssertionError, with the end of the log, if the process has ended."""
        assert self.process.poll() is None, "".join(self.log.lines[-5:])

    def wait_for(
        self, reached: Callable[[], object], what: str, deadline_s: float = DEADLINE_S
    ) -> None:
        """Wait until ``reached()`` is true; fail if the process ends first."""

        def checked() -> object:
            self.check()
            return reached()

        wait_until(checked, what, deadline_s)

    def has_open(self, file: Path) -> bool:
        """Return True if the process has the file open."""
        links = Path(f"/proc/{self.process.pid}/fd").iterdir()
        return any(link.resolve() == file.resolve() for link in links)

    def send(self, number: int) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def kill(self) -> None:
        """End it by SIGKILL, if it runs."""
        self.process.kill()
        self.process.wait()
        self.log.join()

    def stop(self) -> tuple[int, float]:
        """Send SIGTERM; return the exit code and the seconds until the process ended."""
        began = time.monotonic()
        self.process.terminate()
        code = self.process.wait(STUCK_S)
        took = time.monotonic() - began
        self.log.join()
        return code, took


@contextlib.contextmanager
def daemon(url: str, camera: str, settings: Mapping[str, object]) -> Iterator[Daemon]:
    """Run `Daemon.start` within the context."""
    running = Daemon.start(url, camera, settings)
    try:
        yield running
    finally:
        running.kill()
