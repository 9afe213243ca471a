"""On-device latency of the very pipeline that `run` runs, stage by stage."""

import os
import platform
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from edge_fer.cameras import Camera
from edge_fer.daemon.pipeline import STAGES, Pipeline
from edge_fer.daemon.service import rss_mb
from edge_fer.errors import CameraError
from edge_fer.types import Frame

WARM_UP = 10
"""Frames that are processed first and not counted."""

SHOWN = (50, 95, 99)
"""Percentiles."""


def bench(
    pipeline: Pipeline, camera: Camera, *, frames: int, model: str, size: int
) -> dict[str, Any]:
    """Process ``frames`` frames after the warm-up and return what `edge-fer bench` prints.

    ``model`` and its chip ``size`` in px are only noted.
    A file that is too short is played again. fps counts the pipeline alone, not the camera.
    """
    stages: dict[str, list[float]] = defaultdict(list)
    for number, frame in enumerate(_endless(camera)):
        if number == WARM_UP + frames:
            break
        started = time.perf_counter()
        report = pipeline.process(frame)
        total = time.perf_counter() - started
        if number >= WARM_UP:
            stages["frame"].append(total)
            for name in STAGES:
                stages[name].append(report.seconds.get(name, 0.0))
    return {
        "stages": {name: _percentiles(stages[name]) for name in (*STAGES, "frame")},
        "fps": round(len(stages["frame"]) / sum(stages["frame"]), 2),
        "rss_mb": rss_mb(),
        "model": model,
        "size": size,
        "frames": len(stages["frame"]),
        "device": device_facts(),
    }


def _endless(camera: Camera) -> Iterator[Frame]:
    """Frames of the camera, begun anew whenever a file ends; numbers and times run on."""
    number, offset, last = 0, 0.0, 0.0
    while True:
        before = number
        with camera:
            for frame in camera:
                last = offset + frame.time
                yield Frame(frame.luma, number, last, frame.stamp)
                number += 1
        if number == before:
            raise CameraError(f"camera {camera.source}: gave no frame to measure")
        offset = last + 1.0


def _percentiles(seconds: list[float]) -> dict[str, float]:
    return {
        f"p{percent}_ms": round(1000 * float(np.percentile(seconds, percent)), 3)
        for percent in SHOWN
    }


def device_facts() -> dict[str, Any]:
    """What the figures depend on: processor, cores, system, Python."""
    return {
        "machine": platform.machine(),
        "cpu": _cpu_name(),
        "cores": len(os.sched_getaffinity(0)),
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def _cpu_name() -> str:
    model = Path("/proc/device-tree/model")
    if model.exists():
        return model.read_text().strip("\0\n ")
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())
