"""Scripted stages: small real objects that say what a test tells them to."""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from edge_fer.types import Box, Detection, Frame, Luma, Points, Scores


class ScriptedDetector:
    """Gives the boxes of its script, one list a call; the last one stays."""

    smallest_px, zoom = 60, 1.1

    def __init__(self, *script: Sequence[Box]) -> None:
        self._script = list(script)

    def find(self, luma: Luma, threshold: float) -> list[Detection]:
        boxes = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        return [Detection(box, 1.0) for box in boxes]


BRIGHT = 250


class BrightDetector:
    """Finds the bright squares of a picture, so that a test can draw faces where it likes.

    As a real one it finds none below its size and none that the picture's edge cuts.
    """

    def __init__(self, smallest_px: int = 20) -> None:
        self.smallest_px, self.zoom = smallest_px, 1.1
        self.pixels = 0
        """Scanned so far."""
        self.calls = 0

    def find(self, luma: Luma, threshold: float) -> list[Detection]:
        self.calls += 1
        self.pixels += luma.size
        _, _, parts, _ = cv2.connectedComponentsWithStats((luma > 180).astype(np.uint8))
        found = []
        for left, top, width, height, area in parts[1:].tolist():
            whole = (
                min(left, top) > 0 < min(luma.shape[1] - left - width, luma.shape[0] - top - height)
            )
            if whole and width >= self.smallest_px - 1 and area > 0.8 * width * height:
                found.append(Detection(Box(left, top, width, height), 1.0))
        return found


def scene(*faces: Box, size: tuple[int, int] = (240, 320)) -> Luma:
    """A dark textured picture with bright squares."""
    rows, columns = np.indices(size)
    luma = (60 + 30 * np.sin(rows / 9) + 30 * np.cos(columns / 7)).astype(np.uint8)
    for box in faces:
        luma[box.top : box.top + box.height, box.left : box.left + box.width] = BRIGHT
    return luma


class CentredLandmarker:
    """Puts a plausible face of 68 points inside the box: upright and frontal."""

    def locate(self, luma: Luma, box: Box) -> Points:
        return drawn_face() * (box.width, box.height) + (box.left, box.top)


def drawn_face() -> Points:
    """68 points (68, 2) of an upright, frontal face in a unit square."""

    def arc(start: float, stop: float, count: int, at: tuple[float, float], size: float) -> Points:
        turn = np.deg2rad(np.linspace(start, stop, count))
        points = np.column_stack([np.cos(turn), -np.sin(turn)]) * size
        return (points + at).astype(np.float32)

    ring = [-180, -120, -60, 0, 60, 120]
    eye = np.concatenate([arc(-angle, -angle, 1, (0, 0), 0.06) for angle in ring])
    jaw = arc(180, 360, 17, (0.5, 0.4), 0.48)
    brows = [arc(150, 30, 5, (0.3, 0.38), 0.12), arc(150, 30, 5, (0.7, 0.38), 0.12)]
    bridge = np.column_stack([np.full(4, 0.5), np.linspace(0.4, 0.6, 4)])
    nostrils = np.column_stack([np.linspace(0.42, 0.58, 5), np.full(5, 0.64)])
    mouth = np.concatenate(
        [arc(180, -150, 12, (0.5, 0.8), 0.15), arc(180, -135, 8, (0.5, 0.8), 0.1)]
    )
    left, right = (eye + np.array(at) for at in ((0.3, 0.4), (0.7, 0.4)))
    parts = [jaw, *brows, bridge, nostrils, left, right, mouth]
    return np.concatenate(parts).astype(np.float32)


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
