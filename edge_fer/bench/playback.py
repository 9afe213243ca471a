"""Play a camera to the pipeline in two ways: at its own pace, and at full speed.

At the camera's pace the figures are those of a running daemon: what it uses, and whether it
keeps up. At full speed they are those of the stages. Frames of a file are then decoded in
blocks, since the decoder's threads would otherwise count as time of the pipeline.
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
"""Number of first frames that are processed but not counted."""

BLOCK = 31
"""Frames of a file that are decoded at once. The decoder's threads are still busy when the first
of them is processed; odd, so that this hits two alternating sides equally often."""

ROUNDS = 2
"""Rounds over the same frames at full speed; their difference shows if the machine is steady."""


class Processes(Protocol):
    """A pipeline that can start a new stream."""

    def process(self, frame: Frame) -> Report:
        """Process one frame."""

    def finish(self, stamp: float) -> list[Event]:
        """End every track; the next frame starts a stream."""


class Samples:
    """Wall and CPU seconds of each stage and of the whole frame, "frame"; one value per frame."""

    def __init__(self) -> None:
        self.wall: dict[str, list[float]] = {name: [] for name in (*STAGES, "frame")}
        self.cpu: dict[str, list[float]] = {name: [] for name in (*STAGES, "frame")}
        self.mhz: float | None = None
        """Frequency of the fastest core at the end."""

    def __len__(self) -> int:
        return len(self.wall["frame"])

    def process(self, pipeline: Processes, frame: Frame) -> Report:
        """Process a frame and record its times."""
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
        """Return a copy without the first ``count`` frames; with all if there are no more."""
        rest = Samples()
        start = count if len(self) > count else 0
        rest.wall = {name: values[start:] for name, values in self.wall.items()}
        rest.cpu = {name: values[start:] for name, values in self.cpu.items()}
        return rest


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class PacedRun:
    """A camera played at its own pace."""

    samples: Samples
    size: tuple[int, int]
    """Width and height of the last frame in px."""
    times: list[float]
    """Stream time of each frame in seconds."""
    lags: list[float]
    """Seconds from when each frame was available until it was processed."""
    seconds: float
    """From the first frame to the end of the last one."""
    cpu_s: float
    """CPU time of the whole process, the camera's included."""
    event_s: float | None
    """Seconds from the first frame to the first event; None without an event."""
    event_age_s: float | None
    """Seconds from the start of the process to the first event."""

    @property
    def fps(self) -> float | None:
        """Frames per second of the source; None for a single picture."""
        span = self.times[-1] - self.times[0]
        return (len(self.times) - 1) / span if span > 0 else None

    @property
    def keeps_up(self) -> bool | None:
        """True if most frames of the last quarter were done before the next one was due."""
        if self.fps is None:
            return None
        last = sorted(self.lags[-max(1, len(self.lags) // 4) :])
        return last[len(last) // 2] < 1 / self.fps


def play_paced(pipeline: Processes, camera: Camera, frames: int) -> PacedRun:
    """Play ``frames`` frames at the camera's own pace, or until the file ends.

    Raises:
        CameraError: the camera fails or has no frame.
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
        raise no_frame_error(camera)
    seconds, cpu_s = done - began, time.process_time() - spent
    return PacedRun(samples, size, times, lags, seconds, cpu_s, *(event or (None, None)))


def play_fast(pipeline: Processes, camera: Camera, frames: int) -> list[Samples]:
    """Play a file in `ROUNDS` over the same frames, ``frames`` in all, after a warm-up.

    Each round starts a new stream; a file that is too short is played repeatedly.

    Raises:
        CameraError: the camera fails or has no frame.
    """
    _play(pipeline, camera, WARM_UP, Samples())
    sizes = [(frames + number) // ROUNDS for number in range(ROUNDS)]
    rounds = [Samples() for _ in sizes]
    for count, samples in zip(sizes, rounds, strict=True):
        _play(pipeline, camera, count, samples)
    return [samples for samples in rounds if len(samples)]


def _play(pipeline: Processes, camera: Camera, count: int, samples: Samples) -> None:
    stamp = 0.0
    for frame in decode_ahead(itertools.islice(loop(camera), count)):
        stamp = samples.process(pipeline, frame).stamp
    samples.mhz = fastest_mhz()
    pipeline.finish(stamp)


def decode_ahead(frames: Iterator[Frame]) -> Iterator[Frame]:
    """Yield the same frames, fetched in blocks."""
    while block := list(itertools.islice(frames, BLOCK)):
        yield from block


def loop(camera: Camera) -> Iterator[Frame]:
    """Yield frames of the camera and restart a file that ends; numbers and times go on.

    Raises:
        CameraError: the camera fails or has no frame.
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
            raise no_frame_error(camera)
        offset = last + 1.0


def no_frame_error(camera: Camera) -> CameraError:
    """Return the error of a camera without a frame."""
    return CameraError(f"camera {camera.source}: has no frame to measure")
