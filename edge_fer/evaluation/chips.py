"""From a picture in a data set to a chip: as it is, or cut as the daemon cuts a camera's.

Close crops of one face, as FER-2013's are, are aligned as well. None is dropped: where the detector
finds nothing or the landmarks cannot be right, the next best way is taken and named.
"""

import enum
from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge_fer.config.settings import Vision
from edge_fer.emotion.card import Framing
from edge_fer.types import Box, Luma, Points
from edge_fer.vision.align import Aligner, five_points
from edge_fer.vision.detector import find_whole
from edge_fer.vision.dlib_hog import HogDetector
from edge_fer.vision.landmarks import Landmarker
from edge_fer.vision.pixels import rescale, resize_square

Kind = Literal["chips", "crops", "photos"]
"""What the pictures are: chips, used as they are; close crops of one face, which are aligned;
or photographs, of which the largest face that the detector finds is cut out."""

PHOTO_PX = 1000
"""Larger photographs are shrunk to this side, since the detector's time grows with the pixels."""

Cut = Callable[[Luma], Luma | None]
"""Picture (H, W) to chip (S, S); None where no face is found."""


def cutter(kind: Kind, size: int, framing: Framing) -> Cut:
    """What makes chips of (size, size) px out of pictures of that kind.

    Raises:
        ModelError: the landmark file is missing or damaged.
    """
    if kind == "chips":
        return lambda picture: resize_square(picture, size)
    if kind == "crops":
        aligner = StillAligner(size=size, framing=framing)
        return lambda picture: aligner.cut(_padded(picture))[0]
    return _photo_cutter(size, framing)


def _photo_cutter(size: int, framing: Framing) -> Cut:
    options, detector = Vision(), HogDetector()
    landmarker, aligner = Landmarker(), Aligner(framing.points, size)

    def cut(picture: Luma) -> Luma | None:
        picture = rescale(picture, min(1, PHOTO_PX / max(picture.shape)))
        found = find_whole(
            detector, picture, min_face_px=options.min_face_px, threshold=options.threshold
        )
        if not found:
            return None
        box = max((one.box for one in found), key=lambda box: box.area)
        return aligner.chip(picture, landmarker.locate(picture, box))

    return cut


def _padded(picture: Luma) -> Luma:
    """The picture with its border repeated where it is shorter."""
    height, width = picture.shape
    side = max(height, width)
    rows, columns = side - height, side - width
    return np.pad(
        picture, ((rows // 2, rows - rows // 2), (columns // 2, columns - columns // 2)), "edge"
    )


SIDE = 192
"""Pictures are searched at this side in px: four times FER-2013's, so that faces reach 80 px."""
BORDER = 40
"""Px of repeated border around that, since the crops are closer than the detector expects."""
THRESHOLD = -0.5
"""HOG score that a face must exceed: a picture without any face is not among these."""

FACE_CENTRE = (24.1 / 48, 27 / 48)
FACE_SIDE = 41 / 48
"""Where FER-2013 has its faces, as fractions of the picture: the box of a face not found."""

SHAPE_SIDE = 2.681
SHAPE_SHIFT = (0.02, -0.077)
"""Side and centre of the detector's box as 68 landmarks tell it, in units of their root mean
square distance from their centroid."""

EYES = (0.2, 0.6)
"""Distances between the eye centres that can be right, as fractions of the picture's side."""
ROLL = 45.0
"""Largest tilt of the line between the eyes that can be right, in degrees."""


class How(enum.IntEnum):
    """What a chip was cut by."""

    DETECTOR = 0
    FIXED_BOX = 1
    """Landmarks in the box where such pictures have their face, then in the box these tell."""
    IDENTITY = 2
    """Not aligned: the picture itself, since no landmarks could be right."""


class StillAligner:
    """Cuts chips of (size, size) px out of close crops.

    Raises:
        ModelError: the landmark file is missing or damaged.
    """

    def __init__(
        self, *, size: int = 48, framing: Framing | None = None, landmarks: str = ""
    ) -> None:
        self._detector = HogDetector()
        self._landmarker = Landmarker(landmarks)
        self._aligner = Aligner((framing or Framing()).points, size)

    def cut(self, picture: Luma) -> tuple[Luma, How]:
        """The chip (size, size) of the face in the square ``picture`` and how it came about.

        It is cut from the picture as it is: one enlarged and shrunk again would be blurred, which
        a camera's chip is not.
        """
        points, how = self.locate(picture)
        if points is None:
            return resize_square(picture, self._aligner.size), how
        return self._aligner.chip(picture, points), how

    def cut_all(self, pictures: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Chips (N, size, size) of ``pictures`` (N, H, H), and the `How` (N,) of each."""
        cuts = [self.cut(picture) for picture in pictures]
        return np.stack([chip for chip, _ in cuts]), np.array([how for _, how in cuts], np.uint8)

    def locate(self, picture: Luma) -> tuple[Points | None, How]:
        """The 68 landmarks (68, 2) in px of the square ``picture``; None where none are right.

        What the detector saw is believed, as the daemon believes it.
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
        """Landmarks of a face that was not found: the fixed box's, then those of their own box."""
        centre = np.array(FACE_CENTRE) * SIDE + BORDER
        first = self._landmarker.locate(scene, _square(centre, FACE_SIDE * SIDE))
        return self._landmarker.locate(scene, box_of(first))


def box_of(points: Points) -> Box:
    """The box in which the detector would have seen the face with these landmarks (68, 2)."""
    centre = points.mean(0, dtype=np.float64)
    spread = float(np.sqrt(((points - centre) ** 2).sum(1).mean()))
    return _square(centre + np.array(SHAPE_SHIFT) * spread, SHAPE_SIDE * spread)


def plausible(points: Points, side: int) -> bool:
    """Whether landmarks (68, 2) can be those of the face in a close crop of (side, side) px.

    Eyes, nose tip and mouth corners lie in the picture, the eyes `EYES` apart and their line
    tilted by no more than `ROLL`.
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
