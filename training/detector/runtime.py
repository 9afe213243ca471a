"""The trained network behind the daemon's detector contract, run by onnxruntime.

A draft of what belongs beside `edge_fer.vision.yunet`: it satisfies `Detector`, and the daemon
does not name it.
"""

from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import onnxruntime as ort

from edge_fer.emotion.session import session_options
from edge_fer.types import Box, Detection, Luma
from training.detector.decode import decode
from training.detector.geometry import Array, floats

SMALLEST_PX: Final = 24
"""Side of the smallest face found as surely as larger ones."""

CONFIDENCE: Final = 0.5
"""The network's score, 0-1, that makes a score of 0."""

STRIDE: Final = 32
"""Sides of what the network is given are multiples of it, px."""

MOST: Final = 300
"""Rows from which faces are made: a threshold below every score would ask for all."""


class CnnDetector:
    """A convolutional network for faces of any pose, in the .onnx file ``path``."""

    smallest_px = SMALLEST_PX
    zoom = 1.25

    def __init__(self, path: Path) -> None:
        self._session: Any = ort.InferenceSession(
            str(path), session_options(threads=1), providers=["CPUExecutionProvider"]
        )
        self._input: str = self._session.get_inputs()[0].name

    def find(self, luma: Luma, threshold: float) -> list[Detection]:
        """Faces in a picture (H, W), the best first; a score is the network's - `CONFIDENCE`."""
        boxes, scores, _ = self.places(luma, threshold + CONFIDENCE)
        return [
            Detection(
                Box(round(x - side / 2), round(y - side / 2), round(side), round(side)),
                score - CONFIDENCE,
            )
            for (x, y, side), score in zip(boxes.tolist(), scores.tolist(), strict=True)
            if score - CONFIDENCE > threshold
        ]

    def places(self, luma: Luma, least: float) -> tuple[Array, Array, Array]:
        """Return boxes (k, 3), scores (k,) above ``least`` and five points (k, 5, 2), in px."""
        if not luma.size:
            return (
                np.zeros((0, 3), np.float32),
                np.zeros(0, np.float32),
                np.zeros((0, 5, 2), np.float32),
            )
        (top, bottom), (left, right) = (_margins(side) for side in luma.shape)
        wider = cv2.copyMakeBorder(
            np.ascontiguousarray(luma), top, bottom, left, right, cv2.BORDER_REPLICATE
        )
        rows = self._session.run(None, {self._input: wider[None, None]})[0][0]
        if np.count_nonzero(rows[:, 0] > least) > MOST:
            least = float(np.partition(rows[:, 0], -MOST)[-MOST])
        boxes, scores, points = decode(rows, (wider.shape[0], wider.shape[1]), least)
        return boxes - floats([left, top, 0]), scores, points - floats([left, top])


def _margins(side: int) -> tuple[int, int]:
    missing = -side % STRIDE
    return missing // 2, missing - missing // 2
