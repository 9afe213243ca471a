"""Files that C and C++ libraries read: networks, videos and pictures, as the daemon opens them."""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_fer.cameras import open_camera
from edge_fer.config.settings import Camera
from edge_fer.emotion.card import find_model
from edge_fer.emotion.classify import Classifier
from edge_fer.opencv import silence_opencv
from tests.stress.fuzz.mutate import mutate
from tests.stress.fuzz.outcome import judge
from tests.stress.fuzz.parsers import CARD_WORDS, card_seeds

NAMES = ("onnx", "card and network", "video", "picture")
SIDES = 48, 64
VIDEOS = {"avi": "MJPG", "mkv": "mp4v", "mov": "MJPG", "mp4": "mp4v", "webm": "VP80"}
"""Container to the codec in it."""
PICTURES = ("bmp", "jpg", "pgm", "png", "tif", "webp")
MOST_FRAMES = 64
"""Frames to read; a damaged index may promise any number."""


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of file: its seeds by suffix, and what reads it."""

    seeds: dict[str, list[bytes]]
    read: Callable[[Path], object]
    words: Sequence[bytes] = ()

    def run(self, name: str, number: int, folder: Path) -> str:
        """Damage a seed, read it, and return the outcome."""
        suffix = sorted(self.seeds)[number % len(self.seeds)]
        file = folder / f"case.{suffix}"
        file.write_bytes(mutate(self.seeds[suffix], name, number, self.words))
        return judge(lambda: self.read(file))


def kind(name: str, folder: Path) -> Kind:
    """Return one of `NAMES`; its seeds are made in ``folder``."""
    silence_opencv()
    if name == "video":
        return Kind(_videos(folder), _play)
    if name == "picture":
        return Kind(_pictures(), _play)
    network = find_model("").read_bytes()
    if name == "onnx":
        return Kind({"onnx": [network]}, _with_card)
    (folder / "case.onnx").write_bytes(network)
    cards = card_seeds(hashlib.sha256(network).hexdigest())
    return Kind({"json": cards}, _classify, CARD_WORDS)


def with_card(model: Path) -> Path:
    """Write a card with the checksum of this file beside it."""
    card = json.loads(find_model("").with_suffix(".json").read_text())
    card |= {"name": model.stem, "sha256": hashlib.sha256(model.read_bytes()).hexdigest()}
    model.with_suffix(".json").write_text(json.dumps(card))
    return model


def _with_card(file: Path) -> object:
    return _classify(with_card(file))


def _classify(file: Path) -> object:
    """Open a model and classify as the daemon does."""
    classifier = Classifier(file.with_suffix(".onnx"))
    return classifier.classify([np.zeros((classifier.size,) * 2, np.uint8)] * 2)


def _moving() -> Iterator[NDArray[np.uint8]]:
    height, width = SIDES
    ramp = np.arange(height * width * 3, dtype=np.uint32) * 7 % 251
    for step in range(8):
        yield np.roll(ramp, step * 5).reshape(height, width, 3).astype(np.uint8)


def _videos(folder: Path) -> dict[str, list[bytes]]:
    """Return short clips, one for each container that OpenCV can write here."""
    found = {}
    for suffix, codec in VIDEOS.items():
        file = folder / f"seed.{suffix}"
        fourcc = cv2.VideoWriter.fourcc(*codec)
        video = cv2.VideoWriter(str(file), cv2.CAP_FFMPEG, fourcc, 15, SIDES[::-1])
        for picture in _moving():
            video.write(picture)
        video.release()
        if file.exists() and file.stat().st_size:
            found[suffix] = [file.read_bytes()]
    return found


def _pictures() -> dict[str, list[bytes]]:
    """Return the same picture in each format."""
    grey = next(_moving())[:, :, 0]
    return {suffix: [cv2.imencode(f".{suffix}", grey)[1].tobytes()] for suffix in PICTURES}


def _play(file: Path) -> int:
    """Play it as the file camera does; return the number of frames."""
    count = 0
    with open_camera(Camera(source=f"file:{file}")) as camera:
        for frame in camera:
            assert (frame.luma.dtype, frame.luma.ndim) == (np.dtype(np.uint8), 2), "not luma"
            count += 1
            if count == MOST_FRAMES:
                break
    return count
