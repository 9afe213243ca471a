"""Somebody at a terminal: waits for each question, then types."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import subprocess
import termios
import time
from collections.abc import Sequence

PATIENCE_S = 240.0


def converse(command: Sequence[str], answers: Sequence[tuple[str, str]]) -> tuple[int, str]:
    """Run a command on a terminal of its own; return its exit status and all that was shown.

    ``answers`` are regular expressions for the questions, in their order, and what to type.

    Raises:
        RuntimeError: a question does not come.
    """
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(theirs)
    shown, read = "", 0
    try:
        for question, answer in answers:
            while not (found := re.compile(question).search(shown, read)):
                if not (more := _read(ours)):
                    raise RuntimeError(f"never asked: {question}; shown was: {shown}")
                shown += more
            read = found.end()
            os.write(ours, f"{answer}\n".encode())
        while more := _read(ours):
            shown += more
        return process.wait(PATIENCE_S), shown.replace("\r\n", "\n")
    finally:
        process.kill()
        os.close(ours)


def _read(terminal: int) -> str:
    """What is shown next; empty when it is over, or nothing comes."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if select.select([terminal], [], [], 1)[0]:
            try:
                return os.read(terminal, 4096).decode(errors="replace")
            except OSError:
                # Linux's word for a terminal that nobody holds any more.
                return ""
    return ""
