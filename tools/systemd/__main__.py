"""Boots a Debian with edge-fer in it and shows what the unit promises.

    python -m tools.systemd [--no-build] [--no-record]

As root. The Debian is made once, in .cache/systemd, and takes some minutes and half a gigabyte;
this checkout is installed into it anew each time. The rest takes about five minutes, most of it
waiting for systemd's watchdog. Ends with 1 where something does not hold.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from tools import proofs
from tools.progress import Progress, StepError
from tools.systemd.fence import fence
from tools.systemd.finding import Finding
from tools.systemd.life import fail, hang, reload, start, stop
from tools.systemd.machine import HERE, PYTHON, booted, build
from tools.systemd.rig import Rig

CACHE = HERE / ".cache"
CLIP = CACHE / "carphone_pristine.mp4"

PARTS = (start, fence, reload, hang, stop, fail)

NOTE = """\
The shipped unit, its configuration file and the broker's files as docs/guides/security.md has them, \
installed by `make install` into a Debian 12 ({version}) and booted by systemd-nspawn. Not as \
shipped: the camera is a folder of pictures, in real time, a named pipe among them for a camera \
that gives none; a drop-in starts the probe that tries the fence (ExecStartPost=) and another \
lets the daemon find Debian's python3-systemd (Environment=PYTHONPATH=). cgroup v1's controller \
of devices is mounted for writing, for DeviceAllow. Unproved, as this kernel gives a container \
neither a cgroup for memory nor cgroup v2: {unproved}. A camera on a real device node and \
PrivateUsers with it: not tried here. The machine's load average was {load:.1f} on {processors} \
processors at the end, which the seconds are to be read with."""


def main() -> int:
    """Build, boot, show."""
    parser = argparse.ArgumentParser(description="Prove the unit with a real systemd.")
    parser.add_argument("--no-record", action="store_true", help="print, write nothing")
    parser.add_argument("--no-build", action="store_true", help="what is installed there already")
    arguments = parser.parse_args()
    if os.geteuid():
        print("systemd-nspawn must be run as root: sudo make systemd", file=sys.stderr)
        return 1
    if not PYTHON.exists():
        print(f"{PYTHON}: must be there, as Debian 12 has it", file=sys.stderr)
        return 1
    progress = Progress(1, CACHE / "systemd" / "log.txt")
    root = CACHE / "systemd" / "bookworm"
    try:
        if not arguments.no_build:
            progress.begin("a Debian with edge-fer in it")
            root = build(progress, CACHE / "systemd")
            progress.end()
    except (StepError, OSError) as error:
        progress.show_failure(error)
        return 1
    with booted(root) as machine:
        rig = Rig(machine, CLIP)
        version = machine.tell("systemctl", "--version").splitlines()[0]
        found = []
        for finding in (one for part in PARTS for one in part(rig)):
            print(f"{finding.word:13}  {finding.shown}\n{'':15}{finding.seen}", flush=True)
            found.append(finding)
    if not arguments.no_record:
        proofs.save("systemd", _proof(found, version))
    return 1 if any(finding.holds is False for finding in found) else 0


def _proof(found: Sequence[Finding], version: str) -> proofs.Proof:
    tried = [finding for finding in found if finding.holds is not None]
    good = sum(finding.holds is True for finding in tried)
    unproved = ", ".join(finding.shown for finding in found if finding.holds is None)
    return proofs.Proof(
        title="The unit under a real systemd",
        floor="all",
        aim="",
        reached=f"{good} of {len(tried)}; {len(found) - len(tried)} unproved",
        verdict="holds" if good == len(tried) else "does not hold",
        command="make systemd",
        note=NOTE.format(
            version=version, unproved=unproved, load=os.getloadavg()[0], processors=os.cpu_count()
        ),
        rows=tuple(
            {"shown": one.shown, "expected": one.expected, "seen": one.seen, "verdict": one.word}
            for one in found
        ),
    )


if __name__ == "__main__":
    sys.exit(main())
