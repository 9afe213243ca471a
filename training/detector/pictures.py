"""Where the detector's training pictures come from, and which are held out."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_fer.errors import DataError
from edge_fer.types import Luma

BLOCK: Final = 100
"""Pictures are held out in blocks, since near copies have numbers that are close together."""

SOURCES: Final = ("inthewild", "fer2013")
"""Names of the data files."""

STRONG, OTHERS = 3, 12
"""Of FER-2013's Training split, one in so many pictures is read: of anger, disgust, fear and
surprise, which the photographs lack, and of the other labels."""


def data_folder() -> Path:
    """Return the folder $EDGE_FER_DATA (of a file, its parent).

    Raises:
        DataError: the variable is not set.
    """
    named = os.environ.get("EDGE_FER_DATA")
    if not named:
        raise DataError("EDGE_FER_DATA: must name the folder with inthewild.npz and fer2013.npz")
    path = Path(named)
    return path if path.is_dir() else path.parent


def runs_folder() -> Path:
    """Return the folder for caches and checkpoints: $EDGE_FER_RUNS, else runs/detector."""
    return Path(os.environ.get("EDGE_FER_RUNS", "runs/detector"))


def read_pictures(source: str, folder: Path) -> list[Luma]:
    """Read all training pictures (H, W) of one of `SOURCES`.

    Raises:
        DataError: the file is missing or holds something else.
    """
    path = folder / f"{source}.npz"
    try:
        with np.load(path) as data:
            if source == "fer2013":
                return list(data["images"][_expressive(data["label"], data["usage"])])
            return unpacked(data["webp"], data["ends"])
    except (OSError, KeyError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({error})") from error


def _expressive(label: NDArray[np.uint8], usage: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which FER-2013 pictures are read."""
    every = np.where(np.isin(label, [0, 1, 2, 5]), STRONG, OTHERS)
    return np.asarray((usage == 0) & (np.arange(len(label)) % every == 0))


def unpacked(webp: NDArray[np.uint8], ends: NDArray[np.int64]) -> list[Luma]:
    """Decode pictures that lie one after another in ``webp``."""
    starts = [0, *ends[:-1].tolist()]
    found = []
    for start, end in zip(starts, ends.tolist(), strict=True):
        picture = cv2.imdecode(webp[start:end], cv2.IMREAD_GRAYSCALE)
        if picture is None:
            raise DataError(f"picture at byte {start}: cannot be decoded")
        found.append(np.asarray(picture, np.uint8))
    return found


def packed(pictures: Sequence[Luma], quality: int) -> dict[str, NDArray[np.generic]]:
    """Encode pictures as `unpacked` reads them."""
    parts = [
        cv2.imencode(".webp", picture, [cv2.IMWRITE_WEBP_QUALITY, quality])[1].ravel()
        for picture in pictures
    ]
    ends = np.cumsum([len(part) for part in parts])
    return {"webp": np.concatenate(parts), "ends": ends}


def held_out(numbers: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each picture, by its number, is kept for validation: one block in ten."""
    return np.asarray(numbers // BLOCK % 10 == 7)
