"""What the quality figures tell apart and what abstaining buys, on FER-2013 and on clips.

    python -m research.quality FER2013.npz [--yunet YUNET.onnx] [CLIP ...]

Prints the tables of docs/background/quality.md and renews them there. Clips: those of
$EDGE_FER_MEDIA by default.
Crops are enlarged as in `edge_fer/evaluation/chips.py`; options are the daemon's defaults.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from docs.pages import fill, media_clips, table
from edge_fer.cameras import open_camera
from edge_fer.config.settings import Camera, Settings
from edge_fer.emotion.card import Framing, sha256_of
from edge_fer.emotion.classify import Classifier
from edge_fer.errors import EdgeFerError
from edge_fer.evaluation.chips import BORDER, SIDE
from edge_fer.evaluation.dataset import Dataset, by_majority, load
from edge_fer.types import Luma, Outcome, Points, Quality
from edge_fer.vision.detector import Detector
from edge_fer.vision.dlib_hog import HogDetector
from edge_fer.vision.landmarks import Aligner, Landmarker
from edge_fer.vision.pixels import resize_square
from edge_fer.vision.quality import assess, reject
from edge_fer.vision.scan import find_whole
from edge_fer.vision.yunet import YuNetDetector
from research.occlusions import KINDS

PAGE: Final = Path(__file__).resolve().parents[1] / "docs" / "background" / "quality.md"
MODEL: Final = PAGE.parents[1] / "models" / "ultralight-ferplus-p30-int8.onnx"

CROPS, HARDER_FROM = 1600, 250
"""Crops that are used, and of how many of them harder ones are made."""

SMALLEST_PX: Final = 80
"""Smallest face looked for in an enlarged crop, where most are about 160 px wide."""

OPTIONS: Final = Settings()
FRAMING: Final = Framing().points

REFUSALS: Final = (
    Outcome.TINY,
    Outcome.TILTED,
    Outcome.TURNED,
    Outcome.BLURRED,
    Outcome.COVERED,
)

BINS: Final[dict[str, tuple[float, ...]]] = {
    "ipd_px": (0, 5, 6, 8, 10, 14, 100),
    "roll_deg": (0, 15, 25, 35, 45, 180),
    "turn": (0, 0.2, 0.4, 0.6, 0.8, 1),
    "sharpness": (0, 0.2, 0.22, 0.25, 0.3, 0.6, 3),
    "cover": (0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 1),
}

Row = Sequence[str]


class Face(NamedTuple):
    """One that was found in a crop."""

    kind: str
    quality: Quality
    why: Outcome | None
    right: bool
    """The model's strongest label is the true one."""


class Found(NamedTuple):
    """All faces, and the number of crops by kind."""

    faces: list[Face]
    crops: dict[str, int]


def main() -> int:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(description="Measure the quality figures.")
    parser.add_argument("data", type=Path, metavar="FER2013.npz")
    parser.add_argument("--yunet", type=Path, metavar="YUNET.onnx")
    parser.add_argument("clips", nargs="*", type=Path, metavar="CLIP")
    arguments = parser.parse_args()
    try:
        clips = arguments.clips or media_clips("mkv", "gif")
        data = by_majority(load(arguments.data, "public"))
        finders: dict[str, Detector] = {"HOG": HogDetector()}
        if arguments.yunet:
            finders["YuNet"] = YuNetDetector(str(arguments.yunet), sha256_of(arguments.yunet))
        found = {name: search(data, finder) for name, finder in finders.items()}
        text = "\n\n".join(
            [
                *(f"Found by {name}:\n\n{by_kind(one)}" for name, one in found.items()),
                by_figure([face for one in found.values() for face in one.faces]),
                by_clip(clips, finders),
            ]
        )
    except (EdgeFerError, OSError) as error:
        print(f"quality: {error}", file=sys.stderr)
        return 1
    fill(PAGE, "quality", text)
    print(text)
    return 0


def search(data: Dataset, detector: Detector) -> Found:
    """All crops as they are, and some of them made harder, through detector and model."""
    locate = _locator(detector)
    aligner, classifier = Aligner(FRAMING, 48), Classifier(MODEL)
    chips: list[Luma] = []
    told: list[tuple[str, Quality, str]] = []
    crops: dict[str, int] = dict.fromkeys(("untouched", *KINDS), 0)
    for kind, picture, label in _crops(data, locate):
        crops[kind] += 1
        points = locate(picture)
        if points is not None:
            chips.append(aligner.chip(picture, points))
            told.append((kind, assess(points, chips[-1], FRAMING), label))
    best = [
        max(scores, key=lambda name: scores[name])
        for start in range(0, len(chips), 256)
        for scores in classifier.classify(chips[start : start + 256])
    ]
    faces = [
        Face(kind, quality, reject(quality, OPTIONS.quality), label == said)
        for (kind, quality, label), said in zip(told, best, strict=True)
    ]
    return Found(faces, crops)


def _crops(
    data: Dataset, locate: Callable[[Luma], Points | None]
) -> Iterator[tuple[str, Luma, str]]:
    """Kind, crop and true label; harder ones of the first whose face is found untouched."""
    order = np.random.RandomState(0).permutation(len(data))[:CROPS]
    for place, number in enumerate(order):
        picture, label = data.images[number], data.names[data.labels[number]]
        yield "untouched", picture, label
        points = locate(picture) if place < HARDER_FROM else None
        if points is not None:
            for kind, harder in KINDS.items():
                yield kind, harder(picture, points, np.random.RandomState(number)), label


def _locator(detector: Detector) -> Callable[[Luma], Points | None]:
    """Gives the landmarks (68, 2) in px of a crop (H, H), None where the detector is blind."""
    landmarker = Landmarker()

    def locate(picture: Luma) -> Points | None:
        scene = np.pad(resize_square(picture, SIDE), BORDER, mode="edge")
        found = find_whole(
            detector, scene, min_face_px=SMALLEST_PX, threshold=OPTIONS.vision.threshold
        )
        if not found:
            return None
        points = landmarker.locate(scene, found[0].box) - BORDER + 0.5
        return np.asarray(points * (picture.shape[0] / SIDE) - 0.5, np.float32)

    return locate


def by_kind(found: Found) -> str:
    """Return a Markdown table of the outcomes of each kind of face."""
    rows: list[Row] = [
        (
            "crops",
            "n",
            "found",
            *(f"`{why.name}`" for why in REFUSALS),
            "refused",
            "right where read",
            "right where refused",
        ),
        ("---",) * 11,
    ]
    for kind, crops in found.crops.items():
        faces = [face for face in found.faces if face.kind == kind]
        read = [face.right for face in faces if face.why is None]
        refused = [face.right for face in faces if face.why is not None]
        shares = [_share([face.why is why for face in faces]) for why in REFUSALS]
        rows.append(
            (
                kind,
                str(crops),
                _share([True] * len(faces) + [False] * (crops - len(faces))),
                *shares,
                _share([face.why is not None for face in faces]),
                _share(read),
                _share(refused),
            )
        )
    return table(rows)


def by_figure(faces: Sequence[Face]) -> str:
    """How often the model is right in each range of each figure, as a Markdown table."""
    rows: list[Row] = [("figure", "from", "to", "faces", "right"), ("---",) * 5]
    for name, edges in BINS.items():
        values = np.abs([getattr(face.quality, name) for face in faces])
        right = np.array([face.right for face in faces])
        for low, high in itertools.pairwise(edges):
            take = (values >= low) & ((values < high) | (high == edges[-1]))
            rows.append(
                (f"`{name}`", f"{low:g}", f"{high:g}", str(take.sum()), _share(right[take]))
            )
    return f"All of these faces, by one figure at a time:\n\n{table(rows)}"


def by_clip(clips: Sequence[Path], finders: dict[str, Detector]) -> str:
    """Each figure's range over the faces of each clip, and what is refused, as a table."""
    rows: list[Row] = [
        ("clip", "detector", "faces", *(f"`{name}`" for name in BINS), "refused"),
        ("---",) * 9,
    ]
    landmarker, aligner = Landmarker(), Aligner(FRAMING, 48)
    for clip in clips:
        with open_camera(Camera(source=f"file:{clip}")) as camera:
            frames = [frame.luma for frame in camera]
        for name, finder in finders.items():
            seen = []
            for luma in frames:
                for one in find_whole(finder, luma, min_face_px=60, threshold=0.0):
                    points = landmarker.locate(luma, one.box)
                    seen.append(assess(points, aligner.chip(luma, points), FRAMING))
            rows.append((f"`{clip.name}`", name, str(len(seen)), *_ranges(seen)))
    return (
        f"Frames of clips; the least, the middle and the largest of each figure:\n\n{table(rows)}"
    )


def _ranges(seen: Sequence[Quality]) -> Iterator[str]:
    for name in BINS:
        values = np.abs([getattr(quality, name) for quality in seen])
        places = 0 if name in ("ipd_px", "roll_deg") else 2
        quantiles = np.percentile(values, (0, 50, 100)) if seen else ()
        yield " / ".join(f"{value:.{places}f}" for value in quantiles) or "-"
    why = [reject(quality, OPTIONS.quality) for quality in seen]
    yield ", ".join(f"{why.count(one)} `{one.name}`" for one in REFUSALS if one in why) or "none"


def _share(flags: Sequence[bool] | NDArray[np.bool_]) -> str:
    return f"{100 * np.mean(flags):.1f} %" if len(flags) else "-"


if __name__ == "__main__":
    sys.exit(main())
