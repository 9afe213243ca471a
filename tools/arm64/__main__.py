"""`python -m tools.arm64`: install, run a clip, compare events; 1 where they differ."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from tools.arm64.compare import STEPS, TOLERANCE, Row, compare, compare_steps, holds
from tools.arm64.side import CLIP, Side, decode
from tools.progress import Progress, StepError
from tools.proofs import Proof, save
from tools.release import CACHE, TARGETS, ReleaseError
from tools.release.roots import fresh_root

FRAMES = 60

NOTE = """\
Installed by apt into bare Debian systems; {frames} frames of the demo's clip. The whole: events \
of the two daemons, taken at a mosquitto outside, their scores at most {tolerance} apart, half \
of what lies between smoothing.enter and smoothing.leave, which take a label and give it up. The \
steps, each of every look at the face and given what x86 made of the step before: {steps}, and the \
scores of a chip at most what one step of the network's INT8 output can do. Boxes are alike \
since the package rounds those of dlib that end on half a pixel by itself: dlib's wheels do it \
one way on x86 and the other on arm64. The frames are decoded once, for FFmpeg rounds colours \
differently on arm64; --encoded has each side decode by itself. For arm64 apt itself is the \
machine's own; dpkg, the package's scripts and the daemon run under qemu-user's emulation: it \
says that it works and agrees, nothing about speed, and nothing about a Pi's own processor, \
camera or memory."""


def main() -> int:
    """Compare on each release."""
    suites = sorted({target.suite for target in TARGETS})
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=", ".join(suites))
    parser.add_argument("--frames", type=int, default=FRAMES)
    parser.add_argument("--encoded", action="store_true", help="each decodes the clip itself")
    arguments = parser.parse_args()
    if unknown := set(arguments.suites) - set(suites):
        parser.error(f"{', '.join(sorted(unknown))}: must be of {', '.join(suites)}")
    chosen = arguments.suites or suites
    progress = Progress(len(chosen), CACHE / "arm64.log")
    rows = []
    try:
        for suite in chosen:
            progress.begin(f"{suite}: installed on both, {arguments.frames} frames")
            rows.append(_row(progress, suite, arguments.frames, encoded=arguments.encoded))
            progress.end()
    except (StepError, OSError, ReleaseError) as error:
        progress.show_failure(error)
        return 1
    for row in rows:
        print(json.dumps(row, ensure_ascii=False))
    _record(rows, arguments.frames)
    return int(not all(map(holds, rows)))


def _row(progress: Progress, suite: str, frames: int, *, encoded: bool) -> Row:
    """Compare on one release: as a whole, then step by step."""
    with TemporaryDirectory() as folder, ExitStack() as stack:
        clip = CLIP if encoded else decode(Path(folder), frames)
        x86, arm = (
            Side(target, stack.enter_context(fresh_root(progress, target)), clip, frames)
            for target in TARGETS
            if target.suite == suite
        )
        with ThreadPoolExecutor() as both:
            played = list(both.map(Side.play, (x86, arm)))
        given = x86.follow()
        followed = arm.follow(given)
        return compare(*played) | compare_steps(dict(np.load(given)), dict(np.load(followed)))


def _record(rows: list[Row], frames: int) -> None:
    worst = max(row["largest score difference"] for row in rows)
    steps = ", ".join(f"{column} at most {most}" for column, most in STEPS.values())
    save(
        "arm64",
        Proof(
            title="arm64",
            floor=f"every step alike, and of the whole the same labels, scores within {TOLERANCE}",
            aim="the same on Debian 12 and 13",
            reached=f"{len(rows)} of 2 releases, scores within {worst:.4f}",
            verdict="does not hold"
            if not all(map(holds, rows))
            else "aim"
            if len(rows) == 2
            else "floor",
            command=shlex.join(["python", "-m", "tools.arm64", *sys.argv[1:]]),
            note=NOTE.format(frames=frames, tolerance=TOLERANCE, steps=steps),
            rows=tuple(rows),
        ),
    )


if __name__ == "__main__":
    sys.exit(main())
