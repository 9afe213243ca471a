"""The two ways to play a camera to the pipeline: at its own pace, and as fast as it goes.

At the camera's pace the figures are those of a running daemon: what it uses, and whether it is
in time. At full speed they are those of the stages. Frames of a file are then decoded some at a
time, since the decoder's threads would be charged to whatever runs beside them.
"""

import dataclasses
import itertools
import time
from collections.abc import Iterator
from typing import Protocol

from edge_fer.bench.device import age_s, fastest_mhz
from edge_fer.cameras import Camera
from edge_fer.errors import CameraError
from edge_fer.pipeline import STAGES
from edge_fer.types import Event, Frame, Report

WARM_UP = 10
"""Frames that are processed first and not counted."""

AHEAD = 31
"""Frames of a file that are decoded at once. The decoder's threads are still at it when the first
of them is processed; odd, so that of two sides that take turns each is hit as often."""

ROUNDS = 2
"""Over the same frames of a file at full speed; their times tell whether the machine is steady."""


class Processes(Protocol):
    """A pipeline that can begin anew."""

    def process(self, frame: Frame) -> Report:
        """Look at one frame."""

    def finish(self, stamp: float) -> list[Event]:
        """End every track; the next frame is a stream's first."""


class Samples:
    """Seconds of each stage and of whole frames, "frame", one a frame; wall and CPU time."""

    def __init__(self) -> None:
        self.wall: dict[str, list[float]] = {name: [] for name in (*STAGES, "frame")}
        self.cpu: dict[str, list[float]] = {name: [] for name in (*STAGES, "frame")}
        self.mhz: float | None = None
        """Frequency of the fastest core at the end."""

    def __len__(self) -> int:
        return len(self.wall["frame"])

    def process(self, pipeline: Processes, frame: Frame) -> Report:
        """Process a frame and note what it took."""
        started, spent = time.perf_counter(), time.process_time()
        report = pipeline.process(frame)
        cpu, wall = time.process_time() - spent, time.perf_counter() - started
        self.wall["frame"].append(wall)
        self.cpu["frame"].append(cpu)
        for name in STAGES:
            self.wall[name].append(report.seconds.get(name, 0.0))
            self.cpu[name].append(report.cpu_seconds.get(name, 0.0))
        return report

    def without_first(self, count: int) -> "Samples":
        """The same but for the first frames; all of them where there are no more."""
        rest = Samples()
        start = count if len(self) > count else 0
        rest.wall = {name: values[start:] for name, values in self.wall.items()}
        rest.cpu = {name: values[start:] for name, values in self.cpu.items()}
        return rest


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class Paced:
    """A camera played at its own pace; frame by frame where it says so."""

    samples: Samples
    size: tuple[int, int]
    """Width and height of the last frame in px."""
    times: list[float]
    """Of the frames, in the stream, in seconds."""
    lags: list[float]
    """Seconds from when a frame was there to be had to when it was done."""
    seconds: float
    """From the first frame to the end of the last one."""
    cpu_s: float
    """CPU time of the whole process meanwhile, the camera's included."""
    event_s: float | None
    """From the first frame to the first event; None without one."""
    event_age_s: float | None
    """From the start of the process to the first event."""

    @property
    def fps(self) -> float | None:
        """Frames a second that the source gave; None of one without times, such as a picture."""
        span = self.times[-1] - self.times[0]
        return (len(self.times) - 1) / span if span > 0 else None

    @property
    def keeps_up(self) -> bool | None:
        """In the last quarter most frames were done before the next one was due."""
        if self.fps is None:
            return None
        last = sorted(self.lags[-max(1, len(self.lags) // 4) :])
        return last[len(last) // 2] < 1 / self.fps


def at_pace(pipeline: Processes, camera: Camera, frames: int) -> Paced:
    """Play ``frames`` frames of a camera that keeps its own time, or until a file ends.

    Raises:
        CameraError: the camera fails or gives no frame.
    """
    samples, times, lags = Samples(), list[float](), list[float]()
    event: tuple[float, float | None] | None = None
    size = (0, 0)
    with camera:
        for frame in camera:
            now = time.monotonic()
            if not times:
                began, spent = now, time.process_time()
            # A live camera's times are of the monotonic clock; a file's count from its start.
            due = frame.time if camera.live else began + frame.time - (times or [frame.time])[0]
            report = samples.process(pipeline, frame)
            done = time.monotonic()
            if event is None and report.events:
                event = done - began, age_s()
            times.append(frame.time)
            lags.append(done - due)
            size = report.size
            if len(times) == frames:
                break
    if not times:
        raise no_frame(camera)
    seconds, cpu_s = done - began, time.process_time() - spent
    return Paced(samples, size, times, lags, seconds, cpu_s, *(event or (None, None)))


def at_full_speed(pipeline: Processes, camera: Camera, frames: int) -> list[Samples]:
    """Play a file in `ROUNDS` over the same frames, ``frames`` in all, after a warm-up.

    Each round begins a new stream; a file that is too short is played again within it.

    Raises:
        CameraError: the camera fails or gives no frame.
    """
    _play(pipeline, camera, WARM_UP, Samples())
    sizes = [(frames + number) // ROUNDS for number in range(ROUNDS)]
    rounds = [Samples() for _ in sizes]
    for count, samples in zip(sizes, rounds, strict=True):
        _play(pipeline, camera, count, samples)
    return [samples for samples in rounds if len(samples)]


def _play(pipeline: Processes, camera: Camera, count: int, samples: Samples) -> None:
    stamp = 0.0
    for frame in ahead(itertools.islice(endless(camera), count)):
        stamp = samples.process(pipeline, frame).stamp
    samples.mhz = fastest_mhz()
    pipeline.finish(stamp)


def ahead(frames: Iterator[Frame]) -> Iterator[Frame]:
    """The same frames, some of them fetched at once."""
    while block := list(itertools.islice(frames, AHEAD)):
        yield from block


def endless(camera: Camera) -> Iterator[Frame]:
    """Frames of the camera, begun anew whenever a file ends; numbers and times run on.

    Raises:
        CameraError: the camera fails or gives no frame.
    """
    number, offset, last = 0, 0.0, 0.0
    while True:
        before = number
        with camera:
            for frame in camera:
                last = offset + frame.time
                yield Frame(frame.luma, number, last, frame.stamp)
                number += 1
        if number == before:
            raise no_frame(camera)
        offset = last + 1.0


def no_frame(camera: Camera) -> CameraError:
    """The error of a camera that ends before it has begun."""
    return CameraError(f"camera {camera.source}: gave no frame to measure")
