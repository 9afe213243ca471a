"""Lives that end by SIGKILL: of the whole daemon, and of its way to the broker alone."""

import io
import multiprocessing
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from edge_fer.vision.landmarks import find_landmarks
from tools.torture.victim import MAX_QUEUED, MAX_UNACKED, SPILL_AFTER_S, publish
from training.landmarks.compare import shrink

STUCK_S = 120.0
"""Longest wait for the first event."""

OPTIONS = {
    "privacy.acknowledge_use": "research",
    "device.name": "torture",
    "log.level": "debug",
    "camera.pace": "real",
    "camera.fps": 15,
    "vision.min_face_px": 40,
    # An event whenever the face is elsewhere, which it is in each frame.
    "vision.scan_s": 0.01,
    "vision.still_s": 0.01,
    "tracking.looks_per_s": 60,
    "tracking.coast_s": 0,
    "tracking.lost_s": 0.01,
    "smoothing.half_life_s": 0,
    "smoothing.settle_s": 0,
    "smoothing.hold_s": 0,
    "mqtt.spill_after_s": SPILL_AFTER_S,
    "mqtt.max_unacked": MAX_UNACKED,
    "mqtt.max_queued": MAX_QUEUED,
    "mqtt.drain_s": 0,
}

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tools.torture.victim"])


@dataclass
class Told:
    """What a process said before it was killed."""

    made: int = 0
    acknowledged: set[str] = field(default_factory=set)
    stored: set[str] = field(default_factory=set)

    def hear(self, line: str) -> None:
        """One whole line of its log."""
        words = line.split()
        if "accepted" in words[:2]:
            name = words[words.index("accepted") + 1].rstrip(":")
            (self.stored if words[-1] == "stored" else self.acknowledged).add(name)
        self.made += words[:1] == ["made"] or words[:2] == ["INFO", "track"]


def follow(
    output: io.BufferedReader, kill: Callable[[], None], life_s: float, *, from_first: bool
) -> Told:
    """Listen until it is killed after that time, counted from the first event if asked for."""
    told, timer = Told(), threading.Timer(STUCK_S if from_first else life_s, kill)
    timer.start()
    for raw in output:
        # The last line may be half a line.
        if raw.endswith(b"\n"):
            told.hear(raw.decode())
        if from_first and told.made:
            from_first = False
            timer.cancel()
            timer = threading.Timer(life_s, kill)
            timer.start()
    output.close()
    timer.cancel()
    return told


def publisher(url: str, folder: Path, session: str, life_s: float) -> Told:
    """A life of the way to the broker; with the session "none" it ends when all is delivered."""
    reader, writer = _FORKS.Pipe(duplex=False)
    process = _FORKS.Process(target=publish, args=(url, folder, session, writer))
    process.start()
    writer.close()
    output = open(os.dup(reader.fileno()), "rb")  # noqa: PTH123, SIM115
    told = follow(output, process.kill, life_s, from_first=session != "none")
    process.join()
    reader.close()
    return told


def daemon(command: Sequence[str], life_s: float, *, from_first: bool) -> Told:
    """A life of the whole daemon."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert isinstance(process.stdout, io.BufferedReader)
    told = follow(process.stdout, process.kill, life_s, from_first=from_first)
    process.wait()
    return told


def daemon_command(url: str, folder: Path, stage: Path, *more: str) -> list[str]:
    """How the daemon is started on a `draw`-n stage; it makes two events a frame."""
    settings = {**OPTIONS, "mqtt.outbox": folder, "vision.landmarks": stage / "landmarks.dat"}
    options = [f"--set={key}={value}" for key, value in settings.items()]
    run = [sys.executable, "-m", "edge_fer", "run", "--camera", f"file:{stage / 'pictures'}"]
    return [*run, "--mqtt", url, *options, *more]


def draw(portrait: Path, stage: Path, frames: int = 2000) -> Path:
    """Small pictures with a face now left, now right, and a landmark file that loads quickly."""
    luma = cv2.imread(str(portrait), cv2.IMREAD_GRAYSCALE)
    if luma is None:
        raise SystemExit(f"torture: {portrait}: not there; `make torture` fetches it")
    face = cv2.resize(luma[:256, 96:352], (144, 144), interpolation=cv2.INTER_AREA)
    pictures = stage / "pictures"
    pictures.mkdir(parents=True)
    for number in range(2):
        frame = np.full((144, 320), 90, np.uint8)
        left = 176 * number
        frame[:, left : left + 144] = face[:, :: 1 - 2 * number]
        cv2.imwrite(str(pictures / f"{number:05}.pgm"), frame)
    for number in range(2, frames):
        (pictures / f"{number:05}.pgm").symlink_to(pictures / f"{number % 2:05}.pgm")
    shrink(find_landmarks(), stage / "landmarks.dat", 3)
    return stage
