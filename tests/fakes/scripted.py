"""Scripted stages: small real objects that say what a test tells them to."""

from collections.abc import Iterator, Sequence

import numpy as np

from edge_fer.types import Box, Detection, Frame, Luma, Points, Scores


class ScriptedDetector:
    """Gives the boxes of its script, one list a frame; the last one stays."""

    def __init__(self, *script: Sequence[Box]) -> None:
        self._script = list(script)

    def detect(self, luma: Luma) -> list[Detection]:
        boxes = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        return [Detection(box, 1.0) for box in boxes]


class CentredLandmarker:
    """Puts the five points that count into a plausible face inside the box."""

    def locate(self, luma: Luma, box: Box) -> Points:
        points = np.zeros((68, 2), np.float32)
        points[36:42], points[42:48] = (0.3, 0.4), (0.7, 0.4)
        points[30], points[48], points[54] = (0.5, 0.6), (0.35, 0.8), (0.65, 0.8)
        return points * (box.width, box.height) + (box.left, box.top)


class ScriptedClassifier:
    """Gives the scores of its script, one mapping a frame for every chip; the last one stays."""

    def __init__(self, *script: Scores) -> None:
        self._script = list(script)
        self.shapes: list[tuple[int, ...]] = []

    def classify(self, chips: Sequence[Luma]) -> list[Scores]:
        self.shapes += [chip.shape for chip in chips]
        scores = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        return [scores for _ in chips]


def frames(
    count: int, *, size: tuple[int, int] = (480, 640), fps: float = 10, start: int = 0
) -> Iterator[Frame]:
    """Grey frames."""
    for number in range(start, start + count):
        yield Frame(np.full(size, 128, np.uint8), number, number / fps, number / fps)
