"""From a picture in a data set to a chip: as it is, or cut as the daemon cuts a camera's."""

from collections.abc import Callable
from typing import Literal

import numpy as np

from edge_fer.config.settings import Vision
from edge_fer.emotion.card import Framing
from edge_fer.measure.aligned import StillAligner
from edge_fer.types import Luma
from edge_fer.vision.align import Aligner
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
        return lambda picture: aligner.cut(_square(picture))[0]
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


def _square(picture: Luma) -> Luma:
    """The picture with its border repeated where it is shorter."""
    height, width = picture.shape
    side = max(height, width)
    rows, columns = side - height, side - width
    return np.pad(
        picture, ((rows // 2, rows - rows // 2), (columns // 2, columns - columns // 2)), "edge"
    )
