"""Train the face detector from the data files to ONNX; goes on where it stopped.

    EDGE_FER_DATA=... python -m training.detector --yunet YUNET.onnx

Writes caches, checkpoint and ONNX files to $EDGE_FER_RUNS (runs/detector without it). A GPU is
used where there is one. YuNet's file is needed only until the teaching boxes and backgrounds
are cached.
"""

import argparse
import os
import sys
from pathlib import Path

import cv2
import numpy as np
import torch

from training.command import answer
from training.detector.backgrounds import backgrounds
from training.detector.export import export, quantize
from training.detector.faces import Portrait, portraits
from training.detector.fit import Plan, Training
from training.detector.measure import scene_sets
from training.detector.mosaic import Mosaics, Options
from training.detector.net import Shape
from training.detector.pictures import SOURCES, data_folder, read_pictures, runs_folder
from training.detector.prepare import SHARES, teaching
from training.detector.weights import load_weights, save_weights

SCENES = 100
"""Of each set that every epoch is measured on."""

CALIBRATION = 96
"""Scenes on which the INT8 file is calibrated."""


def main() -> int:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description="Train the face detector.")
    parser.add_argument("--yunet", type=Path, help="YuNet's .onnx file, the teacher")
    parser.add_argument("--jobs", type=int, default=1, help="processes that make teaching boxes")
    parser.add_argument("--workers", type=int, help="processes that draw scenes")
    parser.add_argument("--epochs", type=int, default=Plan().epochs)
    parser.add_argument("--begin", type=Path, help="weights (.npz) to start from")
    parser.add_argument("--save", type=Path, help="only write the checkpoint's weights there")
    return answer(lambda: run(parser.parse_args()))


def run(arguments: argparse.Namespace) -> None:
    """Do what is missing."""
    cv2.setNumThreads(1)
    runs, plan = runs_folder(), Plan(epochs=arguments.epochs)
    training = Training(runs, plan, Shape(), say)
    if arguments.save:
        save_weights(training.average, arguments.save)
        say(
            f"{arguments.save}: {arguments.save.stat().st_size} bytes, "
            f"{len(training.history)} epochs"
        )
        return
    if arguments.begin:
        training.begin_with(load_weights(arguments.begin))
    sources, data = [], data_folder()
    for source in SOURCES:
        table = teaching(source, data, runs, arguments.yunet, arguments.jobs, say)
        sources.append(portraits(read_pictures(source, data), table))
    fields, held = backgrounds(runs, arguments.yunet, say)
    train = Mosaics([one for one, _ in sources], SHARES, fields)
    valid: list[list[Portrait]] = [one for _, one in sources]
    sets = scene_sets(lambda options: Mosaics(valid, SHARES, held, options), SCENES)
    workers = arguments.workers
    if workers is None:
        workers = max(1, (os.cpu_count() or 2) - 1)
    net = training.run(train, sets, workers)
    fp32 = export(net, runs / "detector-fp32.onnx")
    draw = np.random.default_rng(9)
    drawn = Mosaics([one for one, _ in sources], SHARES, fields, Options())
    pictures = [drawn.scene((160, 192), draw).luma for _ in range(CALIBRATION)]
    quantize(fp32, runs / "detector-int8.onnx", pictures)


def say(text: str) -> None:
    """Print at once, so that a log can be watched."""
    print(text, flush=True)


if __name__ == "__main__":
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    sys.exit(main())
