"""`python -m tools.arm64`: install, run a clip, compare events; 1 where they differ."""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import cv2

from edge_fer.measure.demo import PrivateBroker
from edge_fer.sections import Smoothing
from tools.progress import Progress, StepError
from tools.proofs import Proof, save
from tools.release import CACHE, ROOT, TARGETS, ReleaseError, Target
from tools.release.deb import find_deb
from tools.release.roots import fresh_root

CLIP = ROOT / ".cache" / "carphone_pristine.mp4"
FRAMES = 60
TOLERANCE = round((Smoothing().enter - Smoothing().leave) / 2, 6)
"""Largest difference of a score. Half of what lies between taking a label and giving it up, so
that rounding alone does not do both."""

CONFIG = """\
[privacy]
acknowledge_use = "research"
[camera]
source = "file:/tmp/clip.avi"
[vision]
min_face_px = 40
[mqtt]
brokers = ["{url}"]
outbox = "memory"
"""

Event = dict[str, Any]
Row = dict[str, Any]


class Played(NamedTuple):
    """What a side says of itself, and its events."""

    versions: str
    system: str
    events: list[Event]


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
            with TemporaryDirectory() as folder, ThreadPoolExecutor() as both:
                clip = CLIP if arguments.encoded else _decode(Path(folder), arguments.frames)
                play = partial(_run, progress, clip=clip, frames=arguments.frames)
                rows.append(_compare(*both.map(play, (t for t in TARGETS if t.suite == suite))))
            progress.end()
    except (StepError, OSError, ReleaseError) as error:
        progress.show_failure(error)
        return 1
    for row in rows:
        print(json.dumps(row, ensure_ascii=False))
    _record(rows, arguments.frames)
    return int(not all(map(_holds, rows)))


def _decode(folder: Path, frames: int) -> Path:
    """Write the clip's frames as plain bytes, so that both sides look at the same ones."""
    source, raw = cv2.VideoCapture(str(CLIP)), folder / "clip.avi"
    size = int(source.get(cv2.CAP_PROP_FRAME_WIDTH)), int(source.get(cv2.CAP_PROP_FRAME_HEIGHT))
    rate = source.get(cv2.CAP_PROP_FPS)
    film = cv2.VideoWriter(str(raw), cv2.VideoWriter.fourcc(*"RGBA"), rate, size)
    for _ in range(frames):
        film.write(source.read()[1])
    film.release()
    return raw


def _run(progress: Progress, target: Target, clip: Path, frames: int) -> Played:
    """Install the target's package and play the clip."""
    with fresh_root(progress, target) as root, PrivateBroker() as broker:
        root.put(find_deb(target), "/tmp/edge-fer.deb")
        root.put(clip, "/tmp/clip.avi")
        (root.folder / "tmp/edge-fer.toml").write_text(CONFIG.format(url=broker.url))
        # Nothing of it is kept, so nothing has to be safe on disk.
        (root.folder / "etc/dpkg/dpkg.cfg.d/unsafe").write_text("force-unsafe-io\n")
        root.apt("update")
        root.apt("install", "/tmp/edge-fer.deb")
        check = json.loads(root.run("edge-fer", "check", "-c", "/tmp/edge-fer.toml", "--json"))
        said = {finding["name"]: finding["text"] for finding in check}
        play = ["edge-fer", "run", "-c", "/tmp/edge-fer.toml", f"--max-frames={frames}"]
        events = _listen(broker.url, root.command(*play))
    return Played(said["versions"], said["system"], events)


def _listen(url: str, command: list[str]) -> list[Event]:
    """Run the daemon to its end; return its events in their order."""
    port = url.rpartition(":")[2]
    topics = ["-t", "edge-fer/+/event", "-t", "edge-fer/+/status"]
    with subprocess.Popen(
        ["mosquitto_sub", "-p", port, "-q", "1", *topics], stdout=subprocess.PIPE, text=True
    ) as subscriber:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            subscriber.terminate()
            raise ReleaseError(f"edge-fer run: exit code {done.returncode}: {done.stderr[-500:]}")
        events = []
        assert subscriber.stdout is not None
        for line in subscriber.stdout:
            message = json.loads(line)
            if message.get("state") == "stopped":
                break
            if "emotion" in message:
                events.append(message)
        subscriber.terminate()
    return sorted(events, key=lambda event: int(event["seq"]))


def _compare(x86: Played, arm: Played) -> Row:
    said = [_said(event) for event in x86.events]
    pairs = list(zip(x86.events, arm.events, strict=False))
    apart = {
        part: max((abs(a[part][k] - b[part][k]) for a, b in pairs for k in a[part]), default=0)
        for part in ("scores", "box")
    }
    return {
        "versions on both": arm.versions if arm.versions == x86.versions else "",
        "x86": x86.system, "arm64": arm.system, "events": len(said),
        "same phases and labels": "yes" if said and said == list(map(_said, arm.events)) else "no",
        "largest score difference": round(apart["scores"], 4),
        "largest box difference, px": apart["box"],
    }  # fmt: skip


def _said(event: Event) -> tuple[str, str, str | None]:
    return event["phase"], event["emotion"], event["previous"]


def _holds(row: Row) -> bool:
    alike = row["largest score difference"] <= TOLERANCE
    return bool(alike and row["versions on both"] and row["same phases and labels"] == "yes")


def _record(rows: list[Row], frames: int) -> None:
    worst = max(row["largest score difference"] for row in rows)
    save(
        "arm64",
        Proof(
            title="arm64",
            floor=f"the same labels, scores within {TOLERANCE}",
            aim="the same on Debian 12 and 13",
            reached=f"{len(rows)} of 2 releases, scores within {worst:.4f}",
            verdict="does not hold" if not all(map(_holds, rows)) else
            "aim" if len(rows) == 2 else "floor",
            command=shlex.join(["python", "-m", "tools.arm64", *sys.argv[1:]]),
            note="The tolerance is half of what lies between smoothing.enter and smoothing.leave, "
            "which take a label and give it up. Installed by apt into bare Debian systems; "
            f"{frames} frames of the demo's clip, events taken at a mosquitto outside. The frames "
            "are decoded once, for FFmpeg rounds colours differently on arm64; --encoded has each "
            "side decode by itself. For arm64 "
            "apt itself is the machine's own; dpkg, the package's scripts and the daemon run "
            "under qemu-user's emulation: it says that it works and agrees, nothing about speed, "
            "and nothing about a Pi's own processor, camera or memory.",
            rows=tuple(rows),
        ),
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
