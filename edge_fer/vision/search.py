"""Track faces from frame to frame: search known faces near their boxes and new ones by tiles.

A track has a random name that ends with it; nothing identifies the person.
"""

import dataclasses
import secrets
from collections.abc import Callable, Sequence
from typing import Protocol

from edge_fer.config import settings
from edge_fer.config.settings import Settings, Vision
from edge_fer.types import Box, Luma, Outcome, Points, Verdict
from edge_fer.vision.detector import Detector
from edge_fer.vision.landmarks import SteadyBox
from edge_fer.vision.pixels import rescale
from edge_fer.vision.scan import Scanner, ScanThrottle, find_whole, same_face, scaled_box

CHANGING_RATE = 1.5
"""Factor on the look rate of a track whose emotion is about to change."""

HALF_STEP = 1.09
"""Extra zoom for a missed face: half a step of HOG's pyramid, so that a face that falls between
two steps once does not do so twice."""

NEAR = 0.35
"""Search margin around a box on each side, in box sizes; doubled for a missed face."""

LENIENT = 0.2
"""How much the score threshold is lowered where a face was found before."""

STEP = 5 / 6
"""Ratio of two neighbouring sizes of HOG boxes; a box may be one step below the limit."""

DISPLACE = 2.0
"""Area ratio from which a new face replaces the smallest track when there are too many; with a
smaller ratio, two faces of about one size would alternate. HOG's steps alone give 1.44."""

SURE_FINDS = 10
"""Finds after which a track is kept while the picture is still where it was; a false detection
that is found a few times must end."""


@dataclasses.dataclass(eq=False, slots=True)
class Track:
    """One tracked face."""

    name: str
    box: Box
    """As the detector found it; the next search starts here."""
    last_seen: float
    """Stream time in seconds."""
    last_look: float
    """Stream time of the last search for it, successful or not."""
    updated: bool = False
    """True if it was found since the last `Tracker.take_updated`."""
    changing: bool = False
    """True if its emotion is about to change, so it is looked at more often."""
    finds: int = 0
    """How many times the detector has found it."""
    still: bool = False
    """True while it is missed although the picture has not changed where it was."""
    steady: SteadyBox = dataclasses.field(default_factory=SteadyBox)

    def update(self, box: Box, time: float) -> None:
        """Record that the face was found at ``box``."""
        self.box, self.last_seen, self.last_look = box, time, time
        self.updated, self.still = True, False
        self.finds += 1

    def settle(self, landmarks: Points, time: float) -> None:
        """Record the landmarks (68, 2) of the face in `box`."""
        self.steady.update(self.box, landmarks, time)

    @property
    def shown(self) -> Box:
        """The box to publish: `box` without its jitter."""
        return self.steady.box or self.box

    @property
    def missed(self) -> bool:
        """True if the last search did not find it."""
        return self.last_look > self.last_seen

    def unread_outcome(self, time: float, coast_s: float) -> Outcome | None:
        """Return the outcome in a frame where it was not found; None once its box has expired."""
        if not self.missed:
            return Outcome.NOT_DUE
        return Outcome.COASTING if time - self.last_seen <= coast_s else None


class Tracker:
    """Holds the tracks: schedules the looks and matches boxes to tracks."""

    def __init__(
        self, options: settings.Tracking, *, name: Callable[[], str] = lambda: secrets.token_hex(4)
    ) -> None:
        self._options = options
        self._name = name
        self._before: float | None = None
        self.tracks: list[Track] = []
        self._dropped: list[Track] = []

    def due(self, time: float) -> list[Track]:
        """Return the tracks to search for in this frame.

        Looks are spread evenly over the frames. A missed face is searched for in every frame
        while its box is kept.
        """
        step = 0.0 if self._before is None else time - self._before
        self._before = time
        pause = 1 / self._options.looks_per_s
        share = max(1, round(0.49 + len(self.tracks) * step / pause))
        waiting = sorted(self.tracks, key=lambda track: track.last_look)
        late = [
            track
            for track in waiting
            if time - track.last_look
            >= (pause / CHANGING_RATE if track.changing else pause) - step / 2
        ]
        chosen = late[:share]
        return chosen + [t for t in waiting if self._is_coasting(t, time) and t not in chosen]

    def match(self, boxes: Sequence[Box], time: float) -> list[Track]:
        """Return the best overlapping track of each box, or a new one, in order of the boxes."""
        pairs = sorted(
            (
                (track.box.iou(box), index, number)
                for index, track in enumerate(self.tracks)
                for number, box in enumerate(boxes)
            ),
            reverse=True,
        )
        given: dict[int, Track] = {}
        taken: set[int] = set()
        for iou, index, number in pairs:
            if iou >= self._options.min_iou and index not in taken and number not in given:
                given[number] = self.tracks[index]
                taken.add(index)
        for number, box in enumerate(boxes):
            if number not in given:
                given[number] = Track(self._name(), box, time, time)
                self.tracks.append(given[number])
            given[number].update(box, time)
        return [given[number] for number in range(len(boxes))]

    def drop(self, track: Track) -> None:
        """Remove a track; the next `pop_ended` returns it."""
        self.tracks.remove(track)
        self._dropped.append(track)

    def expire(self, time: float) -> None:
        """Drop the tracks without a box for more than tracking.lost_s.

        Call it after the search in a frame. A track at which the picture is still as it was is kept
        once the detector has found it `SURE_FINDS` times.
        """
        for track in list(self.tracks):
            kept = track.still and track.finds >= SURE_FINDS
            if time - track.last_seen > self._options.lost_s and not kept:
                self.drop(track)

    def take_updated(self) -> list[Track]:
        """Return the tracks whose face was found since the last call."""
        found = [track for track in self.tracks if track.updated]
        for track in found:
            track.updated = False
        return found

    def pop_ended(self, time: float) -> list[Track]:
        """Expire tracks, then forget and return all dropped ones."""
        self.expire(time)
        gone, self._dropped = self._dropped, []
        return gone

    def end_all(self) -> list[Track]:
        """Forget and return every track."""
        gone, self.tracks = self.tracks, []
        return gone

    def _is_coasting(self, track: Track, time: float) -> bool:
        return track.missed and time - track.last_seen <= self._options.coast_s


class Search(Protocol):
    """A search policy: decides which pixels of a frame the detector gets."""

    tracker: Tracker

    def follow(self, luma: Luma, time: float) -> None:
        """Search for the tracked faces."""

    def scan(self, luma: Luma, time: float, small: Luma | None = None) -> list[Verdict]:
        """Search for new faces and return verdicts on rejected boxes; ``small``: see `Frame`."""

    def rescan(self) -> None:
        """Search the whole next frame, because the stream had a gap."""

    def pop_ended(self, time: float) -> list[Track]:
        """Expire tracks, then forget and return all that have ended."""


class EveryFrame:
    """Scans every frame as a whole; the baseline that `TrackingSearch` is compared with."""

    def __init__(self, settings: Settings, shape: tuple[int, ...], detector: Detector) -> None:
        self.tracker = Tracker(settings.tracking)
        self._options, self._shape, self._detector = settings.vision, shape, detector

    def follow(self, luma: Luma, time: float) -> None:
        """Do nothing; `scan` finds all faces."""

    def rescan(self) -> None:
        """Do nothing; every frame is searched as a whole."""

    def pop_ended(self, time: float) -> list[Track]:
        """Expire tracks, then forget and return all that have ended."""
        return self.tracker.pop_ended(time)

    def scan(self, luma: Luma, time: float, small: Luma | None = None) -> list[Verdict]:
        """Search for all faces."""
        for track in self.tracker.tracks:
            track.last_look = time
        found = find_whole(
            self._detector,
            luma,
            min_face_px=self._options.min_face_px,
            threshold=self._options.threshold,
        )
        boxes = [one.box for one in found]
        return assign_tracks(boxes, time, self.tracker, self._options, self._shape)


class TrackingSearch:
    """Searches for each tracked face near its box, and scans the rest of the frame by tiles.

    ``throttle`` slows the scans down; the search for tracked faces is never slowed.
    """

    def __init__(
        self,
        settings: Settings,
        shape: tuple[int, ...],
        detector: Detector,
        throttle: ScanThrottle | None = None,
    ) -> None:
        self.tracker = Tracker(settings.tracking)
        self._options, self._shape, self._detector = settings.vision, shape, detector
        self._scanner = Scanner(shape, detector, settings.vision, throttle)
        self._busy = False

    def follow(self, luma: Luma, time: float) -> None:
        """Search for the tracks that are due."""
        self._busy = False
        for track in self.tracker.due(time):
            self._busy = True
            box = self._find_near(luma, track)
            track.last_look = time
            if box and not rejection(box, self._options, self._shape, followed=True):
                track.update(box, time)

    def scan(self, luma: Luma, time: float, small: Luma | None = None) -> list[Verdict]:
        """Search for new faces in the tiles that are due."""
        tracks = self.tracker.tracks
        known = [track.box for track in tracks]
        found = self._scanner.scan(luma, time, known, busy=self._busy, small=small)
        for track in tracks:
            track.still = track.missed and self._scanner.unchanged(track.box, track.last_seen)
        # A missed face may be found again by the scan.
        sure = [track.box for track in tracks if not track.missed]
        fresh = [f.box for f in found if not any(same_face(f.box, box) for box in sure)]
        return assign_tracks(fresh, time, self.tracker, self._options, self._shape)

    def rescan(self) -> None:
        """Scan the whole next frame."""
        self._scanner.rescan()

    def pop_ended(self, time: float) -> list[Track]:
        """Expire tracks, then forget and return all that have ended.

        Where a face was lost, the next scan comes soon: it may still be there.
        """
        ended = self.tracker.pop_ended(time)
        for track in ended:
            self._scanner.stir(track.box)
        return ended

    def _find_near(self, luma: Luma, track: Track) -> Box | None:
        """Return the face's new box around its last one, or None."""
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


def assign_tracks(
    boxes: Sequence[Box], time: float, tracker: Tracker, options: Vision, shape: tuple[int, ...]
) -> list[Verdict]:
    """Assign each box to a track, the largest first; return verdicts on the rejected boxes."""
    ordered = sorted(boxes, key=lambda box: box.area, reverse=True)
    reasons = [rejection(box, options, shape) for box in ordered]
    verdicts = [
        Verdict(why, box) for box, why in zip(ordered, reasons, strict=True) if why is not None
    ]
    followed = list(tracker.tracks)
    tracker.match([b for b, why in zip(ordered, reasons, strict=True) if why is None], time)
    while len(tracker.tracks) > options.max_faces:
        verdicts.append(Verdict(Outcome.TOO_MANY, _drop_one(tracker, followed).box))
    return verdicts


def _drop_one(tracker: Tracker, followed: Sequence[Track]) -> Track:
    """Drop and return the smallest new track, or an older one that is much smaller."""
    new = [track for track in tracker.tracks if track not in followed]
    smallest = min(new or followed, key=lambda track: track.box.area)
    small = min(
        (t for t in tracker.tracks if t in followed), key=lambda t: t.shown.area, default=None
    )
    if small is not None and small.shown.area * DISPLACE < smallest.box.area:
        smallest = small
    tracker.drop(smallest)
    return smallest


def rejection(
    box: Box, options: Vision, shape: tuple[int, ...], *, followed: bool = False
) -> Outcome | None:
    """Return why a box in a frame (H, W) is not tracked, or None.

    A face that is ``followed`` already may be one step smaller; otherwise a face at the limit
    would flicker.
    """
    if box.width < options.min_face_px * (STEP * STEP if followed else STEP):
        return Outcome.TOO_SMALL
    if box.overlap(Box(0, 0, shape[1], shape[0])) < options.min_visible * box.area:
        return Outcome.OFF_FRAME
    return None
