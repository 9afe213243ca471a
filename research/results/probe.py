"""A daemon's process without a broker, measured from inside; prints JSON.

    python -m research.results.probe CLIP [SECTION.OPTION=VALUE ...]

CLIP "-" reads luma of 640x480 px from standard input, frame after frame: what a live camera
gives, without a video decoder in the process. Times are of the wall clock, in seconds since the
process was started.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_fer.types import Frame

WIDTH, HEIGHT, FPS = 640, 480, 30

RELEASE_S = 10
"""Seconds of stream time after which unused memory is given back, as the service does."""


def main() -> None:
    """Load as `edge-fer run` does, look at the frames, tell."""
    times = {"python": _age()}
    # Loading is what is measured.
    from edge_fer.build import build_classifier, build_pipeline
    from edge_fer.config.load import load
    from edge_fer.daemon.stats import release_memory

    clip, *options = sys.argv[1:]
    settings = load(None, ["privacy.acknowledge_use=research", *options], {})
    pipeline = build_pipeline(settings, build_classifier(settings))
    times["loaded"] = _age()
    for frame in _raw() if clip == "-" else _played(clip):
        if pipeline.process(frame).events:
            times.setdefault("event", _age())
        if (frame.number + 1) % (FPS * RELEASE_S) == 0:
            release_memory()
    print(json.dumps({"seconds": times, "kb": _memory()}))


def _raw() -> Iterator[Frame]:
    import numpy as np

    from edge_fer.types import Frame

    for number in itertools.count():
        data = sys.stdin.buffer.read(HEIGHT * WIDTH)
        if not data:
            return
        luma = np.frombuffer(data, np.uint8).reshape(HEIGHT, WIDTH)
        yield Frame(luma, number, number / FPS, number / FPS)


def _played(clip: str) -> Iterator[Frame]:
    from edge_fer.cameras import open_camera
    from edge_fer.config.settings import Camera

    with open_camera(Camera(source=f"file:{clip}")) as camera:
        yield from camera


def _age() -> float:
    """Seconds since this process was started, by the kernel's record."""
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    started = int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started


def _memory() -> dict[str, int]:
    lines = Path("/proc/self/status").read_text().splitlines()
    found = dict(line.split(":", 1) for line in lines)
    return {key: int(found[key].split()[0]) for key in ("VmRSS", "VmHWM")}


if __name__ == "__main__":
    main()
