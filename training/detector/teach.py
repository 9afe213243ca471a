"""Teaching boxes: YuNet at several scales and mirrored, and dlib's HOG, vote on each picture.

Where enough of them agree there is a face; where few do, a region that training ignores. The
five points are those that dlib's landmarks give where YuNet's agree with them, else YuNet's,
mapped to dlib's convention by a linear map that is fitted on the faces where both agree.
"""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import Pool
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_fer.types import Box, Luma
from edge_fer.vision.dlib_hog import HogDetector
from edge_fer.vision.landmarks import Landmarker, five_points
from edge_fer.vision.yunet import SHIFT, SIDE
from training.detector.geometry import FLIPPED, Array, clusters, floats, overlaps, pixels

SIDES: Final = (112, 192, 320)
"""Longest side of the picture, border included, in each of YuNet's passes."""

BORDER: Final = 0.15
"""Replicated around the picture, in terms of its longest side, for faces that it cuts."""

LEAST: Final = 0.3
"""YuNet's confidence from which a detection counts as a vote."""

SURE: Final = 0.75
"""Mean confidence of the votes that makes a face without HOG."""

HOG_LEAST: Final = -0.2
"""HOG's score from which it counts as a vote."""

HOG_SIDE: Final = 0.75
"""Longest side of what HOG is shown, in terms of YuNet's largest; HOG doubles it."""

SAME: Final = 0.4
"""IoU of two boxes of one face."""

AGREE: Final = 0.06
"""Mean distance of five points, in box sides, up to which both say the same."""

ENOUGH: Final = 50
"""Faces on which both detectors agree that a map between their points can be fitted on."""

FACE, IGNORE = 1, 0


@dataclasses.dataclass(frozen=True, slots=True)
class Vote:
    """One detection of one pass, in px of the picture."""

    box: Array
    """(3,)"""
    points: Array | None
    """(5, 2) in YuNet's convention; None from HOG."""
    score: float


class Teachers:
    """Both detectors and the landmarks; one instance a process."""

    def __init__(self, yunet: Path) -> None:
        self._yunet = cv2.FaceDetectorYN.create(str(yunet), "", (64, 64), LEAST, 0.3, 200)
        self._hog, self._landmarks = HogDetector(upsample=1), Landmarker()

    def votes(self, luma: Luma, sides: Sequence[int] = SIDES) -> tuple[list[Vote], list[Vote]]:
        """YuNet's votes of all passes, and HOG's, on a picture (H, W)."""
        margin = round(BORDER * max(luma.shape))
        wide = pixels(cv2.copyMakeBorder(luma, *(margin,) * 4, cv2.BORDER_REPLICATE))
        yunet = [vote for side in sides for vote in self._passes(wide, side, margin)]
        scale = HOG_SIDE * max(sides) / max(wide.shape)
        size = [round(length * scale) for length in wide.shape[::-1]]
        part = pixels(cv2.resize(wide, size, interpolation=_method(scale)))
        found = self._hog.find(part, HOG_LEAST)
        hog = []
        for one in found:
            side = (one.box.width + one.box.height) / 2
            centre = (one.box.left + one.box.width / 2, one.box.top + one.box.height / 2)
            box = np.array([*centre, side], np.float32) / scale
            hog.append(Vote(box - floats([margin, margin, 0]), None, one.score))
        return yunet, hog

    def landmarks(self, luma: Luma, box: Array) -> Array:
        """Return the 68 landmarks (68, 2) that dlib locates in ``box`` (3,)."""
        x, y, side = (float(value) for value in box)
        whole = Box(round(x - side / 2), round(y - side / 2), round(side), round(side))
        return np.asarray(self._landmarks.locate(luma, whole), np.float32)

    def _passes(self, wide: Luma, side: int, margin: int) -> Iterator[Vote]:
        scale = side / max(wide.shape)
        size = [round(length * scale) for length in wide.shape[::-1]]
        part = pixels(cv2.resize(wide, size, interpolation=_method(scale)))
        for mirrored in (False, True):
            shown = np.ascontiguousarray(part[:, ::-1]) if mirrored else part
            for row in self._rows(shown):
                x, y, width, height = row[:4]
                points = row[4:14].reshape(5, 2)
                centre_x = x + width / 2 + SHIFT[0] * height
                if mirrored:
                    centre_x = size[0] - (x + width / 2) + SHIFT[0] * height
                    points = np.column_stack([size[0] - points[:, 0], points[:, 1]])[list(FLIPPED)]
                centre_y = y + height / 2 + SHIFT[1] * height
                box = np.array([centre_x, centre_y, SIDE * height], np.float32) / scale
                yield Vote(
                    box - floats([margin, margin, 0]),
                    np.asarray(points / scale - margin, np.float32),
                    float(row[14]),
                )

    def _rows(self, luma: Luma) -> Any:
        missing = [-length % 32 for length in luma.shape]
        padded = cv2.copyMakeBorder(luma, 0, missing[0], 0, missing[1], cv2.BORDER_REPLICATE)
        self._yunet.setInputSize(padded.shape[::-1])
        rows: Any = self._yunet.detect(cv2.cvtColor(padded, cv2.COLOR_GRAY2BGR))[1]
        return [] if rows is None else rows


def _method(scale: float) -> int:
    return cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR


def agree(
    yunet: Sequence[Vote], hog: Sequence[Vote], passes: int, sure: float = SURE
) -> list[dict[str, Any]]:
    """Return one entry for each place with a vote: its box, YuNet's points, votes, kind.

    ``passes`` is how often YuNet has looked. HOG alone makes a region to ignore, no face.
    """
    found: list[dict[str, Any]] = []
    boxes = np.array([vote.box for vote in yunet], np.float32).reshape(-1, 3)
    others = np.array([vote.box for vote in hog], np.float32).reshape(-1, 3)
    seen = overlaps(others, boxes).max(1, initial=0.0) >= SAME
    order = sorted(range(len(yunet)), key=lambda number: -yunet[number].score)
    for group in clusters(boxes, order, SAME):
        weights = np.array([yunet[number].score for number in group])
        points = np.array([yunet[number].points for number in group])
        box = np.average(boxes[group], axis=0, weights=weights)
        by_hog = overlaps(floats(box[None]), others).max(initial=0.0) >= SAME
        votes, mean = len(group), float(weights.mean())
        face = (mean >= sure and 2 * votes >= passes) or (by_hog and votes >= 2)
        found.append(
            {
                "box": box,
                "points": np.average(points, axis=0, weights=weights),
                "votes": votes,
                "mean": mean,
                "hog": by_hog,
                "kind": FACE if face else IGNORE,
            }
        )
    for vote, known in zip(hog, seen, strict=True):
        if not known:
            found.append(
                {
                    "box": vote.box,
                    "points": np.full((5, 2), np.nan),
                    "votes": 0,
                    "mean": 0.0,
                    "hog": True,
                    "kind": IGNORE,
                }
            )
    return found


FIELDS = {
    "box": (3,),
    "points": (5, 2),
    "votes": (),
    "mean": (),
    "hog": (),
    "kind": (),
    "landmarks": (68, 2),
    "picture": (),
}
"""What is kept for each place, and of which shape."""

_teachers: dict[str, Teachers] = {}


def _one(task: tuple[int, Luma, str, tuple[int, ...], float]) -> list[dict[str, Any]]:
    number, luma, yunet, sides, sure = task
    if yunet not in _teachers:
        cv2.setNumThreads(1)
        _teachers[yunet] = Teachers(Path(yunet))
    teachers = _teachers[yunet]
    found = agree(*teachers.votes(luma, sides), 2 * len(sides), sure)
    for one in found:
        one["landmarks"] = teachers.landmarks(luma, floats(one["box"]))
        one["picture"] = number
    return found


def teach(
    pictures: Sequence[Luma],
    yunet: Path,
    *,
    sides: tuple[int, ...] = SIDES,
    sure: float = SURE,
    jobs: int = 1,
    tick: Callable[[int], None] = lambda done: None,
) -> dict[str, NDArray[Any]]:
    """Return teaching boxes of all pictures as arrays of `FIELDS`, `points` as dlib's."""
    tasks = [(number, luma, str(yunet), sides, sure) for number, luma in enumerate(pictures)]
    rows: list[dict[str, Any]] = []
    with Pool(jobs) as pool:
        for done, found in enumerate(pool.imap(_one, tasks, chunksize=32)):
            rows += found
            tick(done + 1)
    table = {
        name: np.array([row[name] for row in rows], np.float32).reshape(-1, *shape)
        for name, shape in FIELDS.items()
    }
    for name in ("votes", "hog", "kind", "picture"):
        table[name] = table[name].astype(np.int32)
    table["points"] = settle_points(table)
    return table


def settle_points(table: dict[str, NDArray[Any]]) -> Array:
    """Return the five points (n, 5, 2) to learn, in px, from both teachers' in ``table``."""
    box, side = table["box"][:, None, :2], table["box"][:, None, 2:]
    theirs = (table["points"] - box) / side
    dlibs = (np.stack([five_points(one) for one in table["landmarks"]]) - box) / side
    usable = (table["kind"] == FACE) & (table["hog"] > 0) & np.isfinite(theirs).all((1, 2))
    inputs = np.column_stack([np.nan_to_num(theirs).reshape(-1, 10), np.ones(len(theirs))])
    kept, mapped, apart = usable, theirs, np.full(len(theirs), np.inf)
    for _ in range(3):
        if kept.sum() < ENOUGH:
            break
        fit = np.linalg.lstsq(inputs[kept], dlibs[kept].reshape(-1, 10), rcond=None)[0]
        mapped = (inputs @ fit).reshape(-1, 5, 2)
        apart = np.linalg.norm(mapped - dlibs, axis=2).mean(1)
        kept = usable & (apart < AGREE)
    alone = ~np.isfinite(theirs).all((1, 2))
    points = np.where(((apart < AGREE) | alone)[:, None, None], dlibs, mapped)
    return np.asarray(points * side + box, np.float32)
