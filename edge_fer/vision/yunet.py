"""The YuNet face detector (Wu, Peng and Yu 2023), run by OpenCV's FaceDetectorYN.

Its boxes span the whole face and are higher than wide. They are converted to the squares of
dlib's HOG detector, since the landmark file was trained on those.
"""

import hashlib
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_fer.errors import ModelError
from edge_fer.opencv import silence_opencv
from edge_fer.types import Box, Detection, Luma

SMALLEST_PX: Final = 32
"""Side of the smallest face that is found as reliably as larger ones; the measurements are in
docs/background/detectors.md."""

CONFIDENCE: Final = 0.8
"""Confidence, 0-1, that corresponds to a score of 0: few false detections have more."""

SIDE: Final = 0.851
"""Side of dlib's square relative to the height of YuNet's box."""

SHIFT: Final = (0.006, 0.073)
"""Offset from the centre of YuNet's box to that of dlib's, relative to its height."""

_OVERLAP: Final = 0.3
"""IoU from which two boxes are of one face, as the network's authors set it."""

_MOST: Final = 1000
"""Largest number of candidate boxes."""

_STRIDE: Final = 32
"""Stride of the network's coarsest layer in px."""

_TRIED: Final = (64, 64)
"""Height and width in px of the empty picture that a network is tested on."""


class YuNetDetector:
    """Detects faces in any pose with the network in the .onnx file ``path``.

    Raises:
        ModelError: the file is missing, has another ``sha256``, or is not a YuNet.
    """

    smallest_px = SMALLEST_PX
    zoom = 1.25

    def __init__(self, path: str, sha256: str) -> None:
        silence_opencv()
        self._net = _load(path, _read(path, sha256))

    def find(self, luma: Luma, threshold: float) -> list[Detection]:
        """Return faces in a picture (H, W), best first; a score is confidence - `CONFIDENCE`."""
        if not luma.size:
            return []
        top, bottom = _margins(luma.shape[0])
        left, right = _margins(luma.shape[1])
        wider = cv2.copyMakeBorder(
            np.ascontiguousarray(luma), top, bottom, left, right, cv2.BORDER_REPLICATE
        )
        self._net.setInputSize(wider.shape[::-1])
        self._net.setScoreThreshold(max(0.0, threshold + CONFIDENCE))
        rows: Any = self._net.detect(cv2.cvtColor(wider, cv2.COLOR_GRAY2BGR))[1]
        found = [] if rows is None else [_detection(row, left, top) for row in rows]
        kept = [one for one in found if one.score > threshold]
        return sorted(kept, key=lambda one: one.score, reverse=True)


def _margins(side: int) -> tuple[int, int]:
    """Return the margins that extend a side to a multiple of the network's stride.

    OpenCV would add black pixels at the end only, and then finds a face that fills a small
    picture less often.
    """
    missing = -side % _STRIDE
    return missing // 2, missing - missing // 2


def _detection(row: NDArray[np.float32], left: int, top: int) -> Detection:
    """Convert a row (15,) of x, y, width, height, five points and confidence.

    ``left`` and ``top`` are the margins of the picture in px.
    """
    x, y, width, height, confidence = (float(value) for value in row[[0, 1, 2, 3, 14]])
    side = SIDE * height
    centre_x, centre_y = x + width / 2 + SHIFT[0] * height, y + height / 2 + SHIFT[1] * height
    box = Box(
        round(centre_x - side / 2) - left,
        round(centre_y - side / 2) - top,
        round(side),
        round(side),
    )
    return Detection(box, confidence - CONFIDENCE)


def _read(path: str, sha256: str) -> bytes:
    """Return the file's content after checking its sha256."""
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError as error:
        raise ModelError(f"vision.detector_model = {path}: no such file") from error
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({str(error.strerror).lower()})") from error
    digest = hashlib.sha256(content).hexdigest()
    if not sha256:
        raise ModelError(
            f"vision.detector_sha256 = '': must be the sha256 of the file that is meant; "
            f"{path} has {digest}, set that where it is"
        )
    if digest != sha256:
        raise ModelError(
            f"{path}: sha256 is {digest} but vision.detector_sha256 = {sha256}; "
            "the file is damaged or another one"
        )
    return content


def _load(path: str, content: bytes) -> cv2.FaceDetectorYN:
    """Return the detector, tested on an empty picture, since OpenCV loads any kind of network."""
    model, nothing = np.frombuffer(content, np.uint8), np.zeros(0, np.uint8)
    try:
        net = cv2.FaceDetectorYN.create(
            "onnx", model, nothing, _TRIED, nms_threshold=_OVERLAP, top_k=_MOST
        )
        net.detect(np.zeros((*_TRIED, 3), np.uint8))
    except cv2.error as error:
        reason = " ".join(error.err.split()).rstrip(".")
        raise ModelError(
            f"{path}: OpenCV {cv2.__version__} cannot use it as a YuNet detector ({reason[:160]})"
        ) from error
    return net
