"""Turn a picture of a data set into a chip: unchanged, or cut as the daemon cuts camera frames.

Close crops of one face, such as FER-2013's, are aligned too, and every crop gives a chip: if the
detector finds no face or the landmarks are implausible, `How` names the fallback that was used.
"""

import enum
from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge_fer.config.settings import Quality, Vision
from edge_fer.emotion.card import Framing
from edge_fer.types import Box, Luma, Outcome, Points
from edge_fer.vision.detector import Detector, build_detector
from edge_fer.vision.dlib_hog import HogDetector
from edge_fer.vision.landmarks import Aligner, Landmarker, five_points
from edge_fer.vision.pixels import rescale, resize_square
from edge_fer.vision.quality import assess, reject
from edge_fer.vision.scan import find_whole
from edge_fer.vision.search import rejection

Kind = Literal["chips", "crops", "photos"]
"""Content of the pictures: chips, used unchanged; close crops of one face, which are aligned; or
photographs, from which the largest face that the detector finds is cut."""

PHOTO_PX = 1000
"""Longest side in px: larger photographs are shrunk, since detection time grows with the pixels."""

Cut = Callable[[Luma], Luma | Outcome | None]
"""Picture (H, W) to chip (S, S); the outcome of a refused face; None if there is no face."""


def cutter(
    kind: Kind,
    size: int,
    framing: Framing,
    vision: Vision | None = None,
    quality: Quality | None = None,
) -> Cut:
    """Return a function that cuts chips of (size, size) px from pictures of that kind.

    ``vision`` names detector and landmark file, by default the stock ones. With ``quality``, a
    face in a photograph that the daemon would refuse gives its outcome instead of a chip.

    Raises:
        ModelError: the detector's or the landmark file is missing or damaged.
    """
    vision = vision or Vision()
    if kind == "chips":
        return lambda picture: resize_square(picture, size)
    if kind == "crops":
        aligner = StillAligner(
            size=size,
            framing=framing,
            landmarks=vision.landmarks,
            detector=build_detector(vision),
        )
        return lambda picture: aligner.cut(_padded(picture))[0]
    return _photo_cutter(size, framing, vision, quality)


def _photo_cutter(size: int, framing: Framing, vision: Vision, quality: Quality | None) -> Cut:
    detector, landmarker = build_detector(vision), Landmarker(vision.landmarks)
    aligner = Aligner(framing.points, size)

    def cut(picture: Luma) -> Luma | Outcome | None:
        picture = rescale(picture, min(1, PHOTO_PX / max(picture.shape)))
        found = find_whole(
            detector, picture, min_face_px=vision.min_face_px, threshold=vision.threshold
        )
        if not found:
            return None
        boxes = sorted((one.box for one in found), key=lambda box: box.area, reverse=True)
        reasons = [rejection(box, vision, picture.shape) if quality else None for box in boxes]
        if None not in reasons:
            return reasons[0]
        points = landmarker.locate(picture, boxes[reasons.index(None)])
        chip = aligner.chip(picture, points)
        refused = reject(assess(points, chip, aligner.points), quality) if quality else None
        return chip if refused is None else refused

    return cut


def _padded(picture: Luma) -> Luma:
    """Return the picture made square by repeating its border on the shorter side."""
    height, width = picture.shape
    side = max(height, width)
    rows, columns = side - height, side - width
    return np.pad(
        picture, ((rows // 2, rows - rows // 2), (columns // 2, columns - columns // 2)), "edge"
    )


SIDE = 192
"""Side in px at which a crop is searched: 4 times FER-2013's, so that faces reach 80 px."""
BORDER = 40
"""Width in px of the repeated border, since crops are closer than the detector expects."""
THRESHOLD = -0.5
"""Least detector score; low, since every crop has a face."""

FACE_CENTRE = (24.1 / 48, 27 / 48)
FACE_SIDE = 41 / 48
"""FER-2013's usual face box as fractions of the picture; used if the detector finds no face."""

SHAPE_SIDE = 2.681
SHAPE_SHIFT = (0.02, -0.077)
"""Side and centre of the detector's box relative to the 68 landmarks, in units of their root mean
square distance from their centroid."""

EYES = (0.2, 0.6)
"""Plausible distances between the eye centres, as fractions of the picture's side."""
ROLL = 45.0
"""Largest plausible tilt of the eye line in degrees."""


class How(enum.IntEnum):
    """How the face in a crop was located."""

    DETECTOR = 0
    FIXED_BOX = 1
    """Landmarks in FER-2013's usual face box, then again in the box that they imply."""
    IDENTITY = 2
    """Not aligned: the picture itself, since no landmarks were plausible."""


class StillAligner:
    """Cut chips of (size, size) px out of close crops.

    ``landmarks`` is as vision.landmarks; ``detector`` is HOG by default.

    Raises:
        ModelError: the landmark file is missing or damaged.
    """

    def __init__(
        self,
        *,
        size: int = 48,
        framing: Framing | None = None,
        landmarks: str = "",
        detector: Detector | None = None,
    ) -> None:
        self._detector = detector or HogDetector()
        self._landmarker = Landmarker(landmarks)
        self._aligner = Aligner((framing or Framing()).points, size)

    def cut(self, picture: Luma) -> tuple[Luma, How]:
        """Return the chip (size, size) of the face in the square ``picture`` and how it was cut.

        The chip is cut from the original picture: resizing twice would blur it.
        """
        points, how = self.locate(picture)
        if points is None:
            return resize_square(picture, self._aligner.size), how
        return self._aligner.chip(picture, points), how

    def cut_all(self, pictures: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return the chips (N, size, size) of ``pictures`` (N, H, H) and the `How` (N,) of each."""
        cuts = [self.cut(picture) for picture in pictures]
        return np.stack([chip for chip, _ in cuts]), np.array([how for _, how in cuts], np.uint8)

    def locate(self, picture: Luma) -> tuple[Points | None, How]:
        """Return the landmarks (68, 2) in px of the square ``picture``; None if implausible.

        Landmarks in a detected box are accepted without this check, as in the daemon.
        """
        scene = np.pad(resize_square(picture, SIDE), BORDER, mode="edge")
        found = self._detector.find(scene, THRESHOLD)
        seen = self._landmarker.locate(scene, found[0].box) if found else self._supposed(scene)
        side = picture.shape[0]
        points = ((seen - BORDER + 0.5) * (side / SIDE) - 0.5).astype(np.float32)
        if found:
            return points, How.DETECTOR
        return (points, How.FIXED_BOX) if plausible(points, side) else (None, How.IDENTITY)

    def _supposed(self, scene: Luma) -> Points:
        """Return the landmarks of a face that was not detected, from the fixed box."""
        centre = np.array(FACE_CENTRE) * SIDE + BORDER
        first = self._landmarker.locate(scene, _square(centre, FACE_SIDE * SIDE))
        return self._landmarker.locate(scene, box_of(first))


def box_of(points: Points) -> Box:
    """Return the box that the detector would give the face with these landmarks (68, 2)."""
    centre = points.mean(0, dtype=np.float64)
    spread = float(np.sqrt(((points - centre) ** 2).sum(1).mean()))
    return _square(centre + np.array(SHAPE_SHIFT) * spread, SHAPE_SIDE * spread)


def plausible(points: Points, side: int) -> bool:
    """Return True if landmarks (68, 2) can be those of the face in a crop of (side, side) px.

    Eyes, nose tip and mouth corners must lie in the picture, the eyes `EYES` apart and their line
    tilted by at most `ROLL`.
    """
    five = (five_points(points) + 0.5) / side
    across, down = five[1] - five[0]
    return (
        bool(((five >= 0) & (five <= 1)).all())
        and EYES[0] <= float(np.hypot(across, down)) <= EYES[1]
        and abs(float(np.degrees(np.arctan2(down, across)))) <= ROLL
    )


def _square(centre: NDArray[np.float64], side: float) -> Box:
    left, top = np.round(centre - side / 2).astype(int)
    return Box(int(left), int(top), round(side), round(side))
