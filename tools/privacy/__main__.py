"""Runs the daemon on a live camera under strace and says what left it.

    python -m tools.privacy [--seconds 40] [--no-record]

In either mode of `privacy.mode` a clip is watched as if it were alive (`tools.privacy.eye`), the
broker goes away for a while, so that the outbox is written, and commands come, good and bad.
Then every byte that the process wrote anywhere is accounted for: by the system calls, and by
what a subscriber to everything has heard. At the end a daemon that leaks on purpose has to be
found out.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from tools.privacy.account import Account, account
from tools.privacy.scene import play
from tools.proofs import Proof, save

ROOT = Path(__file__).parents[2]
CLIP = ROOT / ".cache/carphone_pristine.mp4"
LEAKS = ("file", "log", "address")
"""What `tools.privacy.eye` can be told to do wrong."""


def main() -> None:
    """Run it all, print it and put it down."""
    parser = argparse.ArgumentParser(prog="privacy", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=40, help="of each run")
    parser.add_argument("--crowd", type=Path, default=_crowd(), help="clip for mode aggregate")
    parser.add_argument("--no-record", action="store_true", help="only look")
    options = parser.parse_args()
    accounts = [
        run("faces", CLIP, options.seconds),
        run("aggregate", options.crowd, options.seconds),
    ]
    caught = [leak for leak in LEAKS if _caught(leak)]
    for made in accounts:
        print(made.told())
    print(f"leaks found that were made on purpose: {', '.join(caught) or 'none'}")
    good = not any(made.findings for made in accounts) and len(caught) == len(LEAKS)
    if not options.no_record:
        save("privacy", _proof(accounts, caught, good))
    sys.exit(not good)


def run(mode: str, clip: Path, seconds: float, leak: str = "") -> Account:
    """One run of the daemon and what became of its bytes."""
    with tempfile.TemporaryDirectory(prefix="edge-fer-privacy-") as name:
        scene = play(Path(name), mode, clip, seconds, leak)
        return account(scene, mode, clip)


def _crowd() -> Path:
    """A clip with three faces where there is one."""
    clip = Path(os.environ.get("EDGE_FER_MEDIA", ""), "face-demographics-walking-and-pause.gif")
    return clip if clip.is_file() else CLIP


def _caught(leak: str) -> bool:
    """Whether a daemon that does wrong is found out, and for that."""
    signs = {"file": "frame.raw", "log": "log: holds a picture", "address": "127.0.0.1:53"}
    return any(signs[leak] in finding for finding in run("faces", CLIP, 8, leak).findings)


def _proof(accounts: list[Account], caught: list[str], good: bool) -> Proof:
    fields = [len(made.fields) for made in accounts]
    return Proof(
        title="What leaves the device",
        floor="only what is in docs/reference/leaves.json, and to the broker alone",
        aim="the same",
        reached=f"{sum(len(made.findings) for made in accounts)} bytes or calls beyond the list; "
        f"{len(caught)} of {len(LEAKS)} deliberate leaks found",
        verdict="holds" if good else "does not hold",
        command="make privacy",
        note="The daemon watches a clip as a live camera, under strace with every system call "
        "that can carry something out of a process, while the broker goes away and comes back "
        "and commands come in. Every byte written to a socket is decoded as MQTT 5; each "
        "message and each row of the outbox has to be in the list, field by field, and in the "
        "schema, which has no place for a picture; and no run of 12 pixels, taken from every "
        "eighth row of each frame, may be in anything that was written, raw, in hex or in "
        "Base64. Calls that the check does not know fail it. "
        f"Fields seen: {fields[0]} with mode faces, {fields[1]} with aggregate. "
        "Not tried here: a camera of real hardware, whose driver has its own device file; what "
        "a broker does with what it gets; `LimitCORE=0` and the swap, which the unit sets.",
        rows=tuple(row for made in accounts for row in made.rows()),
    )


if __name__ == "__main__":
    main()
