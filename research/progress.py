"""Shows long commands as a bar with one line a step; their output goes to a log.

On a terminal the line is alive; elsewhere a step is one plain line when it is done.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any

BAR = 24
FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
NEWS = re.compile(
    r"\s*(?:Collecting|Downloading|Building wheel for|Get:\d+ \S+ \S+ \S+|Unpacking|Setting up)"
    r" (?:\S*/)?([\w.+-]+)|\s*Installing (collected packages)"
)
"""What pip and apt-get are at, from a line of theirs."""


class StepError(Exception):
    """A step failed; its output is in the log."""


class Progress:
    """A bar over a known number of steps."""

    def __init__(self, steps: int, log: Path) -> None:
        self._steps, self._log, self._done = steps, log, 0
        self._title, self._start = "", 0.0
        self._alive = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        self._colours = self._alive and "NO_COLOR" not in os.environ
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("")

    def begin(self, title: str) -> None:
        """Start a step."""
        self._title, self._start = title, time.monotonic()
        self._draw("", "")

    def end(self) -> None:
        """The step is done."""
        self._done += 1
        took = f"{time.monotonic() - self._start:.0f} s"
        mark = self._paint("32", "✓" if _is_unicode() else "ok")
        start = "\r\033[K" if self._alive else ""
        place = f"{self._done}/{self._steps}"
        print(f"{start}{mark} {place} {self._title} ({took})", flush=True)

    def run(self, command: list[str], **options: Any) -> None:
        """Run a command as a part of the step.

        Raises:
            StepError: it failed.
        """
        with self._log.open("a", encoding="utf-8") as log:
            log.write(f"$ {' '.join(command)}\n")
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                **options,
            )
            news: deque[str] = deque([""], maxlen=1)
            reader = threading.Thread(target=_read, args=(process, log, news))
            reader.start()
            for turn in range(1 << 31):
                reader.join(0.1)
                if not reader.is_alive():
                    break
                self._draw(news[0], FRAMES[turn % len(FRAMES)] if _is_unicode() else "")
        if process.wait():
            raise StepError(f"exit code {process.returncode}")

    def show_failure(self, error: Exception) -> None:
        """Print the log's end and what failed."""
        lines = self._log.read_text(encoding="utf-8").splitlines()[-25:]
        start = "\r\033[K" if self._alive else ""
        print(f"{start}{self._paint('31', 'failed')}: {self._title}", file=sys.stderr)
        print("\n".join(f"    {line}" for line in lines), file=sys.stderr)
        print(f"{error}; the whole log: {self._log}", file=sys.stderr)

    def _draw(self, news: str, frame: str) -> None:
        if not self._alive:
            return
        full = BAR * self._done // self._steps
        solid, hollow = ("━", "╌") if _is_unicode() else ("#", "-")
        bar = self._paint("36", solid * full) + self._paint("2", hollow * (BAR - full))
        # A line that wraps could not be drawn over.
        room = shutil.get_terminal_size().columns - BAR - 4
        took = f"{time.monotonic() - self._start:.0f} s"
        text = f"{self._done + 1}/{self._steps} {self._title}  {took}  "[:room]
        news = self._paint("2", news[: room - len(text)])
        sys.stdout.write(f"\r\033[K{bar} {text}{news} {frame}")
        sys.stdout.flush()

    def _paint(self, code: str, text: str) -> str:
        return f"\033[{code}m{text}\033[0m" if self._colours and text else text


def _read(process: subprocess.Popen[str], log: Any, news: deque[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        log.write(line)
        log.flush()
        match = NEWS.match(line)
        if match:
            # Of a file's name, only the package's: the rest is versions and platforms.
            news.append(re.split(r"[-_]\d", match[1] or match[2])[0][:40])


def _is_unicode() -> bool:
    return (sys.stdout.encoding or "").lower().startswith("utf")
