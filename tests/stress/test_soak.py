"""The daemon does not grow over a million frames, and no event is lost.

It plays a clip in a loop, as fast as it can, with a real mosquitto and its outbox on disk; a face
appears and disappears. With every message on `stats`, /proc gives the resident memory, open files
and threads.
"""

import contextlib
import csv
import json
import os
import queue
import statistics
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_fer.cameras import open_camera
from edge_fer.config.broker_url import parse_broker
from edge_fer.config.settings import Camera
from edge_fer.mqtt.connection import subscribe
from edge_fer.mqtt.messages import Message
from tests.support.broker import Mosquitto
from tests.support.clips import write_video
from tests.support.daemon import PROGRAM, Daemon, options
from tests.support.long_runs import Effort, Record
from tests.support.media import ROOT

FPS = 30
FRAMES, SHORT = 1_000_000, 1000
SETTLED = 50_000
"""Frames after which memory should not grow any more."""
LIMIT_MB = 2.0
SILENT_S = 120.0
"""A daemon that sends no stats for so long has ended or hangs."""
TABLE = ROOT / "out/soak.csv"


class Sample(msgspec.Struct, frozen=True):
    """The process after so many frames."""

    frames: int
    rss_mb: float
    files: int
    threads: int
    cpu_s: float
    uptime_s: float
    events: int


def luma_of(clip: Path) -> list[NDArray[np.uint8]]:
    """Return the frames of a clip, and once more upside down, where there is no face."""
    with open_camera(Camera(source=f"file:{clip}")) as camera:
        frames = [frame.luma for frame in camera]
    return frames + [cv2.flip(luma, 0).astype(luma.dtype) for luma in frames]


@pytest.fixture(scope="session")
def clip(carphone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a clip in which a face appears and disappears."""
    return write_video(tmp_path_factory.mktemp("clip") / "clip.mp4", luma_of(carphone), "mp4v", FPS)


@contextlib.contextmanager
def daemon(clip: Path, url: str, outbox: Path, frames: int) -> Iterator[int]:
    """Run a daemon that ends after so many frames; give its process id."""
    settings = {
        "vision.min_face_px": 40,
        "device.name": "soak",
        "privacy.acknowledge_use": "research",
        "stats.interval_s": 2,
        "mqtt.outbox": outbox,
        "log.level": "warning",
    }
    addresses = ["--camera", f"loop:{clip}", "--mqtt", url, f"--max-frames={frames}"]
    running = Daemon([*PROGRAM, *addresses, *options(settings)])
    try:
        yield running.process.pid
        assert 0 == running.process.wait(SILENT_S), running.log.lines
    finally:
        running.kill()


def sample(pid: int, stats: dict[str, float]) -> Sample:
    """Read /proc for the process."""
    proc = Path(f"/proc/{pid}")
    # Between two rounds of the clip the file is closed for a moment.
    files = [_open_files(proc)]
    time.sleep(0.05)
    files.append(_open_files(proc))
    lines = (proc / "status").read_text().splitlines()
    status = dict(line.split(":", 1) for line in lines)
    # After the name, which may contain blanks, utime and stime are fields 14 and 15 of proc(5).
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


def watch(inbox: "queue.SimpleQueue[Message]", pid: int, frames: int, table: Path) -> list[Sample]:
    """Sample until so many frames are done and all their events have arrived, in order."""
    samples: list[Sample] = []
    arrived = 0
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(Sample.__struct_fields__)
        while not samples or samples[-1].frames < frames or arrived < samples[-1].events:
            message = inbox.get(timeout=SILENT_S)
            content = json.loads(message.payload)
            if message.topic.endswith("/event"):
                arrived += 1
                assert arrived == content["seq"]
            else:
                samples.append(sample(pid, content))
                writer.writerow(msgspec.structs.astuple(samples[-1]))
                file.flush()
    assert arrived == samples[-1].events
    return samples


def soak(clip: Path, broker: Mosquitto, frames: int, table: Path) -> list[Sample]:
    topics = [f"edge-fer/soak/{name}" for name in ("event", "stats")]
    outbox = broker.folder / "outbox"
    with (
        subscribe(parse_broker(broker.url), topics) as inbox,
        daemon(clip, broker.url, outbox, frames) as pid,
    ):
        return watch(inbox, pid, frames, table)


def growth_mb(samples: Sequence[Sample]) -> float:
    """Return the median memory of the last tenth minus that around `SETTLED`."""
    settled = [one for one in samples if 0.9 * SETTLED <= one.frames <= 1.1 * SETTLED]
    last = [one for one in samples if one.frames >= 0.9 * samples[-1].frames]
    return statistics.median(one.rss_mb for one in last) - statistics.median(
        one.rss_mb for one in settled
    )


def open_files(samples: Sequence[Sample]) -> set[int]:
    """Return the numbers of open files after `SETTLED`.

    The last sample does not count: its daemon is ending, and the camera is closed.
    """
    return {one.files for one in samples[:-1] if one.frames >= 0.9 * SETTLED}


def check(samples: Sequence[Sample]) -> None:
    assert growth_mb(samples) < LIMIT_MB
    assert 1 == len(open_files(samples))


def result(samples: Sequence[Sample]) -> str:
    last = samples[-1]
    files = " to ".join(map(str, sorted(open_files(samples))))
    return (
        f"{last.frames:,} frames, growth {growth_mb(samples):+.1f} MB, open files {files}; "
        f"{last.events:,} of {last.events:,} events, {last.cpu_s / last.frames * 1000:.2f} ms of "
        f"CPU time a frame, {last.uptime_s / 3600:.1f} h, {len(samples):,} samples of /proc"
    )


def rows(samples: Sequence[Sample]) -> list[dict[str, object]]:
    """Return the samples after `SETTLED` and after each tenth of the frames."""
    last = samples[-1].frames
    near = [
        min(samples, key=lambda one, at=at: abs(one.frames - at))  # type: ignore[misc]
        for at in (SETTLED, *(last * k // 10 for k in range(1, 11)))
    ]
    return [
        {
            "frames": f"{one.frames:,}",
            "RSS, MB": one.rss_mb,
            "open files": one.files,
            "threads": one.threads,
            "events": one.events,
        }
        for one in sorted(set(near), key=lambda one: one.frames)
    ]


@pytest.mark.usefixtures("landmarks")
def test_the_daemon_plays_a_clip_again_and_again_and_no_event_is_lost(
    clip: Path, broker: Mosquitto, tmp_path: Path
) -> None:
    samples = soak(clip, broker, SHORT, tmp_path / "soak.csv")
    # The clip has 764 frames, and each round of it ends with no face.
    assert SHORT == samples[-1].frames
    assert samples[-1].events > 2
    assert 1 == len({one.files for one in samples[1:-1]} or {0})
    assert len(samples) + 1 == len((tmp_path / "soak.csv").read_text().splitlines())


@pytest.mark.stress
@pytest.mark.usefixtures("landmarks")
def test_a_million_frames(clip: Path, broker: Mosquitto, effort: Effort, record: Record) -> None:
    TABLE.parent.mkdir(parents=True, exist_ok=True)
    samples = soak(clip, broker, effort.rounds or FRAMES, TABLE)
    record("soak", result(samples), rows(samples))
    check(samples)


def made_up(growth: float = 0.0, files: int = 9) -> list[Sample]:
    """Return samples of a million frames, after which the process has grown by so much."""
    whole = [
        Sample(k * 10_000, 100.0 + (growth if k > 89 else 0), 9, 10, k * 20.0, k * 50.0, k)
        for k in range(101)
    ]
    whole[60] = msgspec.structs.replace(whole[60], files=files)
    return whole


@pytest.mark.parametrize("growth", [0.0, 1.9])
def test_a_little_growth_passes(growth: float) -> None:
    check(made_up(growth))
    assert f"1,000,000 frames, growth {growth:+.1f} MB, open files 9;" in result(made_up(growth))


@pytest.mark.parametrize("samples", [made_up(growth=2.1), made_up(files=10)])
def test_a_process_that_grows_or_opens_files_fails(samples: list[Sample]) -> None:
    with pytest.raises(AssertionError):
        check(samples)
