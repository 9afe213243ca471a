"""The values that pass from the camera to the publisher; all frozen, in processing order.

Times are seconds. `time` runs monotonically within a stream and decides durations;
`stamp` is wall-clock time (Unix seconds, UTC) and is only published.
Pixels are those of the frame, origin top left, x right, y down.
"""

import dataclasses
import enum
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Luma = NDArray[np.uint8]
"""(height, width) uint8: the only kind of picture in the pipeline."""

Points = NDArray[np.float32]
"""(n, 2) float32, x and y in pixels."""


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class Frame:
    """One picture from a camera."""

    luma: Luma
    number: int
    """Index in the stream, from 0."""
    time: float
    """Seconds on the stream's clock: the position in a file, else monotonic time."""
    stamp: float
    """Unix seconds; for a file the stream time, so that every replay is the same."""
    small: Luma | None = None
    """The same picture scaled down by the camera; scans for new faces use it if it is large
    enough."""


@dataclasses.dataclass(frozen=True, slots=True)
class Box:
    """A face rectangle in px of the frame; it may reach beyond the frame."""

    left: int
    top: int
    width: int
    height: int

    @property
    def area(self) -> int:
        """Return the area in square pixels."""
        return self.width * self.height

    def overlap(self, other: "Box") -> int:
        """Return the area of the intersection in square pixels."""
        width = min(self.left + self.width, other.left + other.width) - max(self.left, other.left)
        height = min(self.top + self.height, other.top + other.height) - max(self.top, other.top)
        return max(0, width) * max(0, height)

    def iou(self, other: "Box") -> float:
        """Return the intersection over union, 0-1."""
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
    """How readable a face is, from its landmarks and its aligned crop."""

    ipd_px: float
    """Distance of the eye centres (interpupillary distance) in px of the frame."""
    roll_deg: float
    """Angle of the eye line in degrees, -180 to 180; positive is clockwise in the picture."""
    turn: float
    """Rotation to one side: 0 frontal, 1 profile; unsigned."""
    sharpness: float
    """Sharpness of the crop: 0 flat or out of focus, 0.6 to 1 sharp, more if noisy."""
    cover: float
    """Lack of edges at the weakest of eyes and mouth: 0 all equal, 1 one is hidden."""


Scores = Mapping[str, float]
"""Label to probability; sums to 1."""


class Outcome(enum.Enum):
    """The result for a face in a frame; the value is a text that names the deciding setting."""

    TOO_SMALL = "box is smaller than vision.min_face_px"
    OFF_FRAME = "less of the box is inside the frame than vision.min_visible"
    TOO_MANY = "more faces than vision.max_faces; the largest are kept"
    NOT_DUE = "not read in this frame; tracking.looks_per_s sets how often a face is read"
    COASTING = "not found in this frame; its box is kept for tracking.coast_s"
    TINY = "eyes are closer together than quality.min_ipd_px"
    TILTED = "eye line is tilted by more than quality.max_roll_deg"
    TURNED = "face is turned to the side by more than quality.max_turn"
    BLURRED = "face is less sharp than quality.min_sharpness"
    COVERED = "an eye or the mouth looks more hidden than quality.max_cover"
    NEW_TRACK = "track is younger than smoothing.settle_s"
    HELD = "new emotion has not yet lasted smoothing.hold_s"
    UNSURE = "no label reaches smoothing.enter, so the emotion is uncertain"
    STALE = "not readable for smoothing.stale_s, so the emotion became uncertain"
    UNCHANGED = "emotion is the published one"
    PUBLISHED = "an event was published"


class Phase(enum.Enum):
    """The position of an event in its track."""

    BEGIN = "begin"
    CHANGE = "change"
    END = "end"


@dataclasses.dataclass(frozen=True, slots=True)
class Event:
    """A begin, change or end of one track's emotion; `mqtt/messages.py` makes a message of it."""

    track: str
    """Random name of the track; it does not identify the person."""
    phase: Phase
    emotion: str
    """A label, or "uncertain"."""
    previous: str | None
    """The previous emotion; None in the first event of a track."""
    confidence: float
    """Smoothed probability of the strongest label, 0-1."""
    scores: Scores
    """Smoothed scores."""
    box: Box
    stamp: float
    started: float | None = None
    """Stamp of the event that began the previous emotion; None in the first event of a track."""
    duration_s: float | None = None
    """Stream time for which the previous emotion lasted; None in the first event of a track."""


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class Verdict:
    """The result for one face in one frame. Every face gets exactly one."""

    outcome: Outcome
    box: Box
    track: str | None = None
    scores: Scores | None = None
    """Scores from this frame alone."""
    smooth: Scores | None = None
    """The track's EMA."""
    emotion: str | None = None
    """The track's published emotion after this frame."""
    landmarks: Points | None = None
    """(68, 2) float32 in px of the frame, if the face was read."""
    quality: Quality | None = None
    """Set if the face was read."""


@dataclasses.dataclass(frozen=True, slots=True)
class Presence:
    """One face that is tracked now, for the retained state."""

    track: str
    emotion: str
    confidence: float
    box: Box
    scores: Scores = dataclasses.field(default_factory=dict)
    """Smoothed scores."""


@dataclasses.dataclass(frozen=True, slots=True)
class Report:
    """The result of `Pipeline.process` for one frame."""

    number: int
    time: float
    stamp: float
    size: tuple[int, int]
    """Width and height of the frame in px."""
    verdicts: Sequence[Verdict]
    events: Sequence[Event]
    present: Sequence[Presence]
    """Tracks whose emotion has been published and that have not ended, the main face first."""
    seconds: Mapping[str, float]
    """Stage name to wall time."""
    fault: str | None = None
    """Why the frame was not processed; None if it was."""
    cpu_seconds: Mapping[str, float] = dataclasses.field(default_factory=dict)
    """Stage name to CPU time of all threads."""
