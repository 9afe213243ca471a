"""What is counted: the real pipelines on frames that are ready in memory.

    python work.py FRAMES.npz

Runs under whatever counts, on whatever CPU. Before and after each phase it calls getpriority(2),
which nothing else in the process calls: there the counter notes what it has. Of FRAMES.npz,
`face` and `empty` are (N, H, W) uint8 luma. Prints a line of JSON: what stood in the way of two
counts being comparable, and how many faces each phase followed.
"""

import itertools
import json
import os
import platform
import sys
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_fer.build import build_classifier, build_naive, build_pipeline
from edge_fer.config.load import load
from edge_fer.config.settings import Settings
from edge_fer.emotion.classify import Classifier
from edge_fer.pipeline import Pipeline
from edge_fer.types import Frame

FPS = 30.0

Build = Callable[[Settings, Classifier], Pipeline]

PHASES: dict[str, tuple[Build, str, int, int]] = {
    "one face": (build_pipeline, "face", 30, 60),
    "no face": (build_pipeline, "empty", 30, 900),
    "naive": (build_naive, "face", 1, 4),
}
"""Who sees which frames; how many first, and how many are counted.

No face: as long as vision.still_s, in which each part of a still picture is scanned once."""

LIBRARIES = (
    "numpy",
    "onnxruntime",
    "dlib-bin",
    "opencv-python-headless",
    "msgspec",
    "paho-mqtt",
)
"""What the process needs to run."""


def main(scenes: Path) -> None:
    """Run every phase."""
    with np.load(scenes) as found:
        frames = dict(found)
    settings = load(None, ["privacy.acknowledge_use=research", "model.compiled=off"], {})
    classifier = build_classifier(settings)
    builds: tuple[Build, ...] = (build_pipeline, build_naive)
    sides = {build: build(settings, classifier) for build in builds}
    faces = {}
    for name, (build, scene, first, counted) in PHASES.items():
        stream, pipeline = _stream(frames[scene]), sides[build]
        _play(pipeline, itertools.islice(stream, first))
        _mark()
        followed = _play(pipeline, itertools.islice(stream, counted))
        _mark()
        pipeline.finish(0.0)
        faces[name] = followed / counted
    print(json.dumps({"versions": versions(classifier), "faces": faces}))


def _stream(luma: NDArray[np.uint8]) -> Iterator[Frame]:
    """Frames without end; after the last picture comes the first."""
    for number in itertools.count():
        time = number / FPS
        yield Frame(luma[number % len(luma)], number, time, time)


def _play(pipeline: Pipeline, frames: Iterable[Frame]) -> int:
    return sum(len(pipeline.process(frame).verdicts) for frame in frames)


def _mark() -> None:
    os.getpriority(os.PRIO_PROCESS, 0)


def versions(classifier: Classifier) -> dict[str, str]:
    """What has a part in the count beside our own code."""
    libraries = {name: version(name) for name in LIBRARIES}
    own = {"model": classifier.card.name, "libc": platform.libc_ver()[1]}
    return {"python": platform.python_version(), **own, **libraries}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
