"""Finding the faces of a frame: those followed near where they were, new ones tile by tile.

Which of the boxes found are followed, and what to say of the others.
"""

from collections.abc import Sequence
from typing import Protocol

from edge_fer.config.settings import Settings, Vision
from edge_fer.types import Box, Luma, Outcome, Verdict
from edge_fer.vision.detector import Detector, find_whole
from edge_fer.vision.pixels import rescale
from edge_fer.vision.scan import Scanner, same_face
from edge_fer.vision.tiles import scaled_box
from edge_fer.vision.track import Track, Tracker

HALF_STEP = 1.09
"""Who was missed is shown larger by half a step of HOG's pyramid, so that a face that falls
between two steps once does not do so twice."""

NEAR = 0.35
"""How far beyond its box a face is looked for on each side, in box sizes; twice that if missed."""

LENIENT = 0.2
"""How much less a score may be where a face was a moment ago."""


class Search(Protocol):
    """A policy: which pixels of which frame the detector sees."""

    tracker: Tracker

    def follow(self, luma: Luma, time: float) -> None:
        """Look for the faces that are followed."""

    def scan(self, luma: Luma, time: float, small: Luma | None = None) -> list[Verdict]:
        """Look for new ones; verdicts on boxes that are not followed. ``small``: see `Frame`."""


class EveryFrame:
    """The whole of every frame is scanned, as most programs do; what ours is measured against."""

    def __init__(self, settings: Settings, shape: tuple[int, ...], detector: Detector) -> None:
        self.tracker = Tracker(settings.tracking)
        self._options, self._shape, self._detector = settings.vision, shape, detector

    def follow(self, luma: Luma, time: float) -> None:
        """End who is lost; `scan` finds the others."""
        self.tracker.expire(time)

    def scan(self, luma: Luma, time: float, small: Luma | None = None) -> list[Verdict]:
        """Look for all faces."""
        for track in self.tracker.tracks:
            track.last_look = time
        found = find_whole(
            self._detector,
            luma,
            min_face_px=self._options.min_face_px,
            threshold=self._options.threshold,
        )
        return admit([one.box for one in found], time, self.tracker, self._options, self._shape)


class TrackingSearch:
    """Each followed face is looked for near its box; the rest of the frame is scanned by tiles."""

    def __init__(self, settings: Settings, shape: tuple[int, ...], detector: Detector) -> None:
        self.tracker = Tracker(settings.tracking)
        self._options, self._shape, self._detector = settings.vision, shape, detector
        self._scanner = Scanner(shape, detector, settings.vision)
        self._busy = False

    def follow(self, luma: Luma, time: float) -> None:
        """Look for the tracks that are due."""
        self._busy = False
        self.tracker.expire(time)
        for track in self.tracker.due(time):
            self._busy = True
            box = self._near(luma, track)
            track.last_look = time
            if box and not refusal(box, self._options, self._shape, followed=True):
                track.sighted(box, time)

    def scan(self, luma: Luma, time: float, small: Luma | None = None) -> list[Verdict]:
        """Look for new faces in the tiles that are due."""
        tracks = self.tracker.tracks
        known = [track.box for track in tracks]
        found = self._scanner.scan(luma, time, known, busy=self._busy, small=small)
        # Who was missed may be found anew.
        sure = [track.box for track in tracks if not track.missed]
        fresh = [f.box for f in found if not any(same_face(f.box, box) for box in sure)]
        return admit(fresh, time, self.tracker, self._options, self._shape)

    def _near(self, luma: Luma, track: Track) -> Box | None:
        """The face's box in the surroundings of where it was."""
        box, reach = track.box, NEAR * (2 if track.missed else 1)
        high, wide = round(reach * box.height), round(reach * box.width)
        left, top = max(0, box.left - wide), max(0, box.top - high)
        part = luma[top : box.top + box.height + high, left : box.left + box.width + wide]
        if min(part.shape) < 16:
            return None
        zoom = self._detector.zoom * (HALF_STEP if track.missed else 1)
        scale = zoom * self._detector.smallest_px / box.width
        seen = self._detector.find(rescale(part, scale), self._options.threshold - LENIENT)
        boxes = [scaled_box(one.box, 1 / scale, left, top) for one in seen]
        others = [t.box for t in self.tracker.tracks if t is not track and not t.missed]
        own = [b for b in boxes if b.iou(box) and not any(same_face(b, o) for o in others)]
        return max(own, key=box.iou, default=None)


STEP = 5 / 6
"""Sizes of HOG boxes are this far apart, so a box one step too small is meant."""

DISPLACE = 1.5
"""A new face this many times as large as the smallest one followed takes its place; less would
have two of a size take turns."""


def admit(
    boxes: Sequence[Box], time: float, tracker: Tracker, options: Vision, shape: tuple[int, ...]
) -> list[Verdict]:
    """Give each box its track, the largest first; verdicts on the boxes that are refused."""
    ordered = sorted(boxes, key=lambda box: box.area, reverse=True)
    reasons = [refusal(box, options, shape) for box in ordered]
    verdicts = [
        Verdict(why, box) for box, why in zip(ordered, reasons, strict=True) if why is not None
    ]
    followed = list(tracker.tracks)
    tracker.match([b for b, why in zip(ordered, reasons, strict=True) if why is None], time)
    while len(tracker.tracks) > options.max_faces:
        verdicts.append(Verdict(Outcome.TOO_MANY, _drop_one(tracker, followed).box))
    return verdicts


def _drop_one(tracker: Tracker, followed: Sequence[Track]) -> Track:
    """End the smallest new track, or a followed one that is smaller by far; return it."""
    new = [track for track in tracker.tracks if track not in followed]
    smallest = min(new or followed, key=lambda track: track.box.area)
    small = min(
        (t for t in tracker.tracks if t in followed), key=lambda t: t.box.area, default=None
    )
    if small is not None and small.box.area * DISPLACE < smallest.box.area:
        smallest = small
    tracker.drop(smallest)
    return smallest


def refusal(
    box: Box, options: Vision, shape: tuple[int, ...], *, followed: bool = False
) -> Outcome | None:
    """Why a box in a frame (H, W) is not followed; None where it may be.

    A face that is ``followed`` already may be a step smaller: else one at the limit would flicker.
    """
    if box.width < options.min_face_px * (STEP * STEP if followed else STEP):
        return Outcome.TOO_SMALL
    if box.overlap(Box(0, 0, shape[1], shape[0])) < options.min_visible * box.area:
        return Outcome.OFF_FRAME
    return None
