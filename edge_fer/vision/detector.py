"""The detector contract, and the detector that vision.detector names.

A detector's library is imported only where that detector is used.
"""

from typing import Protocol

from edge_fer.config.settings import Vision
from edge_fer.types import Detection, Luma


class Detector(Protocol):
    """Finds faces in a picture of any size; keeps no state between pictures."""

    smallest_px: int
    """Side of the smallest face it finds; the caller scales the picture to suit."""

    zoom: float
    """Scale at which a tracked face is presented, relative to `smallest_px`.

    A larger value finds a shrunken face more reliably and costs more.
    """

    def find(self, luma: Luma, threshold: float) -> list[Detection]:
        """Return boxes in px of the picture (H, W) with scores above ``threshold``, best first.

        All detectors share one scale of scores: above 0 is a face.
        """


def build_detector(vision: Vision) -> Detector:
    """Return the detector of ``vision``, loaded.

    Raises:
        ModelError: YuNet's file is missing or damaged, or its sha256 is not
            vision.detector_sha256.
    """
    if vision.detector == "yunet":
        from edge_fer.vision.yunet import YuNetDetector

        return YuNetDetector(vision.detector_model, vision.detector_sha256)
    from edge_fer.vision.dlib_hog import HogDetector

    return HogDetector()
