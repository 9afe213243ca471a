"""The values that travel from the camera to the broker; all frozen, in the order of the flow.

Times are seconds. `time` runs monotonically within a stream and decides durations;
`stamp` is wall-clock time (Unix seconds, UTC) and only labels what is published.
Pixels are those of the frame, origin top left, x right, y down.
"""

import dataclasses
import enum
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Luma = NDArray[np.uint8]
"""(height, width) uint8: the only kind of picture in the daemon."""

Points = NDArray[np.float32]
"""(n, 2) float32, x and y in pixels."""


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class Frame:
    """One picture from a camera."""

    luma: Luma
    number: int
    """Counts from 0 within a stream."""
    time: float
    """Seconds on the stream's own clock: the position in a file, monotonic time otherwise."""
    stamp: float
    """Unix seconds; for a file the stream time, so that a replay is repeatable."""
    small: Luma | None = None
    """The same picture scaled down, from a camera that does so by itself; what looks for new
    faces takes it where it is large enough."""


@dataclasses.dataclass(frozen=True, slots=True)
class Box:
    """A face rectangle; it may reach beyond the frame."""

    left: int
    top: int
    width: int
    height: int

    @property
    def area(self) -> int:
        """In square pixels."""
        return self.width * self.height

    def overlap(self, other: "Box") -> int:
        """Area of the intersection in square pixels."""
        width = min(self.left + self.width, other.left + other.width) - max(self.left, other.left)
        height = min(self.top + self.height, other.top + other.height) - max(self.top, other.top)
        return max(0, width) * max(0, height)

    def iou(self, other: "Box") -> float:
        """Intersection over union, 0-1."""
        shared = self.overlap(other)
        union = self.area + other.area - shared
        return shared / union if union else 0.0


@dataclasses.dataclass(frozen=True, slots=True)
class Detection:
    """A box and the detector's score for it (dlib's HOG: about -0.5 to 2, faces above 0)."""

    box: Box
    score: float


@dataclasses.dataclass(frozen=True, slots=True)
class Quality:
    """How well a face can be read, from its landmarks and its chip."""

    ipd_px: float
    """Distance of the eye centres (IPD) in px of the frame."""
    roll_deg: float
    """Of the eye line against the horizontal, -180 to 180; positive is clockwise in the picture."""
    turn: float
    """To one side: 0 frontal, 1 profile; unsigned."""
    sharpness: float
    """Of the chip: 0 flat or out of focus; what is sharp is 0.6 to 1, what is noisy more."""
    cover: float
    """How much weaker edges are at the weakest of eyes and mouth: 0 all alike, 1 one is hidden."""


Scores = Mapping[str, float]
"""Label to probability; sums to 1."""


class Outcome(enum.Enum):
    """What became of a face in a frame; the value is a text that names the deciding setting."""

    TOO_SMALL = "box is smaller than vision.min_face_px"
    OFF_FRAME = "less of the box is inside the frame than vision.min_visible"
    TOO_MANY = "more faces than vision.max_faces; the largest are kept"
    NOT_DUE = "looked at tracking.looks_per_s times a second, not in this frame"
    COASTING = "not found here in this frame; kept for tracking.coast_s"
    TINY = "eyes are closer together than quality.min_ipd_px"
    TILTED = "eye line is tilted by more than quality.max_roll_deg"
    TURNED = "face is turned to the side by more than quality.max_turn"
    BLURRED = "chip is less sharp than quality.min_sharpness"
    COVERED = "an eye or the mouth looks more hidden than quality.max_cover"
    NEW_TRACK = "track is younger than smoothing.settle_s"
    HELD = "new emotion has not lasted smoothing.hold_s yet"
    UNSURE = "no label reaches smoothing.enter, so the emotion is uncertain"
    STALE = "no readable look for smoothing.stale_s, so the emotion became uncertain"
    UNCHANGED = "emotion is as published before"
    PUBLISHED = "an event was made"


class Phase(enum.Enum):
    """Where in a track's life an event stands."""

    BEGIN = "begin"
    CHANGE = "change"
    END = "end"


@dataclasses.dataclass(frozen=True, slots=True)
class Event:
    """Something worth telling about one track; `delivery` turns it into a message."""

    track: str
    """Random, short-lived; says nothing about who it is."""
    phase: Phase
    emotion: str
    """A label, or "uncertain"."""
    previous: str | None
    """The emotion before; None in the first event of a track."""
    confidence: float
    """Smoothed probability of the strongest label, 0-1."""
    scores: Scores
    """Smoothed."""
    box: Box
    stamp: float


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class Verdict:
    """What became of one face in one frame. Every face gets exactly one."""

    outcome: Outcome
    box: Box
    track: str | None = None
    scores: Scores | None = None
    """Of this frame alone."""
    smooth: Scores | None = None
    """The track's EMA."""
    emotion: str | None = None
    """The track's published emotion after this frame."""
    landmarks: Points | None = None
    """(68, 2), where the face was looked at."""
    quality: Quality | None = None
    """Where the face was looked at."""


@dataclasses.dataclass(frozen=True, slots=True)
class Presence:
    """One face that is being followed now, for the retained state."""

    track: str
    emotion: str
    confidence: float
    box: Box


@dataclasses.dataclass(frozen=True, slots=True)
class Report:
    """All that `Pipeline.process` says about one frame."""

    number: int
    time: float
    stamp: float
    size: tuple[int, int]
    """Width and height of the frame in px."""
    verdicts: Sequence[Verdict]
    events: Sequence[Event]
    present: Sequence[Presence]
    """Tracks whose emotion has been published and that have not ended."""
    seconds: Mapping[str, float]
    """Stage name to the wall time it took."""
    fault: str | None = None
    """Why the frame was not looked at; None where it was."""
    cpu_seconds: Mapping[str, float] = dataclasses.field(default_factory=dict)
    """Stage name to the CPU time of all threads in it."""
