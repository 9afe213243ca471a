"""What a detector is, and how to have one look at a whole picture.

The detector that vision.detector names; a library is imported only where it is used.
"""

from typing import Protocol

from edge_fer.config.settings import Vision
from edge_fer.types import Box, Detection, Luma
from edge_fer.vision.tiles import Tile


class Detector(Protocol):
    """Finds faces in a picture of any size; knows nothing of frames and time."""

    smallest_px: int
    """Side of the smallest face it finds; the picture is scaled to suit."""

    zoom: float
    """Size at which a followed face is shown to it, in terms of the smallest: the more, the surer
    it is found when it has shrunk, and the dearer."""

    def find(self, luma: Luma, threshold: float) -> list[Detection]:
        """Boxes in px of the picture (H, W) with scores above ``threshold``, best first.

        Scores are on one scale for all detectors: above 0 is a face.
        """


def find_whole(
    detector: Detector, luma: Luma, *, min_face_px: int, threshold: float
) -> list[Detection]:
    """All faces of ``min_face_px`` or more in a picture (H, W) at once, in its px, best first."""
    height, width = luma.shape
    tile = Tile(Box(0, 0, width, height), detector.smallest_px / min_face_px, min_face_px)
    found = detector.find(tile.cut(luma), threshold)
    return [Detection(tile.to_frame(one.box), one.score) for one in found]


def build_detector(vision: Vision) -> Detector:
    """The detector, ready to run.

    Raises:
        ModelError: YuNet's file is missing, damaged, another one than vision.detector_sha256 says.
    """
    if vision.detector == "yunet":
        from edge_fer.vision.yunet import YuNetDetector

        return YuNetDetector(vision.detector_model, vision.detector_sha256)
    from edge_fer.vision.dlib_hog import HogDetector

    return HogDetector()
