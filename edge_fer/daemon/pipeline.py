"""One frame to one report: detect, follow, locate, align, classify, smooth.

No input or output, no thread, no clock but the stopwatch: time comes in with the frame.
`run`, `explain`, `bench` and the tests all call `Pipeline.process`; there is no second copy.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import numpy as np

from edge_fer.emotion.smooth import Judgement, Smoother
from edge_fer.settings import Settings, Vision
from edge_fer.types import (
    Box,
    Detection,
    Event,
    Frame,
    Luma,
    Outcome,
    Points,
    Presence,
    Report,
    Scores,
    Verdict,
)  # fmt: skip
from edge_fer.vision.align import Aligner
from edge_fer.vision.track import Track, Tracker

STAGES = ("detect", "landmarks", "align", "classify", "smooth")
"""Keys of Report.seconds, in the order of the flow."""


class Detects(Protocol):
    """Finds faces."""

    def detect(self, luma: Luma) -> list[Detection]:
        """Boxes in a frame (H, W)."""


class Locates(Protocol):
    """Finds landmarks."""

    def locate(self, luma: Luma, box: Box) -> Points:
        """(68, 2) of the face in the box."""


class Classifies(Protocol):
    """Scores chips."""

    def classify(self, chips: Sequence[Luma]) -> list[Scores]:
        """One mapping a chip."""


class Pipeline:
    """Everything between the camera and the broker."""

    def __init__(
        self, settings: Settings, detector: Detects, landmarker: Locates,
        aligner: Aligner, classifier: Classifies,
    ) -> None:  # fmt: skip
        self._options = settings.vision
        self._detector, self._landmarker = detector, landmarker
        self._aligner, self._classifier = aligner, classifier
        self._tracker = Tracker(settings.tracking)
        self._smoother = Smoother(settings.smoothing)
        self._shape: tuple[int, ...] = ()

    def process(self, frame: Frame) -> Report:
        """Look at one frame. Never raises for what is in the picture."""
        watch = _Stopwatch()
        fault = _fault_of(frame)
        if fault is not None:
            return _report(frame, (), (), self._present(), watch, fault)
        events = self._restart(frame)
        with watch.stage("detect"):
            boxes = [detection.box for detection in self._detector.detect(frame.luma)]
            faces, refused = _select(boxes, self._options, frame.luma.shape)
            tracks = self._tracker.update(faces, frame.time)
        scores = self._look(frame.luma, faces, watch)
        with watch.stage("smooth"):
            verdicts = []
            for track, one in zip(tracks, scores, strict=True):
                judgement = self._smoother.update(track.name, one, frame.time)
                verdicts.append(_verdict(track, one, judgement))
                events += _events(track, judgement, frame.stamp)
            for track in self._tracker.end_lost(frame.time):
                events += _events(track, self._smoother.end(track.name), frame.stamp)
        return _report(frame, (*verdicts, *refused), events, self._present(), watch)

    def finish(self, stamp: float) -> list[Event]:
        """End every track: the stream is over, paused or of another size."""
        return [
            event
            for track in self._tracker.end_all()
            for event in _events(track, self._smoother.end(track.name), stamp)
        ]

    def _restart(self, frame: Frame) -> list[Event]:
        """Boxes of another frame size mean nothing: such a frame begins a new stream."""
        changed = bool(self._shape) and self._shape != frame.luma.shape
        self._shape = frame.luma.shape
        return self.finish(frame.stamp) if changed else []

    def _look(self, luma: Luma, faces: Sequence[Box], watch: "_Stopwatch") -> list[Scores]:
        with watch.stage("landmarks"):
            landmarks = [self._landmarker.locate(luma, box) for box in faces]
        with watch.stage("align"):
            chips = [self._aligner.chip(luma, points) for points in landmarks]
        with watch.stage("classify"):
            return self._classifier.classify(chips)

    def _present(self) -> list[Presence]:
        present = []
        for track in self._tracker.tracks:
            now = self._smoother.now(track.name)
            if now is not None and now.emotion is not None:
                present.append(Presence(track.name, now.emotion, now.confidence, track.box))
        return present


def _fault_of(frame: Frame) -> str | None:
    luma = frame.luma
    if luma.dtype != np.uint8 or luma.ndim != 2 or min(luma.shape) < 16:
        return f"frame is {luma.dtype} {luma.shape}, must be uint8 (height, width), 16 px or more"
    return None


def _select(
    boxes: Sequence[Box], options: Vision, shape: tuple[int, ...]
) -> tuple[list[Box], list[Verdict]]:
    """Split the boxes into those to follow and verdicts on those refused."""
    inside = Box(0, 0, shape[1], shape[0])
    faces: list[Box] = []
    refused: list[Verdict] = []
    for box in sorted(boxes, key=lambda item: item.area, reverse=True):
        # HOG boxes are quantized to a pyramid step of 5/6, so one a step below is meant.
        if box.width < options.min_face_px * 5 / 6:
            refused.append(Verdict(Outcome.TOO_SMALL, box))
        elif box.overlap(inside) < options.min_visible * box.area:
            refused.append(Verdict(Outcome.OFF_FRAME, box))
        elif len(faces) == options.max_faces:
            refused.append(Verdict(Outcome.TOO_MANY, box))
        else:
            faces.append(box)
    return faces, refused


def _verdict(track: Track, scores: Scores, judgement: Judgement) -> Verdict:
    return Verdict(
        judgement.outcome, track.box, track.name, scores, judgement.smooth, judgement.emotion
    )


def _events(track: Track, judgement: Judgement | None, stamp: float) -> list[Event]:
    if judgement is None or judgement.phase is None or judgement.emotion is None:
        return []
    return [
        Event(
            track.name, judgement.phase, judgement.emotion, judgement.previous,
            judgement.confidence, judgement.smooth, track.box, stamp,
        )
    ]  # fmt: skip


def _report(
    frame: Frame, verdicts: Sequence[Verdict], events: Sequence[Event],
    present: Sequence[Presence], watch: "_Stopwatch", fault: str | None = None,
) -> Report:  # fmt: skip
    size = (frame.luma.shape[1], frame.luma.shape[0]) if frame.luma.ndim > 1 else (0, 0)
    return Report(
        frame.number, frame.time, frame.stamp, size, verdicts, events, present, watch.seconds, fault
    )


class _Stopwatch:
    """Wall time by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - started
