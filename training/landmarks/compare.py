"""Shorten landmark files to their first cascades, and compare two files.

Errors are distances between the points of two predictors in the same box, in percent of the
distance between the eye centres (IPD). The reference is no ground truth, only the predictor that
is in common use.
"""

import dataclasses
import itertools
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_fer.bench.models import ratio
from edge_fer.build import interleave
from edge_fer.cameras import open_camera
from edge_fer.config.settings import Camera, Vision
from edge_fer.errors import DataError, ModelError
from edge_fer.types import Box, Luma, Points
from edge_fer.vision.dlib_hog import SMALLEST_PX, HogDetector
from edge_fer.vision.landmarks import Landmarker, five_points
from edge_fer.vision.pixels import rescale
from edge_fer.vision.scan import find_whole
from training.landmarks.file import LandmarkFile, whole_file

MIN_FACE_PX = SMALLEST_PX // 2
"""Smallest face that is compared on."""

PICTURE_PX = 1280
"""Longest side in px: larger pictures are shrunk, since detection time grows with the pixels."""

WRONG_PERCENT = 20.0
"""Error in % of the IPD on the drawn face; the stock file's first cascade alone has 9 %."""

_RESIDENT = """
import sys
from pathlib import Path
from edge_fer.daemon.stats import rss_mb
from edge_fer.vision.landmarks import Landmarker
before = rss_mb()
kept = Landmarker(sys.argv[1])
print(rss_mb() - before)
"""


@dataclasses.dataclass(frozen=True, slots=True)
class Shrunk:
    """A landmark file that was shortened."""

    cascades: int
    of: int
    bytes: int
    source_bytes: int
    drawn_percent: float
    """Mean difference from the source on a drawn face, in percent of the IPD."""


def shrink(source: Path, out: Path, cascades: int) -> Shrunk:
    """Write the first ``cascades`` of ``source`` to ``out``, which must work in dlib.

    Raises:
        ModelError: a file or number does not fit, or ``out`` cannot be written.
    """
    refuse_same(source, out)
    file = LandmarkFile(source)
    with whole_file(out) as draft:
        file.write_first(cascades, draft)
        difference = _difference_on_drawing(Landmarker(str(draft)), Landmarker(str(source)))
    return Shrunk(
        cascades, len(file.cascades), out.stat().st_size, source.stat().st_size, difference
    )


def refuse_same(source: Path, out: Path) -> None:
    """Raise ModelError if ``out`` would replace its own source."""
    if out.exists() and source.exists() and out.samefile(source):
        raise ModelError(f"{out}: is the source file; must be another one")


def compare(path: Path, reference: Path, sources: Iterable[Path]) -> dict[str, Any]:
    """Return the figures that `training.landmarks compare` prints, ``path`` against ``reference``.

    Raises:
        ModelError: a landmark file is missing or damaged.
        CameraError: a clip or folder cannot be read.
        DataError: there is no face.
    """
    for file in (path, reference):
        LandmarkFile(file)  # dlib may abort the process on a damaged one
    sides = Landmarker(str(path)), Landmarker(str(reference))
    orders = itertools.cycle([(0, 1), (1, 0)])
    rows = [
        _measure(sides, luma, box, order)
        for (luma, box), order in zip(faces_of(sources), orders, strict=False)
    ]
    if not rows:
        raise DataError(f"no face of {MIN_FACE_PX} px or more in {', '.join(map(str, sources))}")
    all_points, five, seconds = (np.array(column) for column in zip(*rows, strict=True))
    time = ratio(seconds)
    return {
        "file": str(path),
        "reference": str(reference),
        "faces": len(rows),
        "points_68": _summary(all_points),
        "points_5": _summary(five),
        "time": time.value,
        "time_interval_95": [time.low, time.high],
        "bytes": path.stat().st_size,
        "reference_bytes": reference.stat().st_size,
        "resident_mb": resident_mb(path),
        "reference_resident_mb": resident_mb(reference),
    }


def faces_of(sources: Iterable[Path]) -> Iterator[tuple[Luma, Box]]:
    """Yield every face that dlib's detector finds in clips, pictures or folders of pictures.

    Each with the picture (H, W) that its box is in.
    """
    detector, options = HogDetector(), Vision()
    for source in sources:
        with open_camera(Camera(source=f"file:{source}")) as camera:
            for frame in camera:
                luma = rescale(frame.luma, min(1, PICTURE_PX / max(frame.luma.shape)))
                found = find_whole(
                    detector, luma, min_face_px=MIN_FACE_PX, threshold=options.threshold
                )
                yield from ((luma, one.box) for one in found)


def percent_of_ipd(points: Points, reference: Points) -> tuple[float, float]:
    """Return the mean error of the 68 points and of the alignment's five, in % of the IPD."""
    five, wanted = five_points(points), five_points(reference)
    unit = max(float(np.hypot(*(wanted[1] - wanted[0]))), 1e-9) / 100
    distances = [np.hypot(*(points - reference).T), np.hypot(*(five - wanted).T)]
    return float(distances[0].mean()) / unit, float(distances[1].mean()) / unit


def resident_mb(path: Path) -> float:
    """Return the memory that loading a landmark file adds, in 10⁶ bytes; 0 without /proc."""
    done = subprocess.run(
        [sys.executable, "-c", _RESIDENT, str(path)], capture_output=True, text=True, check=True
    )
    return round(float(done.stdout), 1)


def drawn_face() -> tuple[Luma, Box]:
    """Return a face drawn with ellipses (200, 200) and its box."""
    side = 200
    rows, columns = np.mgrid[:side, :side] / side
    luma = np.full((side, side), 90, np.uint8)
    ellipses = (
        (0.50, 0.52, 0.30, 0.40, 190),
        (0.37, 0.38, 0.09, 0.015, 70),
        (0.63, 0.38, 0.09, 0.015, 70),
        (0.38, 0.45, 0.06, 0.03, 235),
        (0.62, 0.45, 0.06, 0.03, 235),
        (0.38, 0.45, 0.028, 0.028, 40),
        (0.62, 0.45, 0.028, 0.028, 40),
        (0.50, 0.60, 0.05, 0.02, 130),
        (0.50, 0.74, 0.12, 0.03, 110),
    )
    for x, y, wide, high, value in ellipses:
        luma[((columns - x) / wide) ** 2 + ((rows - y) / high) ** 2 <= 1] = value
    return luma, Box(37, 51, 126, 126)


def _difference_on_drawing(draft: Landmarker, source: Landmarker) -> float:
    """Return the difference in percent of the IPD.

    Raises:
        ModelError: the difference is so large that the draft must be wrong.
    """
    luma, box = drawn_face()
    difference, _ = percent_of_ipd(draft.locate(luma, box), source.locate(luma, box))
    if not difference < WRONG_PERCENT:
        raise ModelError(f"{source.path}: its first cascades differ by {difference:.0f} % of IPD")
    return difference


def _measure(
    sides: tuple[Landmarker, Landmarker], luma: Luma, box: Box, order: tuple[int, int]
) -> tuple[float, float, NDArray[np.float64]]:
    """Return both errors and the seconds (2,); each side is called once, on a new frame."""
    points: list[Points] = [np.empty(0, np.float32)] * 2

    def locate(side: int) -> None:
        points[side] = sides[side].locate(luma, box)

    calls: list[Callable[[], None]] = [partial(locate, side) for side in order]
    seconds = interleave(calls, warm_ups=0, rounds=1)[0]
    return *percent_of_ipd(points[0], points[1]), seconds[list(order)]


def _summary(percents: NDArray[np.float64]) -> dict[str, float]:
    return {
        "mean_percent": round(float(percents.mean()), 2),
        "p95_percent": round(float(np.percentile(percents, 95)), 2),
    }
