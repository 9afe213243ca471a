"""Labelled face pictures: FER-2013 as npz or official csv, or one folder per label.

Reads `fer2013.npz`, `fer2013.csv` (with `fer2013new.csv`, the FER+ votes, beside it) and
class folders. It does not crop or align: the pictures are chips already.
"""

import csv
import dataclasses
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_fer.emotion.labels import FER2013_LABELS, LABELS
from edge_fer.errors import DataError
from edge_fer.measure.duplicates import copies
from edge_fer.vision.pixels import read_grey, resize_square

SPLITS = {"train": "Training", "public": "PublicTest", "private": "PrivateTest"}
"""Our names of the splits, and the official ones."""

FERPLUS_COLUMNS = (
    "neutral", "happiness", "surprise", "sadness", "anger",
    "disgust", "fear", "contempt", "unknown", "NF",
)  # fmt: skip
"""Vote columns of FER+ (Barsoum et al. 2016, arXiv 1608.01041), in the order of its csv."""

_FOLDER_NAMES = {
    "anger": "angry", "happiness": "happy", "sadness": "sad", "surprised": "surprise",
    "disgusted": "disgust", "fearful": "fear",
}  # fmt: skip


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class Dataset:
    """N labelled chips."""

    images: NDArray[np.uint8]
    """(N, H, W) luma."""
    labels: NDArray[np.uint8]
    """(N,) index into `edge_fer.emotion.labels.LABELS`."""
    ids: NDArray[np.int64]
    """(N,) number of the picture within its split."""
    duplicate: NDArray[np.bool_] | None
    """(N,) the picture is a copy of a training picture; None where unknown."""
    votes: NDArray[np.uint8] | None
    """(N, 10) FER+ votes in the order of `FERPLUS_COLUMNS`; None where unknown."""

    def __len__(self) -> int:
        return len(self.labels)


def load(path: Path, split: str) -> Dataset:
    """Read one split ("train", "public" or "private") of the data set at ``path``.

    Class folders have no splits of their own: ``path/<split>/<label>/*`` is taken where it
    exists, else ``path/<label>/*`` whatever the split.

    Raises:
        DataError: the path, the split or a file's content is not what it should be.
    """
    if split not in SPLITS:
        raise DataError(f"split = {split}: must be one of {', '.join(SPLITS)}")
    if not path.exists():
        raise DataError(f"{path}: no such file or folder")
    if path.is_dir():
        return _load_folders(path, split)
    try:
        return _load_csv(path, split) if path.suffix == ".csv" else _load_npz(path, split)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: cannot be read as FER-2013 ({error})") from error


def _load_npz(path: Path, split: str) -> Dataset:
    with path.open("rb") as file, np.load(file) as arrays:
        take = arrays["usage"] == list(SPLITS).index(split)
        return Dataset(
            images=arrays["images"][take],
            labels=arrays["label"][take],
            ids=arrays["id"][take],
            duplicate=arrays["duplicate"][take],
            votes=arrays["ferplus_votes"][take],
        )


def _load_csv(path: Path, split: str) -> Dataset:
    numbers, labels, images = _read_rows(path, split)
    votes = _read_votes(path.with_name("fer2013new.csv"))
    duplicate = None if split == "train" else copies(images, _read_rows(path, "train")[2])
    return Dataset(
        images=images,
        labels=np.array(labels, np.uint8),
        ids=np.arange(len(labels), dtype=np.int64),
        duplicate=duplicate,
        votes=None if votes is None else votes[numbers],
    )


def _read_rows(path: Path, split: str) -> tuple[list[int], list[int], NDArray[np.uint8]]:
    """Line numbers, labels and pictures (N, 48, 48) of one split."""
    with path.open(newline="") as file:
        rows = [
            (number, int(row["emotion"]), np.array(row["pixels"].split(), "U3").astype(np.uint8))
            for number, row in enumerate(csv.DictReader(file))
            if row.get("Usage") == SPLITS[split]
        ]
    if not rows:
        raise ValueError(f"no rows with Usage {SPLITS[split]}")
    numbers, labels, pixels = zip(*rows, strict=True)
    return list(numbers), list(labels), np.stack(pixels).reshape(-1, 48, 48)


def _read_votes(path: Path) -> NDArray[np.uint8] | None:
    if not path.exists():
        return None
    with path.open(newline="") as file:
        rows = [[int(row[name]) for name in FERPLUS_COLUMNS] for row in csv.DictReader(file)]
    return np.array(rows, np.uint8)


def _load_folders(path: Path, split: str) -> Dataset:
    root = path / split if (path / split).is_dir() else path
    images, labels = [], []
    for folder in sorted(child for child in root.iterdir() if child.is_dir()):
        label = _FOLDER_NAMES.get(folder.name.lower(), folder.name.lower())
        if label not in LABELS:
            raise DataError(f"{folder}: folder name must be one of {', '.join(LABELS)}")
        for file in sorted(folder.iterdir()):
            picture = read_grey(file)
            if picture is None:
                raise DataError(f"{file}: not a picture that OpenCV can read")
            images.append(picture)
            labels.append(LABELS.index(label))
    if not images:
        raise DataError(f"{root}: no pictures in folders named {', '.join(FER2013_LABELS)}")
    size = max(max(image.shape) for image in images)
    return Dataset(
        images=np.stack([resize_square(image, size) for image in images]),
        labels=np.array(labels, np.uint8),
        ids=np.arange(len(labels), dtype=np.int64),
        duplicate=None,
        votes=None,
    )
