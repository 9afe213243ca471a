"""Scripted cameras and stages, for tests of programs that use edge-fer, and for its own tests.

    camera = ScriptedCamera([scene(Box(80, 60, 90, 90))] * 30, fps=10)
    for frame in Recognizer().watch(camera):
        ...

They are small real objects: a `ScriptedCamera` is a camera, a `BrightDetector` a detector.
"""

from collections.abc import Iterable, Iterator, Sequence

import cv2
import numpy as np

from edge_fer.cameras import Camera, Reading
from edge_fer.types import Box, Detection, Frame, Luma, Points, Scores

BRIGHT = 250
"""Luma of the squares that `scene` draws and `BrightDetector` finds."""


class ScriptedCamera(Camera):
    """Plays pictures (H, W) uint8 at ``fps`` pictures per second, as a file does.

    An exception among the pictures is raised in its turn. ``opened`` counts how often the camera
    was entered; ``is_open`` is True inside the ``with`` block.
    """

    scheme = "scripted"
    example = "scripted:NAME"
    help = "pictures of a test"
    live = False

    def __init__(self, pictures: Iterable[Luma | Exception], *, fps: float = 10.0) -> None:
        super().__init__("scripted:pictures")
        self._pictures, self._fps = list(pictures), fps
        self._next = 0
        self.opened = 0
        self.is_open = False

    def _open(self) -> None:
        self._next = 0
        self.opened += 1
        self.is_open = True

    def _close(self) -> None:
        self.is_open = False

    def _read(self) -> Reading | None:
        if self._next == len(self._pictures):
            return None
        picture, time = self._pictures[self._next], self._next / self._fps
        self._next += 1
        if isinstance(picture, Exception):
            raise picture
        return Reading(picture, time, time)


class ScriptedDetector:
    """Returns the boxes of its script, one list per call; the last one is repeated."""

    smallest_px, zoom = 60, 1.1

    def __init__(self, *script: Sequence[Box]) -> None:
        self._script = list(script)

    def find(self, luma: Luma, threshold: float) -> list[Detection]:
        """Return the next boxes, each with a score of 1."""
        boxes = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        return [Detection(box, 1.0) for box in boxes]


class BrightDetector:
    """Finds the bright squares of a picture, so that a test can draw faces anywhere.

    Like a real detector it finds none below its size, and none that the picture's edge cuts.
    """

    def __init__(self, smallest_px: int = 20) -> None:
        self.smallest_px, self.zoom = smallest_px, 1.1
        self.pixels = 0
        """Pixels scanned so far."""
        self.calls = 0

    def find(self, luma: Luma, threshold: float) -> list[Detection]:
        """Return the bright squares, each with a score of 1."""
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
    """Return a dark textured picture of ``size`` (H, W) with bright squares."""
    rows, columns = np.indices(size)
    luma: Luma = (60 + 30 * np.sin(rows / 9) + 30 * np.cos(columns / 7)).astype(np.uint8)
    for box in faces:
        luma[box.top : box.top + box.height, box.left : box.left + box.width] = BRIGHT
    return luma


class CentredLandmarker:
    """Returns the landmarks of an upright, frontal face that fills the box."""

    def locate(self, luma: Luma, box: Box) -> Points:
        """Return (68, 2) float32 in px of the frame."""
        return drawn_face() * (box.width, box.height) + (box.left, box.top)


def drawn_face() -> Points:
    """Return the 68 points (68, 2) float32 of an upright, frontal face in a unit square."""

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
    points = np.concatenate(parts).astype(np.float64)
    # Brows, nose and eyes are where vision.landmarks expects those of a face in a HOG box, so that
    # the box published for it is the unit square.
    spread, below, rigid = 1 / 4.1, 0.75, slice(17, 48)
    inner = points[rigid] - points[rigid].mean(0)
    inner *= spread / np.sqrt((inner**2).sum(1).mean())
    points[rigid] = inner + np.array([0.5, 0.5 - below * spread])
    return points.astype(np.float32)


class ScriptedClassifier:
    """Returns the scores of its script, one mapping per call; the last one is repeated."""

    def __init__(self, *script: Scores) -> None:
        self._script = list(script)
        self.shapes: list[tuple[int, ...]] = []
        """Shapes of the crops so far."""

    def classify(self, chips: Sequence[Luma]) -> list[Scores]:
        """Return the next scores for every crop."""
        self.shapes += [chip.shape for chip in chips]
        scores = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        return [scores for _ in chips]


def frames(
    count: int, *, size: tuple[int, int] = (480, 640), fps: float = 10, start: int = 0
) -> Iterator[Frame]:
    """Yield ``count`` grey frames of ``size`` (H, W), numbered from ``start``."""
    for number in range(start, start + count):
        yield Frame(np.full(size, 128, np.uint8), number, number / fps, number / fps)
