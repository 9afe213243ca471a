"""`python -m tools.arm64`: install, run a clip, compare events; 1 where they differ."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from typing import Any

from edge_fer.measure.demo import PrivateBroker
from tools.progress import Progress, StepError
from tools.proofs import Proof, save
from tools.release import CACHE, ROOT, TARGETS, ReleaseError, Target
from tools.release.newcomer import find_deb
from tools.release.roots import fresh_root

CLIP = ROOT / ".cache" / "carphone_pristine.mp4"
FRAMES = 60
TOLERANCE = 0.05
"""Largest difference of a score: INT8 kernels round differently from one processor to another."""

CONFIG = """\
[privacy]
acknowledge_use = "research"
[camera]
source = "file:/tmp/clip.mp4"
[vision]
min_face_px = 40
[mqtt]
brokers = ["{url}"]
outbox = "memory"
"""

Event = dict[str, Any]


def main() -> int:
    """Compare on each release."""
    suites = sorted({target.suite for target in TARGETS})
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suites", nargs="*", default=suites, choices=suites)
    parser.add_argument("--frames", type=int, default=FRAMES)
    arguments = parser.parse_args()
    progress = Progress(2 * len(arguments.suites), CACHE / "arm64.log")
    rows = []
    try:
        for suite in arguments.suites:
            pair = [target for target in TARGETS if target.suite == suite]
            rows.append(_compare(*(_run(progress, target, arguments.frames) for target in pair)))
    except (StepError, OSError, ReleaseError) as error:
        progress.show_failure(error)
        return 1
    for row in rows:
        print(json.dumps(row, ensure_ascii=False))
    _record(rows, arguments.frames)
    return int(not all(map(_holds, rows)))


def _run(progress: Progress, target: Target, frames: int) -> tuple[str, list[Event]]:
    """Install the target's package and play the clip; return what it says of itself and events."""
    progress.begin(f"{target.name}: install, {frames} frames")
    with fresh_root(progress, target) as root, PrivateBroker() as broker:
        root.put(find_deb(target), "/tmp/edge-fer.deb")
        root.put(CLIP, "/tmp/clip.mp4")
        (root.folder / "tmp/edge-fer.toml").write_text(CONFIG.format(url=broker.url))
        root.apt("update")
        root.apt("install", "/tmp/edge-fer.deb")
        check = json.loads(root.run("edge-fer", "check", "-c", "/tmp/edge-fer.toml", "--json"))
        said = {finding["name"]: finding["text"] for finding in check}
        play = ["edge-fer", "run", "-c", "/tmp/edge-fer.toml", f"--max-frames={frames}"]
        events = _listen(broker.url, root.command(*play))
    progress.end()
    return f"{said['versions']}; {said['system']}", events


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


def _compare(x86: tuple[str, list[Event]], arm: tuple[str, list[Event]]) -> dict[str, Any]:
    said = [(event["phase"], event["emotion"], event["previous"]) for event in x86[1]]
    pairs = list(zip(x86[1], arm[1], strict=False))
    same = said == [(event["phase"], event["emotion"], event["previous"]) for event in arm[1]]
    worst = max(
        (abs(a["scores"][label] - b["scores"][label]) for a, b in pairs for label in a["scores"]),
        default=0.0,
    )
    moved = max((abs(a["box"][k] - b["box"][k]) for a, b in pairs for k in a["box"]), default=0)
    return {
        "arm64": arm[0], "x86": x86[0].partition(";")[0], "events": len(said),
        "same phases and labels": "yes" if same and said else "no",
        "largest score difference": round(worst, 4), "largest box difference, px": moved,
    }  # fmt: skip


def _holds(row: dict[str, Any]) -> bool:
    alike = row["largest score difference"] <= TOLERANCE
    return bool(alike and row["same phases and labels"] == "yes")


def _record(rows: list[dict[str, Any]], frames: int) -> None:
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
            command="make arm64",
            note=f"The packages for arm64 and amd64, installed by apt into bare Debian systems; "
            f"{frames} frames of the demo's clip, events taken at a mosquitto outside. arm64 runs "
            "under qemu-user's emulation: it says that it works and agrees, nothing about speed, "
            "and nothing about a Pi's own processor, camera or memory.",
            rows=tuple(rows),
        ),
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
