"""Run cases in a child process, so that one that kills the process is noticed.

python -m tests.stress.fuzz.child KIND FIRST COUNT
"""

import resource
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from tests.stress.fuzz.files import kind

READY, CASE = b"ready\n", "case-"
PATIENCE_S = 60.0
"""For one case."""
MEMORY = 6 << 30
"""Address space of a child: a damaged size must not use the memory of the whole machine."""


PROGRAM = (sys.executable, "-m", "tests.stress.fuzz.child")


def cases(
    name: str, first: int, count: int, program: Sequence[str] = PROGRAM
) -> Iterator[tuple[int, str]]:
    """Yield number and outcome of each case; start a new child after a case that killed one."""
    following, end = first, first + count
    while following < end:
        command = [*program, name, str(following), str(end - following)]
        with subprocess.Popen(
            command, bufsize=0, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as child:
            assert child.stdout is not None
            if child.stdout.readline() != READY:
                raise RuntimeError(f"a child for {name} does not start")
            while following < end:
                number, following = following, following + 1
                outcome = _outcome(child.stdout, number)
                if outcome is None:
                    hung = child.poll() is None and not _readable(child.stdout, 0)
                    child.kill()
                    yield number, "hangs" if hung else f"dies: {_ending(child.wait())}"
                    break
                yield number, outcome


def _outcome(pipe: IO[bytes], number: int) -> str | None:
    """Return the outcome that the child prints; None if it prints nothing more."""
    other = ""
    while _readable(pipe, PATIENCE_S) and (line := pipe.readline().decode(errors="replace")):
        case, _, outcome = line.rstrip("\n").partition(" ")
        if case == f"{CASE}{number}":
            return outcome if not other else f"on stdout: {other[:200]}"
        other += line
    return None


def _readable(pipe: IO[bytes], seconds: float) -> bool:
    return bool(select.select([pipe], [], [], seconds)[0])


def _ending(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def main() -> None:
    """Print a line for each case."""
    name, first, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with tempfile.TemporaryDirectory(dir="/dev/shm") as scratch:
        damaged = kind(name, Path(scratch))
        print("ready", flush=True)
        for number in range(first, first + count):
            outcome = damaged.run(name, number, Path(scratch))
            print(f"{CASE}{number}", " ".join(outcome.split()), flush=True)


if __name__ == "__main__":
    main()
