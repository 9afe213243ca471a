"""The detector that vision.detector names; a library is imported only where it is used."""

from edge_fer.config.settings import Vision
from edge_fer.vision.detector import Detector


def build_detector(vision: Vision) -> Detector:
    """The detector, ready to run.

    Raises:
        ModelError: YuNet's file is missing, damaged, another one than vision.detector_sha256 says.
    """
    if vision.detector == "yunet":
        from edge_fer.vision.yunet import YuNetDetector

        return YuNetDetector(vision.detector_model, vision.detector_sha256)
    from edge_fer.vision.detect import HogDetector

    return HogDetector()
