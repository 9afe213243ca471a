"""What the network costs against HOG and YuNet, in turn on the same frame; CPU of one thread.

    python -m training.detector.speed [MODEL.onnx ...] --yunet YUNET.onnx --picture PICTURE

Without a model it exports untrained networks of several shapes and takes those, so that a shape
can be chosen before it is trained. Each detector gets the picture scaled to its smallest face,
for faces of 60 px in 640x480.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from edge_fer.bench.models import ratio
from edge_fer.config.settings import Vision
from edge_fer.emotion.card import sha256_of
from edge_fer.types import Luma
from edge_fer.vision.detector import Detector
from edge_fer.vision.dlib_hog import HogDetector
from edge_fer.vision.scan import find_whole
from edge_fer.vision.yunet import YuNetDetector
from training.command import answer
from training.detector.drawings import drawing
from training.detector.export import export, quantize
from training.detector.net import FaceNet, Shape, multiplications, parameters
from training.detector.runtime import CnnDetector

SHAPES: Final = {
    "default": Shape(),
    "narrow": Shape(quarter=24, width=48, neck=32),
    "shallow": Shape(depths=(0, 2, 2, 2)),
    "wide neck": Shape(depths=(1, 2, 3, 2), neck=64),
}

FRAME: Final = (480, 640)
ROUNDS: Final = 30
NEAR: Final = 1.7
"""Side of a followed face's surroundings in terms of the face."""


def main() -> int:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(description="Time face detectors in turn.")
    parser.add_argument("models", nargs="*", type=Path)
    parser.add_argument("--yunet", type=Path, required=True)
    parser.add_argument("--picture", type=Path, required=True)
    return answer(lambda: report(parser.parse_args()))


def report(arguments: argparse.Namespace) -> None:
    """Print one line for each detector: its cost as a share of HOG's."""
    torch.set_num_threads(1)
    picture = cv2.imread(str(arguments.picture), cv2.IMREAD_GRAYSCALE)
    if picture is None:
        raise SystemExit(f"{arguments.picture}: cannot be read")
    frame = np.asarray(cv2.resize(picture, FRAME[::-1], interpolation=cv2.INTER_AREA), np.uint8)
    detectors: dict[str, Detector] = {
        "hog": HogDetector(),
        "yunet": YuNetDetector(str(arguments.yunet), sha256_of(arguments.yunet)),
    }
    with tempfile.TemporaryDirectory() as folder:
        models = arguments.models or untrained(Path(folder))
        detectors |= {model.stem: CnnDetector(model) for model in models}
    whole = timed({name: _whole(one, frame) for name, one in detectors.items()})
    near = timed({name: _near(one, frame) for name, one in detectors.items()})
    for name in detectors:
        shares = [ratio(np.stack([rows[name], rows["hog"]], 1)) for rows in (whole, near)]
        times = " and ".join(f"{1e3 * np.median(rows[name]):.2f}" for rows in (whole, near))
        print(f"{name}: whole frame {shares[0]}, near a face {shares[1]} of HOG's; {times} ms")


def untrained(folder: Path) -> list[Path]:
    """Export `SHAPES` with drawn weights as fp32 and INT8, and print what they hold."""
    draw, models = np.random.default_rng(0), []
    pictures = [drawing((160, 192), draw) for _ in range(8)]
    for name, shape in SHAPES.items():
        net = FaceNet(shape)
        fp32 = export(net, folder / f"{name}-fp32.onnx")
        models += [fp32, quantize(fp32, folder / f"{name}-int8.onnx", pictures)]
        macs = multiplications(net, (192, 256)) / 1e6
        sizes = " and ".join(f"{model.stat().st_size}" for model in models[-2:])
        print(
            f"{name}: {parameters(net)} parameters, {macs:.1f} million multiplications on "
            f"256x192, files of {sizes} bytes"
        )
    return models


def timed(calls: dict[str, Callable[[], object]]) -> dict[str, NDArray[np.float64]]:
    """Return CPU seconds (`ROUNDS`,) of each call, taken in turn."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS + 1):
        for name, call in calls.items():
            started = time.thread_time()
            call()
            seconds[name].append(time.thread_time() - started)
    return {name: np.array(rows[1:]) for name, rows in seconds.items()}


def _whole(detector: Detector, frame: Luma) -> Callable[[], object]:
    least = Vision().min_face_px
    return lambda: find_whole(detector, frame, min_face_px=least, threshold=0.0)


def _near(detector: Detector, frame: Luma) -> Callable[[], object]:
    side = round(NEAR * detector.zoom * detector.smallest_px)
    part = np.asarray(cv2.resize(frame[:300, :300], (side, side)), np.uint8)
    return lambda: detector.find(part, 0.0)


if __name__ == "__main__":
    sys.exit(main())
