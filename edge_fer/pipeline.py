"""From one frame to one report: track, scan, locate landmarks, align, rate, classify, smooth.

No input or output, no thread, and no clock but the stopwatch: time is part of the frame. The
daemon, the library, `explain`, `bench` and the tests all call `Pipeline.process`.
"""

import copy
import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import numpy as np

from edge_fer.config import settings
from edge_fer.emotion.smooth import Judgement, Smoother
from edge_fer.types import (
    Box,
    Event,
    Frame,
    Luma,
    Outcome,
    Phase,
    Points,
    Presence,
    Quality,
    Report,
    Scores,
    Verdict,
)
from edge_fer.vision.landmarks import Aligner
from edge_fer.vision.quality import assess, reject
from edge_fer.vision.search import Search, Track

STAGES = ("follow", "scan", "landmarks", "align", "quality", "classify", "smooth")
"""Keys of `Report.seconds`, in the order of processing."""


GAP_S = 1.0
"""Seconds between two frames from which the second is scanned as a whole."""

PAUSE = 0.5
"""Most of tracking.lost_s that passes between two frames: a pause in the frames is no absence, so
a face must be missed in three frames before its track ends."""

LARGER = 1.2
"""Factor by which a face must be wider than the main one to take its place."""

NewSearch = Callable[[tuple[int, ...]], Search]
"""Makes the search for frames of a shape (H, W)."""


class LandmarkLocator(Protocol):
    """Locates landmarks, as `Landmarker` does."""

    def locate(self, luma: Luma, box: Box) -> Points:
        """Return the landmarks (68, 2) float32 of the face in the box."""


class CropClassifier(Protocol):
    """Scores aligned face crops, as `Classifier` does."""

    def classify(self, chips: Sequence[Luma]) -> list[Scores]:
        """Return the scores of each crop."""


@dataclasses.dataclass(slots=True)
class Look:
    """Everything read from one face in one frame."""

    track: Track
    landmarks: Points
    chip: Luma
    quality: Quality
    unreadable: Outcome | None
    scores: Scores | None = None


class Pipeline:
    """Everything between the camera and the publisher.

    ``search`` makes the face search for frames of a shape (H, W).
    """

    def __init__(
        self,
        options: settings.Settings,
        search: NewSearch,
        landmarker: LandmarkLocator,
        aligner: Aligner,
        classifier: CropClassifier,
    ) -> None:
        self._options = options
        self._new_search, self._landmarker = search, landmarker
        self._aligner, self._classifier = aligner, classifier
        self._reset()

    def _reset(self) -> None:
        self._search: Search | None = None
        self._smoother = Smoother(self._options.smoothing)
        self._shape: tuple[int, ...] = ()
        self._time = self._clock = 0.0
        self._main: str | None = None
        self._begun: dict[str, tuple[float, float]] = {}
        """Track to stamp and stream time of its last event."""

    def process(self, frame: Frame) -> Report:
        """Process one frame; never raise for its content."""
        watch = _Stopwatch()
        fault = _frame_fault(frame.luma)
        if fault is not None:
            return _report(frame, (), (), self._present(), watch, fault)
        events, search = self._restart(frame)
        now = self._clock
        with watch.stage("follow"):
            search.follow(frame.luma, now)
        with watch.stage("scan"):
            refused = search.scan(frame.luma, now, frame.small)
        looks = self._look(frame.luma, search, watch)
        with watch.stage("smooth"):
            verdicts = []
            # First, so that an ending track does not become uncertain in the same frame.
            for track in search.pop_ended(now):
                events += self._events(track, self._smoother.end(track.name), frame.stamp)
            for track in search.tracker.tracks:
                judgement = self._judge(track, looks.get(track), now)
                verdict = self._verdict(track, looks.get(track), judgement, now)
                verdicts += [] if verdict is None else [verdict]
                events += self._events(track, judgement, frame.stamp)
        return _report(frame, (*verdicts, *refused), events, self._present(), watch)

    def read(self, luma: Luma) -> tuple[list[Look], list[Verdict]]:
        """Read every face of one picture (H, W) uint8, without tracking and smoothing.

        Return the looks at the readable and unreadable faces, and verdicts on rejected boxes.
        Tracks and emotions of the stream stay as they are.
        """
        search = self._new_search(luma.shape)
        rejected = search.scan(luma, 0.0)
        looks = self._look(luma, search, _Stopwatch())
        return list(looks.values()), rejected

    def copy(self, search: NewSearch | None = None) -> "Pipeline":
        """Return a pipeline of the same parts without tracks, with another search if given."""
        other = copy.copy(self)
        other._new_search = search or self._new_search
        other._reset()
        return other

    def finish(self, stamp: float) -> list[Event]:
        """End every track, because the stream is over, paused or of another size."""
        search, self._search, self._shape = self._search, None, ()
        return [
            event
            for track in (search.tracker.end_all() if search else ())
            for event in self._events(track, self._smoother.end(track.name), stamp)
        ]

    def _restart(self, frame: Frame) -> tuple[list[Event], Search]:
        """Begin a new stream if the frame has another size or an earlier time stamp."""
        events: list[Event] = []
        step = frame.time - self._time
        # The clock of tracks and emotions: it is slower than the stream in a pause.
        self._clock += min(max(step, 0.0), PAUSE * self._options.tracking.lost_s)
        if self._search is None or self._shape != frame.luma.shape or step < 0:
            events = self.finish(frame.stamp)
            self._shape = frame.luma.shape
            self._search, self._clock = self._new_search(self._shape), 0.0
        elif step >= GAP_S:
            self._search.rescan()
        self._time = frame.time
        return events, self._search

    def _look(self, luma: Luma, search: Search, watch: "_Stopwatch") -> dict[Track, Look]:
        """Read the tracks whose face was found in this frame."""
        tracks = search.tracker.take_updated()
        with watch.stage("landmarks"):
            landmarks = [self._landmarker.locate(luma, track.box) for track in tracks]
            for track, points in zip(tracks, landmarks, strict=True):
                track.settle(points, self._clock)
        with watch.stage("align"):
            chips = [self._aligner.chip(luma, points) for points in landmarks]
        with watch.stage("quality"):
            looks = []
            for track, points, chip in zip(tracks, landmarks, chips, strict=True):
                quality = assess(points, chip, self._aligner.points)
                why = reject(quality, self._options.quality)
                looks.append(Look(track, points, chip, quality, why))
        with watch.stage("classify"):
            readable = [look for look in looks if look.unreadable is None]
            rows = self._classifier.classify([look.chip for look in readable])
            for look, scores in zip(readable, rows, strict=True):
                look.scores = scores
        return {look.track: look for look in looks}

    def _judge(self, track: Track, look: Look | None, time: float) -> Judgement | None:
        if look is None or look.scores is None:
            return self._smoother.skip(track.name, time)
        judgement = self._smoother.update(track.name, look.scores, time)
        track.changing = judgement.outcome is Outcome.HELD
        return judgement

    def _verdict(
        self, track: Track, look: Look | None, judgement: Judgement | None, time: float
    ) -> Verdict | None:
        """Return the verdict on a tracked face; None if only its track is left."""
        read = look is not None and look.scores is not None
        outcome: Outcome | None
        if judgement is not None and (read or judgement.phase is not None):
            outcome = judgement.outcome
        elif look is not None:
            outcome = look.unreadable
        else:
            outcome = track.unread_outcome(time, self._options.tracking.coast_s)
        if outcome is None:
            return None
        return Verdict(
            outcome,
            track.shown,
            track.name,
            scores=None if look is None else look.scores,
            smooth=None if judgement is None else judgement.smooth,
            emotion=None if judgement is None else judgement.emotion,
            landmarks=None if look is None else look.landmarks,
            quality=None if look is None else look.quality,
        )

    def _events(self, track: Track, judgement: Judgement | None, stamp: float) -> list[Event]:
        """Return the event of a judgement, if it is one, with start and duration of the last."""
        if judgement is None or judgement.phase is None or judgement.emotion is None:
            return []
        started, began = self._begun.pop(track.name, (None, self._time))
        if judgement.phase is not Phase.END:
            self._begun[track.name] = (stamp, self._time)
        return [
            Event(
                track.name,
                judgement.phase,
                judgement.emotion,
                judgement.previous,
                judgement.confidence,
                judgement.smooth,
                track.shown,
                stamp,
                started,
                None if started is None else max(0.0, self._time - began),
            )
        ]

    def _present(self) -> list[Presence]:
        """Return the faces whose emotion has been published, the main one first.

        The main face stays the same until another one is `LARGER` or it ends.
        """
        present = []
        for track in self._search.tracker.tracks if self._search else ():
            current = self._smoother.current(track.name)
            if current is not None and current.emotion is not None:
                emotion, confidence = current.emotion, current.confidence
                present.append(
                    Presence(track.name, emotion, confidence, track.shown, current.smooth)
                )
        widths = {face.track: face.box.width for face in present}
        largest = max(widths, key=widths.__getitem__, default=None)
        if largest is None or widths[largest] >= LARGER * widths.get(self._main or "", 0):
            self._main = largest
        return sorted(present, key=lambda face: face.track != self._main)


def _frame_fault(luma: Luma) -> str | None:
    """Return why a frame cannot be processed, or None."""
    if luma.dtype != np.uint8 or luma.ndim != 2 or min(luma.shape) < 16:
        return f"frame is {luma.dtype} {luma.shape}, must be uint8 (height, width), 16 px or more"
    return None


def _report(
    frame: Frame,
    verdicts: Sequence[Verdict],
    events: Sequence[Event],
    present: Sequence[Presence],
    watch: "_Stopwatch",
    fault: str | None = None,
) -> Report:
    size = (frame.luma.shape[1], frame.luma.shape[0]) if frame.luma.ndim > 1 else (0, 0)
    return Report(
        frame.number,
        frame.time,
        frame.stamp,
        size,
        verdicts,
        events,
        present,
        watch.seconds,
        fault,
        watch.cpu_seconds,
    )


class _Stopwatch:
    """Measures wall and CPU time by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.cpu_seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        started, spent = time.perf_counter(), time.process_time()
        yield
        self.cpu_seconds[name] = time.process_time() - spent
        self.seconds[name] = time.perf_counter() - started
