"""Which of the boxes found are followed, and what to say of the others."""

from collections.abc import Sequence

from edge_fer.config.settings import Vision
from edge_fer.types import Box, Outcome, Verdict
from edge_fer.vision.track import Track, Tracker

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
