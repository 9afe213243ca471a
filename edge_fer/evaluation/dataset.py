"""Labelled face pictures: FER-2013 as npz or official csv, or folders in the usual layouts.

Reads `fer2013.npz`, `fer2013.csv` (with `fer2013new.csv`, the FER+ votes, beside it) and the
folders that `layouts` knows. FER-2013's pictures are chips already; those of a folder go
through the cut that the caller names.

Which pictures of one split are copies of pictures of another.

FER-2013 holds 290 PublicTest and 298 PrivateTest pictures that are copies of training ones;
they lift every model trained on it, so figures are given without them as well.
"""

import csv
import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_fer.emotion.labels import FER2013_LABELS, LABELS
from edge_fer.errors import DataError
from edge_fer.evaluation.chips import Cut
from edge_fer.evaluation.layouts import WHOLE, Item, splits_of
from edge_fer.types import Luma
from edge_fer.vision.pixels import read_grey, resize_square

SPLITS = {"train": "Training", "public": "PublicTest", "private": "PrivateTest"}
"""Our names of the splits, and the official ones."""

FERPLUS_COLUMNS = (
    "neutral",
    "happiness",
    "surprise",
    "sadness",
    "anger",
    "disgust",
    "fear",
    "contempt",
    "unknown",
    "NF",
)
"""Vote columns of FER+ (Barsoum et al. 2016, arXiv 1608.01041), in the order of its csv."""


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class Dataset:
    """N labelled chips."""

    images: NDArray[np.uint8]
    """(N, H, W) luma."""
    labels: NDArray[np.uint8]
    """(N,) index into `names`."""
    ids: NDArray[np.int64]
    """(N,) number of the picture within its split."""
    duplicate: NDArray[np.bool_] | None
    """(N,) the picture is a copy of a training picture; None where unknown."""
    votes: NDArray[np.uint8] | None
    """(N, 10) FER+ votes in the order of `FERPLUS_COLUMNS`; None where unknown."""
    names: tuple[str, ...] = LABELS
    """What the labels are called."""
    faceless: int = 0
    """Further pictures of the split in which no face was found."""

    def __len__(self) -> int:
        return len(self.labels)


def load(
    path: Path, split: str, *, own_labels: Sequence[str] = (), cut: Cut | None = None
) -> Dataset:
    """Read one split ("train", "public" or "private") of the data set at ``path``.

    A folder without splits is taken whole, whatever the split. Its labels may be ``own_labels``
    too; each picture goes through ``cut``, and those of which it makes no chip are left out.
    Without it they are brought to the side of the largest.

    Raises:
        DataError: the path, the split or a file's content is not what it should be.
    """
    if split not in SPLITS:
        raise DataError(f"split = {split}: must be one of {', '.join(SPLITS)}")
    if not path.exists():
        raise DataError(f"{path}: no such file or folder")
    if path.is_dir():
        return _load_folder(path, split, (*LABELS, *own_labels), cut)
    try:
        found = _load_csv(path, split) if path.suffix == ".csv" else _load_npz(path, split)
        return _checked(found)
    except Exception as error:  # csv, zipfile, zlib and numpy raise a dozen kinds
        raise DataError(f"{path}: cannot be read as FER-2013 ({error})") from error


def splits_in(path: Path, own_labels: Sequence[str] = ()) -> set[str]:
    """The splits of the data set at ``path``; empty where it is one whole.

    Raises:
        DataError: there is no such file or folder, or its layout is not whole.
    """
    if not path.exists():
        raise DataError(f"{path}: no such file or folder")
    return set(splits_of(path, (*LABELS, *own_labels)) if path.is_dir() else SPLITS) - {WHOLE}


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


def _checked(data: Dataset) -> Dataset:
    """``data``, if every picture has what belongs to it; ValueError if not."""
    count, pictures = len(data.labels), data.images
    if pictures.ndim != 3 or pictures.dtype != np.uint8 or len(pictures) != count:
        raise ValueError(f"images are {pictures.dtype} {pictures.shape}, must be uint8 (N, H, W)")
    if not np.issubdtype(data.labels.dtype, np.integer) or data.labels.shape != (count,):
        raise ValueError("labels must be a list of whole numbers")
    if count and not 0 <= data.labels.min() <= data.labels.max() < len(FER2013_LABELS):
        raise ValueError(f"labels must be 0 to {len(FER2013_LABELS) - 1}")
    for name, shape in (("ids", (count,)), ("duplicate", (count,)), ("votes", (count, 10))):
        value = getattr(data, name)
        if value is not None and (value.shape != shape or value.dtype.kind not in "iub"):
            raise ValueError(f"{name} are {value.dtype} {value.shape}, must be whole {shape}")
    return data


def _load_csv(path: Path, split: str) -> Dataset:
    numbers, labels, images = _read_rows(path, split)
    votes = _read_votes(path.with_name("fer2013new.csv"))
    if votes is not None and len(votes) <= max(numbers):
        raise ValueError(f"fer2013new.csv has {len(votes)} rows, fewer than there are pictures")
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
            (number, int(row["emotion"]), _pixels(row["pixels"]))
            for number, row in enumerate(csv.DictReader(file))
            if row.get("Usage") == SPLITS[split]
        ]
    if not rows:
        raise ValueError(f"no rows with Usage {SPLITS[split]}")
    numbers, labels, pixels = zip(*rows, strict=True)
    return list(numbers), list(labels), np.stack(pixels)


def _pixels(text: str) -> NDArray[np.uint8]:
    values = np.array(text.split()).astype(np.int64)
    if values.shape != (48 * 48,) or values.min() < 0 or values.max() > 255:
        raise ValueError("pixels must be 48 * 48 numbers, 0 to 255")
    return values.astype(np.uint8).reshape(48, 48)


def _read_votes(path: Path) -> NDArray[np.uint8] | None:
    if not path.exists():
        return None
    with path.open(newline="") as file:
        rows = [[int(row[name]) for name in FERPLUS_COLUMNS] for row in csv.DictReader(file)]
    return np.array(rows, np.uint8).reshape(-1, len(FERPLUS_COLUMNS))


def _load_folder(path: Path, split: str, names: tuple[str, ...], cut: Cut | None) -> Dataset:
    splits = splits_of(path, names)
    if split not in splits and WHOLE not in splits:
        raise DataError(f"{path}: has no split {split}, must be one of {', '.join(splits)}")
    items = splits.get(split, splits.get(WHOLE))
    assert items is not None
    images, labels, ids = [], [], []
    for number, item in enumerate(items()):
        picture = _read(item)
        chip = cut(picture) if cut else picture
        if chip is not None:
            images.append(chip)
            labels.append(names.index(item.label))
            ids.append(number)
    if not images:
        raise DataError(f"{path}: no pictures of faces; folders must be named {', '.join(names)}")
    size = max(max(image.shape) for image in images)
    return Dataset(
        images=np.stack([resize_square(image, size) for image in images]),
        labels=np.array(labels, np.uint8),
        ids=np.array(ids, np.int64),
        duplicate=None,
        votes=None,
        names=names,
        faceless=number + 1 - len(images),
    )


def _read(item: Item) -> Luma:
    picture = read_grey(item.file)
    if picture is None:
        raise DataError(f"{item.file}: not a picture that OpenCV can read")
    if item.box is None:
        return picture
    box = item.box
    part = picture[box.top : box.top + box.height, box.left : box.left + box.width]
    if not part.size:
        raise DataError(f"{item.file}: its face box {box} is outside the picture")
    return part


LIMIT = 10.0
"""Mean squared difference of pixels (0-255) below which two pictures are the same."""

CHUNK = 512


def copies(images: NDArray[np.uint8], originals: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Tell for each of ``images`` (N, H, W) whether it is a copy of one of ``originals``."""
    flat, known = _flat(images), _flat(originals)
    known_square = (known**2).sum(axis=1)
    result = np.zeros(len(flat), bool)
    for start in range(0, len(flat), CHUNK):
        part = flat[start : start + CHUNK]
        # |a - b|² = |a|² - 2ab + |b|², so that the work is one matrix product.
        distance = known_square - 2 * (part @ known.T)
        nearest = distance.min(axis=1) + (part**2).sum(axis=1)
        result[start : start + CHUNK] = nearest / part.shape[1] < LIMIT
    return result


def _flat(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    # Centred, since differences of large squares would lose float32's last digits.
    return images.reshape(len(images), -1).astype(np.float32) - np.float32(128)
