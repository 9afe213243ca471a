"""HOG, YuNet and trained files on the same held-out scenes, through the detector contract.

    EDGE_FER_DATA=... python -m training.detector.compare [MODEL.onnx ...] --yunet YUNET.onnx

The teaching boxes and backgrounds must be cached. The boxes come from YuNet and HOG, so what
both miss is not counted.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from edge_fer.emotion.card import sha256_of
from edge_fer.vision.detector import Detector
from edge_fer.vision.dlib_hog import HogDetector
from edge_fer.vision.scan import find_whole
from edge_fer.vision.yunet import YuNetDetector
from training.command import answer
from training.detector.backgrounds import backgrounds
from training.detector.faces import portraits
from training.detector.geometry import floats
from training.detector.measure import KINDS, Counts, count, scene_sets
from training.detector.mosaic import Mosaics, Scene
from training.detector.pictures import SOURCES, data_folder, read_pictures, runs_folder
from training.detector.prepare import SHARES, teaching
from training.detector.runtime import SMALLEST_PX, CnnDetector


def main() -> int:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(description="Compare detectors on held-out scenes.")
    parser.add_argument("models", nargs="*", type=Path)
    parser.add_argument("--yunet", type=Path, required=True)
    parser.add_argument("--scenes", type=int, default=150, help="scenes of each kind")
    return answer(lambda: report(parser.parse_args()))


def report(arguments: argparse.Namespace) -> None:
    """Print recall and boxes without a face, by detector and set of scenes."""
    data, runs = data_folder(), runs_folder()
    held = [
        portraits(read_pictures(source, data), teaching(source, data, runs, None, 1))[1]
        for source in SOURCES
    ]
    fields = backgrounds(runs, None)[1]
    sets = scene_sets(lambda options: Mosaics(held, SHARES, fields, options), arguments.scenes)
    detectors: dict[str, Detector] = {
        "hog": HogDetector(),
        "yunet": YuNetDetector(str(arguments.yunet), sha256_of(arguments.yunet)),
        **{model.stem: CnnDetector(model) for model in arguments.models},
    }
    print("| detector |", " | ".join(KINDS), "|")
    print("|", " | ".join(["---"] * (1 + len(KINDS))), "|")
    for name, detector in detectors.items():
        rows = [found(detector, sets[kind]) for kind in KINDS]
        cells = [
            f"{100 * row['recall']:.1f} %, {row['wrong']:.0f} wrong"
            if row["faces"]
            else f"{row['wrong']:.0f} wrong"
            for row in rows
        ]
        print(f"| {name} |", " | ".join(cells), "|", flush=True)


def found(detector: Detector, scenes: list[Scene], threshold: float = 0.0) -> dict[str, float]:
    """Return what a detector finds when each scene is scaled to its smallest face."""
    counts = Counts()
    for scene in scenes:
        seen = find_whole(detector, scene.luma, min_face_px=SMALLEST_PX, threshold=threshold)
        boxes = [
            (
                one.box.left + one.box.width / 2,
                one.box.top + one.box.height / 2,
                (one.box.width + one.box.height) / 2,
            )
            for one in seen
        ]
        answer_of = (
            floats(boxes).reshape(-1, 3),
            floats([one.score for one in seen]),
            np.zeros((len(seen), 5, 2), np.float32),
        )
        count(answer_of, scene, counts)
    return counts.record()


if __name__ == "__main__":
    sys.exit(main())
