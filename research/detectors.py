"""Both face detectors on the same clips: what each finds, what it costs, from which size on.

    python -m research.detectors YUNET.onnx [CLIP ...]

Without clips, takes those of the folder $EDGE_FER_MEDIA and renews the tables of
docs/background/detectors.md. CPU time is given as a ratio of both, interleaved. No frame is kept.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from docs.pages import fill, media_clips, table
from edge_fer.bench.models import ratio
from edge_fer.cameras import open_camera
from edge_fer.config.settings import Camera, Vision
from edge_fer.emotion.card import sha256_of
from edge_fer.errors import EdgeFerError
from edge_fer.types import Box, Luma
from edge_fer.vision.detector import Detector
from edge_fer.vision.dlib_hog import HogDetector
from edge_fer.vision.landmarks import Landmarker
from edge_fer.vision.pixels import rescale
from edge_fer.vision.scan import find_whole, scaled_box
from edge_fer.vision.search import NEAR
from edge_fer.vision.yunet import YuNetDetector
from training.landmarks.compare import percent_of_ipd

PAGE = Path(__file__).resolve().parents[1] / "docs" / "background" / "detectors.md"

FRAMES = 120
"""Of a clip at most, spread evenly."""

MIN_FACE_PX = Vision().min_face_px
FINE_PX = MIN_FACE_PX // 2
"""Smallest face looked for in the measured pass, and in the pass that says which there are."""

SAME = 0.4
"""IoU of two boxes of one face."""

SIZES = (0.5, 0.625, 0.75, 0.875, 1.0, 1.25, 1.5)
"""Of a face, in terms of the detector's smallest."""

ALL = "all"
"""Name of the last row."""

EVERY = 4
"""Faces of each so many-th frame are tried in all sizes."""


class Seen(NamedTuple):
    """One frame, by both detectors."""

    luma: Luma
    faces: list[Box]
    """That either finds in the fine pass."""
    found: tuple[list[Box], list[Box]]
    seconds: tuple[float, float]
    """CPU time of the measured pass."""


def main() -> int:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(description="Compare HOG and YuNet on clips.")
    parser.add_argument("model", type=Path, metavar="YUNET.onnx")
    parser.add_argument("clips", nargs="*", type=Path, metavar="CLIP")
    arguments = parser.parse_args()
    try:
        clips = arguments.clips or media_clips("mkv", "gif", "mp4")
        yunet = YuNetDetector(str(arguments.model), sha256_of(arguments.model))
        seen = {clip.name: list(look(clip, (HogDetector(), yunet))) for clip in clips}
        text = "\n\n".join([by_clip(seen), boxes(seen), by_size(seen, (HogDetector(), yunet))])
    except (EdgeFerError, OSError) as error:
        print(f"detectors: {error}", file=sys.stderr)
        return 1
    if not arguments.clips:
        fill(PAGE, "detectors", text)
    print(text)
    return 0


def look(clip: Path, detectors: Sequence[Detector]) -> Iterator[Seen]:
    """Both detectors in turn on up to `FRAMES` frames."""
    with open_camera(Camera(source=f"file:{clip}")) as camera:
        frames = [frame.luma for frame in camera]
    for number in np.unique(np.linspace(0, len(frames) - 1, FRAMES).astype(int)):
        luma = frames[number]
        found: list[list[Box]] = [[], []]
        seconds = [0.0, 0.0]
        for side in (0, 1) if number % 2 else (1, 0):
            started = time.process_time()
            found[side] = scan(detectors[side], luma, MIN_FACE_PX)
            seconds[side] = time.process_time() - started
        fine = [scan(detector, luma, FINE_PX) for detector in detectors]
        faces = fine[0] + [box for box in fine[1] if not matched(box, fine[0])]
        yield Seen(luma, faces, (found[0], found[1]), (seconds[0], seconds[1]))


def scan(detector: Detector, luma: Luma, face_px: int) -> list[Box]:
    """Faces of ``face_px`` or more, in px of the frame."""
    return [one.box for one in find_whole(detector, luma, min_face_px=face_px, threshold=0.0)]


def matched(box: Box, others: Iterable[Box]) -> bool:
    """One of the others is of the same face."""
    return any(box.iou(other) >= SAME for other in others)


def by_clip(seen: dict[str, list[Seen]]) -> str:
    """What each finds in each clip, and what it costs, as a Markdown table."""
    rows: list[Sequence[str]] = [
        (
            "clip",
            "frames",
            "faces",
            "HOG finds",
            "YuNet finds",
            "HOG's, no face",
            "YuNet's, no face",
            "CPU, YuNet / HOG",
        ),
        ("---",) * 8,
    ]
    everything = [one for frames in seen.values() for one in frames]
    for name, frames in [*seen.items(), (ALL, everything)]:
        faces = [(box, one) for one in frames for box in one.faces if box.width >= MIN_FACE_PX]
        shares, strays = [], []
        for side in (0, 1):
            hits = sum(matched(box, one.found[side]) for box, one in faces)
            shares.append(f"{100 * hits / len(faces):.0f} %" if faces else "-")
            boxes = ((box, one) for one in frames for box in one.found[side])
            strays.append(str(sum(not matched(box, one.faces) for box, one in boxes)))
        # Frames of different sizes have no common undisturbed time.
        cost = ratio(np.array([one.seconds[::-1] for one in frames])) if name != ALL else "-"
        shown = name if name == ALL else f"`{name}`"
        rows.append((shown, str(len(frames)), str(len(faces)), *shares, *strays, str(cost)))
    return table(rows)


def boxes(seen: dict[str, list[Seen]]) -> str:
    """How far landmarks depend on whose box they are located in, as a sentence."""
    landmarker = Landmarker()
    other, moved = [], []
    for one in (one for frames in seen.values() for one in frames):
        for hog in one.found[0]:
            for yunet in (box for box in one.found[1] if box.iou(hog) >= SAME):
                points = landmarker.locate(one.luma, hog)
                other.append(percent_of_ipd(landmarker.locate(one.luma, yunet), points)[0])
                near = Box(hog.left + round(0.05 * hog.width), hog.top, hog.width, hog.height)
                moved.append(percent_of_ipd(landmarker.locate(one.luma, near), points)[0])
    return (
        f"On {len(other)} faces that both find, landmarks located in YuNet's box differ from those "
        f"in HOG's by {np.median(other):.1f} % of the distance of the eyes (median; 95 of 100: "
        f"{np.percentile(other, 95):.1f} %). HOG's own box, moved by 5 % of its width, changes "
        f"them by {np.median(moved):.1f} % ({np.percentile(moved, 95):.1f} %)."
    )


def by_size(seen: dict[str, list[Seen]], detectors: Sequence[Detector]) -> str:
    """The share of faces found when scaled to each size, as a Markdown table."""
    picked = [one for frames in seen.values() for one in frames[::EVERY]]
    faces = [(one.luma, box) for one in picked for box in one.faces if _whole(box, one.luma)]
    rows: list[Sequence[str]] = [
        (
            "face / smallest",
            "HOG, px",
            "whole frame",
            "near it",
            "YuNet, px",
            "whole frame",
            "near it",
        ),
        ("---",) * 7,
    ]
    for size in SIZES:
        cells = [f"{size:g}"]
        for detector in detectors:
            px = size * detector.smallest_px
            whole = [_found(detector, luma, box, px, near=False) for luma, box in faces]
            near = [_found(detector, luma, box, px, near=True) for luma, box in faces]
            shares = [f"{100 * np.mean(hits):.0f} %" for hits in (whole, near)]
            cells += [f"{px:.0f}", *shares]
        rows.append(tuple(cells))
    return f"{len(faces)} faces of {MIN_FACE_PX} px and more, scaled:\n\n{table(rows)}"


def _whole(box: Box, luma: Luma) -> bool:
    frame = Box(0, 0, luma.shape[1], luma.shape[0])
    return box.width >= MIN_FACE_PX and box.overlap(frame) == box.area


def _found(detector: Detector, luma: Luma, face: Box, px: float, *, near: bool) -> bool:
    """The face is found when it is ``px`` wide, in the whole frame or in its surroundings."""
    left = top = 0
    if near:
        margin = round(NEAR * face.width)
        left, top = max(0, face.left - margin), max(0, face.top - margin)
        luma = luma[top : face.top + face.height + margin, left : face.left + face.width + margin]
    scale = px / face.width
    found = detector.find(rescale(luma, scale), 0.0)
    return matched(face, (scaled_box(one.box, 1 / scale, left, top) for one in found))


if __name__ == "__main__":
    sys.exit(main())
