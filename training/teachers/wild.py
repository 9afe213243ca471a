"""Cut the faces of the in-the-wild training photographs with the run-time aligner.

``python -m training.teachers.wild --yunet FILE --yunet-sha256 SUM`` reads inthewild.npz in
``$EDGE_FER_DATA`` and writes wild.npz to the folder of runs: ``chips`` (N, 64, 64) uint8,
``picture`` (N,) the index of the photograph, ``label`` (N,) its label or -1, and ``found`` (N,)
the detectors: 1 HOG, 2 YuNet, 3 both. Photographs without a face are skipped; if there are
several faces, the largest is used.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_fer.emotion.card import Framing
from edge_fer.errors import DataError
from edge_fer.types import Box, Detection, Luma, Points
from edge_fer.vision.dlib_hog import HogDetector
from edge_fer.vision.landmarks import Aligner, Landmarker, five_points
from edge_fer.vision.yunet import YuNetDetector
from training.command import answer
from training.data import data_path
from training.teachers.weights import runs

SIZE = 64
FILE = "wild.npz"
HOG, YUNET = 1, 2
SAME = 0.35
"""Minimum intersection over union of two boxes of the same face."""
DOUBT = -0.3
"""Minimum HOG score of a face that YuNet detects too."""
EYES = 0.15
"""Minimum distance of the eye centres in plausible landmarks, in sides of the box."""


class FaceCutter:
    """Detect the largest face of a photograph with both detectors and cut its chip."""

    def __init__(self, yunet: YuNetDetector, *, landmarks: str = "") -> None:
        self._yunet, self._hog = yunet, HogDetector(upsample=1)
        self._landmarker = Landmarker(landmarks)
        self._aligner = Aligner(Framing().points, SIZE)

    def cut(self, photo: Luma) -> tuple[Luma, int] | None:
        """Return the chip (64, 64) and the detectors of the face; None if there is no face."""
        found = largest(self._hog.find(photo, DOUBT), self._yunet.find(photo, 0.0))
        if found is None:
            return None
        box, who = found
        points = self._landmarker.locate(photo, box)
        return (self._aligner.chip(photo, points), who) if possible(points, box) else None


def largest(hog: list[Detection], yunet: list[Detection]) -> tuple[Box, int] | None:
    """Return the largest face and its detectors; two boxes of one face are averaged."""
    faces: list[tuple[Box, int]] = []
    alone = [one for one in hog if one.score > 0]
    for one in yunet:
        twin = next((other for other in hog if overlap(one.box, other.box) > SAME), None)
        alone = [other for other in alone if overlap(one.box, other.box) <= SAME]
        faces.append((one.box, YUNET) if twin is None else (_mean(one.box, twin.box), HOG | YUNET))
    faces += [(one.box, HOG) for one in alone]
    return max(faces, key=lambda face: face[0].width, default=None)


def overlap(one: Box, other: Box) -> float:
    """Return the intersection over union of two boxes."""
    width = min(one.left + one.width, other.left + other.width) - max(one.left, other.left)
    height = min(one.top + one.height, other.top + other.height) - max(one.top, other.top)
    shared = max(width, 0) * max(height, 0)
    return shared / (one.width * one.height + other.width * other.height - shared)


def _mean(one: Box, other: Box) -> Box:
    return Box(
        (one.left + other.left) // 2,
        (one.top + other.top) // 2,
        (one.width + other.width) // 2,
        (one.height + other.height) // 2,
    )


def possible(points: Points, box: Box) -> bool:
    """Return True if the eyes of landmarks (68, 2) are above the mouth and far enough apart."""
    eyes, mouth = five_points(points)[:2], five_points(points)[3:]
    apart = float(np.hypot(*(eyes[1] - eyes[0]))) / box.width
    return apart > EYES and float(eyes[:, 1].mean()) < float(mouth[:, 1].mean())


def photos(path: Path) -> Iterator[Luma]:
    """Yield the photographs of ``path`` in order."""
    with np.load(path) as arrays:
        content, ends = arrays["webp"], arrays["ends"]
    for start, end in zip([0, *ends[:-1]], ends, strict=True):
        yield np.asarray(cv2.imdecode(content[start:end], cv2.IMREAD_GRAYSCALE), np.uint8)


def source() -> Path:
    """Return the path of the photographs.

    Raises:
        DataError: there is no such file.
    """
    place = data_path()
    path = (place if place.is_dir() else place.parent) / "inthewild.npz"
    if not path.exists():
        raise DataError(f"{path}: no such file")
    return path


def write_wild(cutter: FaceCutter, path: Path, *, limit: int | None = None) -> None:
    """Cut the faces of all photographs, or of the first ``limit``, and write them to ``path``."""
    with np.load(source()) as arrays:
        labels = arrays["label"]
    chips: list[Luma] = []
    rows: list[tuple[int, int, int]] = []
    for number, photo in enumerate(photos(source())):
        if number == limit:
            break
        cut = cutter.cut(photo)
        if cut is not None:
            chips.append(cut[0])
            rows.append((number, int(labels[number]), cut[1]))
    table: NDArray[np.int64] = np.array(rows, np.int64).reshape(-1, 3)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    with part.open("wb") as file:
        np.savez_compressed(
            file,
            chips=np.array(chips, np.uint8),
            picture=table[:, 0].astype(np.uint16),
            label=table[:, 1].astype(np.int8),
            found=table[:, 2].astype(np.uint8),
        )
    part.replace(path)


def main() -> int:
    """Run from the command line and return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--yunet", required=True, metavar="FILE")
    parser.add_argument("--yunet-sha256", required=True, metavar="SUM")
    parser.add_argument("--limit", type=int, metavar="PHOTOGRAPHS")
    return answer(lambda: _write_and_tell(parser.parse_args()))


def _write_and_tell(arguments: argparse.Namespace) -> None:
    cutter = FaceCutter(YuNetDetector(arguments.yunet, arguments.yunet_sha256))
    path = runs() / FILE
    write_wild(cutter, path, limit=arguments.limit)
    with np.load(path) as arrays:
        found = np.bincount(arrays["found"], minlength=4)
    print(f"{found.sum()} faces: {found[3]} by both, {found[2]} by YuNet, {found[1]} by HOG alone")


if __name__ == "__main__":
    sys.exit(main())
