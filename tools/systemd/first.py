"""`edge-fer setup` on a machine with systemd: by questions, from a file, and once more.

    python -m tools.systemd.first [--no-build] [--no-record]

As root. The Debian is that of `python -m tools.systemd`. Ends with 1 where something does not hold.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from tools import proofs
from tools.progress import Progress, StepError
from tools.systemd.asked import asked
from tools.systemd.finding import Finding
from tools.systemd.machine import HERE, build
from tools.systemd.unasked import unasked

CACHE = HERE / ".cache"

NOTE = """\
A Debian 12 with mosquitto and this checkout's `make install`, booted by systemd-nspawn with its \
own systemd, twice from the same beginning. The questions are answered on a terminal (pty), the \
broker is then Debian's mosquitto as its package leaves it, found by setup itself; the file's is \
mosquitto with deploy/mosquitto, TLS and a password. The camera is a folder of pictures in real \
time. Not tried: a real camera, brokers by mDNS (the container has no network), and sudo (setup \
runs as root)."""


def main() -> int:
    """Build, boot, show."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--no-record", action="store_true", help="print, write nothing")
    parser.add_argument("--no-build", action="store_true", help="what is installed there already")
    arguments = parser.parse_args()
    if os.geteuid():
        print("systemd-nspawn must be run as root: sudo make first-start", file=sys.stderr)
        return 1
    progress = Progress(1, CACHE / "systemd" / "first.txt")
    root = CACHE / "systemd" / "bookworm"
    try:
        if not arguments.no_build:
            progress.begin("a Debian with edge-fer in it")
            root = build(progress, CACHE / "systemd")
            progress.end()
        found = list(_shown(chain(asked(root), unasked(root))))
    except (StepError, OSError, RuntimeError) as error:
        progress.show_failure(error)
        return 1
    if not arguments.no_record:
        proofs.save("setup", _proof(found))
    return 1 if any(not finding.holds for finding in found) else 0


def _shown(findings: Iterable[Finding]) -> Iterator[Finding]:
    for finding in findings:
        print(f"{finding.word:13}  {finding.shown}\n{'':15}{finding.seen}", flush=True)
        yield finding


def _proof(found: Sequence[Finding]) -> proofs.Proof:
    good = sum(finding.holds is True for finding in found)
    return proofs.Proof(
        title="The first start: edge-fer setup under a real systemd",
        floor="all",
        aim="",
        reached=f"{good} of {len(found)}",
        verdict="holds" if good == len(found) else "does not hold",
        command="make first-start",
        note=NOTE,
        rows=tuple(
            {"shown": one.shown, "expected": one.expected, "seen": one.seen, "verdict": one.word}
            for one in found
        ),
    )


if __name__ == "__main__":
    sys.exit(main())
