"""Read labelled face pictures: FER-2013 as npz or official csv, or folders in the usual layouts.

Formats: `fer2013.npz`, `fer2013.csv` (with `fer2013new.csv`, the FER+ votes, beside it) and the
folders that `layouts` knows. FER-2013's pictures are chips already; the caller names the cut
for pictures of a folder.

290 PublicTest and 298 PrivateTest pictures of FER-2013 are copies of training pictures and raise
the accuracy of every model trained on it, so `copies` marks them.
"""

import collections
import csv
import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_fer.emotion.card import FER2013_LABELS, LABELS
from edge_fer.errors import DataError
from edge_fer.evaluation.chips import Cut
from edge_fer.evaluation.layouts import WHOLE, Item, splits_of
from edge_fer.types import Luma, Outcome
from edge_fer.vision.pixels import read_grey, resize_square

SPLITS = {"train": "Training", "public": "PublicTest", "private": "PrivateTest"}
"""Name of a split to its official name."""

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


FERPLUS_EMOTIONS = ("neutral", "happy", "surprise", "sad", "angry", "disgust", "fear", "contempt")
"""Labels of the first eight of `FERPLUS_COLUMNS`; unknown and not-a-face have none."""

FERPLUS_RULE = (
    "FER+ majority: single votes dropped, the label with more than half of the rest, votes for "
    "unknown and not-a-face included; pictures without such a label are left out"
)

_LABEL_OF_COLUMN = np.array([LABELS.index(name) for name in FERPLUS_EMOTIONS], np.uint8)


NO_FACE = "NO_FACE"
"""Outcome of a picture in which the detector finds no face."""


@dataclasses.dataclass(frozen=True, slots=True)
class Skipped:
    """A picture that gave no chip."""

    file: str
    """Path relative to the data set's folder."""
    outcome: Outcome | None
    """Why the face was refused; None if no face was found."""

    @property
    def outcome_name(self) -> str:
        """Name of the outcome, `NO_FACE` without a face."""
        return self.outcome.name if self.outcome else NO_FACE


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
    """(N,) True if the picture is a copy of a training picture; None if unknown."""
    votes: NDArray[np.uint8] | None
    """(N, 10) FER+ votes in the order of `FERPLUS_COLUMNS`; None if unknown."""
    names: tuple[str, ...] = LABELS
    """The label vocabulary."""
    skipped: tuple[Skipped, ...] = ()
    """Further pictures of the split, which gave no chip."""

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def faceless(self) -> int:
        """Number of skipped pictures without a face."""
        return sum(one.outcome is None for one in self.skipped)


def load(
    path: Path, split: str, *, own_labels: Sequence[str] = (), cut: Cut | None = None
) -> Dataset:
    """Read one split ("train", "public" or "private") of the data set at ``path``.

    A folder without splits is read whole, whatever the split. Its labels may include
    ``own_labels``. Each picture goes through ``cut``; pictures that give no chip are listed in
    `Dataset.skipped`. Without ``cut``, pictures are resized to the side of the largest.

    Raises:
        DataError: there is no such path or split, or a file cannot be read.
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
    """Return the splits of the data set at ``path``; empty if it has none.

    Raises:
        DataError: there is no such file or folder, or a part of its layout is missing.
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
    """Return ``data``; raise ValueError if the shapes or types of its parts do not match."""
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
    """Return row numbers, labels and pictures (N, 48, 48) of one split."""
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
    images, labels, ids, skipped = [], [], [], []
    for number, item in enumerate(items()):
        picture = _read(item)
        chip = cut(picture) if cut else picture
        if chip is None or isinstance(chip, Outcome):
            skipped.append(Skipped(str(item.file.relative_to(path)), chip))
            continue
        images.append(chip)
        labels.append(names.index(item.label))
        ids.append(number)
    if not images:
        raise _empty_error(path, names, skipped)
    size = max(max(image.shape) for image in images)
    return Dataset(
        images=np.stack([resize_square(image, size) for image in images]),
        labels=np.array(labels, np.uint8),
        ids=np.array(ids, np.int64),
        duplicate=None,
        votes=None,
        names=names,
        skipped=tuple(skipped),
    )


def _empty_error(path: Path, names: Sequence[str], skipped: Sequence[Skipped]) -> DataError:
    if not skipped:
        return DataError(f"{path}: no pictures of faces; folders must be named {', '.join(names)}")
    outcomes = collections.Counter(one.outcome_name for one in skipped)
    counts = ", ".join(f"{count} {name}" for name, count in outcomes.items())
    return DataError(f"{path}: no picture gives a chip: {counts}")


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


def by_majority(dataset: Dataset) -> Dataset:
    """Return the pictures with a FER+ majority label, relabelled by `FERPLUS_RULE`.

    Raises:
        DataError: the data set has no votes, or no picture has a majority.
    """
    if dataset.votes is None:
        raise DataError(
            f"no FER+ votes ({', '.join(FERPLUS_COLUMNS)}) with the data: must be fer2013.npz "
            "with ferplus_votes, or fer2013.csv with fer2013new.csv beside it"
        )
    votes = np.where(dataset.votes > 1, dataset.votes, 0).astype(np.int64)
    top = votes.argmax(axis=1)
    take = (2 * votes.max(axis=1) > votes.sum(axis=1)) & (top < len(FERPLUS_EMOTIONS))
    if not take.any():
        raise DataError("no picture has a FER+ majority label")
    duplicate = dataset.duplicate
    return dataclasses.replace(
        dataset,
        images=dataset.images[take],
        labels=_LABEL_OF_COLUMN[top[take]],
        ids=dataset.ids[take],
        duplicate=None if duplicate is None else duplicate[take],
        votes=dataset.votes[take],
    )


COPY_LIMIT = 10.0
"""Mean squared difference of pixels (0-255) below which two pictures are copies."""

CHUNK = 512


def copies(images: NDArray[np.uint8], originals: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return (N,) True for each of ``images`` (N, H, W) that is a copy of one of ``originals``."""
    flat, known = _flat(images), _flat(originals)
    known_square = (known**2).sum(axis=1)
    result = np.zeros(len(flat), bool)
    for start in range(0, len(flat), CHUNK):
        part = flat[start : start + CHUNK]
        # |a - b|² = |a|² - 2ab + |b|²: one matrix product does the work.
        distance = known_square - 2 * (part @ known.T)
        nearest = distance.min(axis=1) + (part**2).sum(axis=1)
        result[start : start + CHUNK] = nearest / part.shape[1] < COPY_LIMIT
    return result


def _flat(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    # Centred, since differences of large squares lose float32's last digits.
    return images.reshape(len(images), -1).astype(np.float32) - np.float32(128)
