"""Runs the whole daemon for a million frames and looks whether it grows.

    python -m tools.torture.soak --frames 1000000

`edge-fer run` plays a clip again and again (`tools.torture.looped`), as fast as it can, with a
real mosquitto, its outbox on disk, and a face that comes and goes. With every message on stats,
/proc is asked for the process's resident memory, open files and threads; the samples go to a
CSV file as they come. Every event must reach a subscriber, and without a gap.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import os
import queue
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import msgspec

from edge_fer.cameras import open_camera
from edge_fer.config.broker_url import parse_broker
from edge_fer.config.settings import Camera
from edge_fer.mqtt.connection import subscribe
from edge_fer.mqtt.messages import Message
from tools.proofs import Proof, save
from tools.torture.mosquitto import Broker

ROOT = Path(__file__).parents[2]
CARPHONE = ROOT / ".cache/carphone_pristine.mp4"
FPS = 30
SETTLED = 50_000
"""Frames after which memory should not grow any more."""
FLOOR_MB = 2.0
SILENT_S = 120.0
"""A daemon that sends no stats for so long has ended or hangs."""


class Sample(msgspec.Struct, frozen=True):
    """What the process was after so many frames."""

    frames: int
    rss_mb: float
    files: int
    threads: int
    cpu_s: float
    uptime_s: float
    events: int


def write_clip(path: Path) -> int:
    """The published clip, and once more upside down, where nobody is found; returns its frames."""
    camera = open_camera(Camera(source=f"file:{CARPHONE}"))
    with camera:
        frames = [frame.luma for frame in camera]
    frames += [cv2.flip(luma, 0).astype(luma.dtype) for luma in frames]
    height, width = frames[0].shape
    fourcc = cv2.VideoWriter.fourcc(*"mp4v")
    video = cv2.VideoWriter(str(path), fourcc, FPS, (width, height), isColor=True)
    for luma in frames:
        video.write(cv2.cvtColor(luma, cv2.COLOR_GRAY2BGR))
    video.release()
    return len(frames)


@contextlib.contextmanager
def daemon(folder: Path, url: str, frames: int, more: Sequence[str]) -> Iterator[int]:
    """A running daemon, which ends after so many frames; gives its process id."""
    settings = {
        "camera.source": f"loop:{folder / 'clip.mp4'}",
        "vision.min_face_px": 40,
        "device.name": "soak",
        "privacy.acknowledge_use": "research",
        "stats.interval_s": 2,
        "mqtt.brokers": url,
        "mqtt.outbox": folder / "outbox",
        "log.level": "warning",
    }
    options = [f"--set={key}={value}" for key, value in settings.items()]
    program = [sys.executable, "-m", "tools.torture.looped", "run", f"--max-frames={frames}"]
    process = subprocess.Popen([*program, *options, *(f"--set={one}" for one in more)], cwd=ROOT)
    try:
        yield process.pid
        if process.wait(SILENT_S):
            raise RuntimeError(f"the daemon ended with {process.returncode}")
    finally:
        process.kill()
        process.wait()


def sample(pid: int, stats: dict[str, float]) -> Sample:
    """What /proc says about the process now."""
    proc = Path(f"/proc/{pid}")
    # A look that falls between two rounds of the clip sees it closed.
    files = [_open_files(proc)]
    time.sleep(0.05)
    files.append(_open_files(proc))
    lines = (proc / "status").read_text().splitlines()
    status = dict(line.split(":", 1) for line in lines)
    # Behind the name, which may hold blanks, utime and stime are the fields 14 and 15 of proc(5).
    ticks = (proc / "stat").read_text().rpartition(")")[2].split()[11:13]
    return Sample(
        frames=int(stats["frames"]),
        rss_mb=round(int(status["VmRSS"].split()[0]) * 1024 / 1e6, 2),
        files=max(files),
        threads=int(status["Threads"]),
        cpu_s=sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK"),
        uptime_s=stats["uptime_s"],
        events=int(stats["events"]),
    )


def _open_files(proc: Path) -> int:
    return len(list((proc / "fd").iterdir()))


def watch(
    inbox: queue.SimpleQueue[Message], pid: int, frames: int, table: Path
) -> tuple[list[Sample], int]:
    """Samples until so many frames are done, and the number of events that came in order."""
    samples: list[Sample] = []
    came = 0
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(Sample.__struct_fields__)
        while not samples or samples[-1].frames < frames or came < samples[-1].events:
            message = inbox.get(timeout=SILENT_S)
            content = json.loads(message.payload)
            if message.topic.endswith("/event"):
                came += 1
                if content["seq"] != came:
                    raise RuntimeError(f"event {content['seq']} came in the place of {came}")
            else:
                samples.append(sample(pid, content))
                writer.writerow(msgspec.structs.astuple(samples[-1]))
                file.flush()
    return samples, came


def soak(frames: int, table: Path, more: Sequence[str]) -> tuple[list[Sample], int]:
    """Do it."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_clip(folder / "clip.mp4")
        broker = Broker(folder)
        broker.start()
        url = f"mqtt://127.0.0.1:{broker.port}"
        topics = [f"edge-fer/soak/{name}" for name in ("event", "stats")]
        try:
            with (
                subscribe(parse_broker(url), topics) as inbox,
                daemon(folder, url, frames, more) as pid,
            ):
                return watch(inbox, pid, frames, table)
        finally:
            broker.stop()


def proof(samples: Sequence[Sample], came: int, command: str, more: Sequence[str]) -> Proof:
    """The record: growth is the median of the last tenth minus that around `SETTLED`."""
    last = samples[-1]
    settled = [one for one in samples if 0.9 * SETTLED <= one.frames <= 1.1 * SETTLED]
    tenth = [one for one in samples if one.frames >= 0.9 * last.frames]
    # The last sample is of a daemon that is ending: its camera is closed.
    after = [one for one in samples[:-1] if one.frames >= 0.9 * SETTLED]
    growth = statistics.median(one.rss_mb for one in tenth) - statistics.median(
        one.rss_mb for one in settled
    )
    files = sorted({one.files for one in after})
    kept = growth < FLOOR_MB and len(files) == 1
    rows = [
        samples[min(range(len(samples)), key=lambda k, at=at: abs(samples[k].frames - at))]
        for at in (SETTLED, *(last.frames * k // 10 for k in range(1, 11)))
    ]
    return Proof(
        title="Soak on a looped clip",
        floor=f"10⁶ frames, growth < {FLOOR_MB:g} MB, open files constant",
        aim="the same",
        reached=f"{last.frames:,} frames, growth {growth:+.1f} MB, open files "
        + " to ".join(map(str, files)),
        verdict="aim" if kept and last.frames >= 1_000_000 else "below the floor",
        command=command,
        note=(
            "Growth is the median resident memory of the last tenth minus that around "
            f"{SETTLED:,} frames; MB are 10^6 bytes. `edge-fer run` with its outbox on disk and a "
            "real mosquitto plays the Carphone clip, and after it the same upside down, where it "
            "finds nobody, again and again: the decoder is opened anew every time. "
            f"{len(samples):,} samples of /proc; {came:,} events came, in order and without a gap, "
            f"of {last.events:,}. It took {last.cpu_s / last.frames * 1000:.2f} ms of CPU time a "
            f"frame, and {last.uptime_s / 3600:.1f} h. "
            f"Settings beside the defaults: {', '.join(more) or 'none'}. No live camera was used."
        ),
        rows=tuple(
            {
                "frames": f"{one.frames:,}",
                "RSS, MB": one.rss_mb,
                "open files": one.files,
                "threads": one.threads,
                "events": one.events,
            }
            for one in sorted(set(rows), key=lambda one: one.frames)
        ),
    )


def main() -> None:
    """Run it and keep the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=1_000_000)
    parser.add_argument("--table", type=Path, default=ROOT / "out/soak.csv")
    parser.add_argument("--set", action="append", default=[], metavar="section.key=value")
    arguments = parser.parse_args()
    arguments.table.parent.mkdir(parents=True, exist_ok=True)
    samples, came = soak(arguments.frames, arguments.table, arguments.set)
    found = proof(samples, came, "make soak", arguments.set)
    print(found.reached)
    save("soak", found)
    sys.exit(found.verdict != "aim")


if __name__ == "__main__":
    main()
