"""Run the pipeline over a stream and record what a smoother needs, to replay it with others.

The sides differ only in what happens after the classifier, so one run serves them all.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from edge_fer.build import build_pipeline
from edge_fer.config.settings import Settings, Smoothing
from edge_fer.emotion.smooth import Smoother
from edge_fer.types import Box, Detection, Frame, Luma, Phase, Scores
from edge_fer.vision.detector import Detector, build_detector
from edge_fer.vision.search import TrackingSearch
from research.results.sides import classifier, settings

REMEMBERED = 500
"""Most pictures whose boxes are remembered."""


@dataclasses.dataclass(frozen=True, slots=True)
class Face:
    """One tracked face in one frame."""

    raw: Box
    """The detector's box, which version 0.1 published."""
    shown: Box
    scores: Scores | None


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """One frame: all tracks by name, and the main face of the state."""

    time: float
    faces: Mapping[str, Face]
    main: str | None


@dataclasses.dataclass(frozen=True, slots=True)
class Told:
    """An event of a replay."""

    time: float
    track: str
    phase: Phase
    emotion: str


class Remembering:
    """A detector that remembers its results: equal pixels give equal boxes."""

    def __init__(self, detector: Detector) -> None:
        self.smallest_px, self.zoom = detector.smallest_px, detector.zoom
        self._detector = detector
        self._known: dict[tuple[bytes, tuple[int, ...], float], list[Detection]] = {}

    def find(self, luma: Luma, threshold: float) -> list[Detection]:
        """Return the boxes in a picture (H, W) uint8."""
        key = (luma.tobytes(), luma.shape, threshold)
        if key not in self._known:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[key] = self._detector.find(luma, threshold)
        return self._known[key]


def record(frames: Iterable[Frame], *options: str) -> list[Step]:
    """Process the frames with the default settings but for ``options``."""
    searches: list[TrackingSearch] = []

    def search(chosen: Settings, shape: tuple[int, ...], detector: Detector) -> TrackingSearch:
        searches.append(TrackingSearch(chosen, shape, detector))
        return searches[-1]

    chosen = settings(*options)
    detector = Remembering(build_detector(chosen.vision))
    pipeline = build_pipeline(chosen, classifier(), search, detector)
    steps = []
    for frame in frames:
        report = pipeline.process(frame)
        scores = {one.track: one.scores for one in report.verdicts}
        faces = {
            track.name: Face(track.box, track.shown, scores.get(track.name))
            for track in searches[-1].tracker.tracks
        }
        main = report.present[0].track if report.present else None
        steps.append(Step(frame.time, faces, main))
    return steps


def replay(steps: Sequence[Step], smoothing: Smoothing) -> tuple[list[Told], list[dict[str, str]]]:
    """Return the events, and each frame's emotion of each track, with that smoothing."""
    smoother = Smoother(smoothing)
    told: list[Told] = []
    emotions: list[dict[str, str]] = []
    before: set[str] = set()
    for step in steps:
        for gone in sorted(before - set(step.faces)):
            ending = smoother.end(gone)
            told += [Told(step.time, gone, Phase.END, "")] if ending else []
        before, now = set(step.faces), {}
        for name, face in step.faces.items():
            one = (
                smoother.skip(name, step.time)
                if face.scores is None
                else smoother.update(name, face.scores, step.time)
            )
            if one is not None and one.emotion is not None:
                now[name] = one.emotion
                told += [Told(step.time, name, one.phase, one.emotion)] if one.phase else []
        emotions.append(now)
    return told, emotions


def changes(told: Iterable[Told]) -> int:
    """Return the number of events that name a change of emotion."""
    return sum(one.phase is Phase.CHANGE for one in told)
