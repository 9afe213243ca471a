"""List labelled face pictures in the usual folder layouts.

Class folders, RAF-DB (Li et al. 2017, CVPR) and AffectNet (Mollahosseini et al. 2017,
arXiv 1708.03985) are recognized by the folder's content. Reads lists and names, no pictures.
"""

import csv
import dataclasses
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from edge_fer.emotion.card import canonical_label
from edge_fer.errors import DataError
from edge_fer.types import Box

WHOLE = "all"
"""Name of the only split of a folder without splits."""

SPLIT_FOLDERS = {
    "train": ("train", "training"),
    "public": ("public", "publictest", "val", "valid", "validation"),
    "private": ("private", "privatetest", "test"),
}
"""Name of a split to the names of its folder, in upper or lower case."""

RAF_DB = ("surprise", "fear", "disgust", "happy", "sad", "angry", "neutral")
"""Labels 1 to 7 of RAF-DB's basic emotions."""

AFFECTNET = ("neutral", "happy", "sad", "surprise", "fear", "disgust", "angry", "contempt")
"""Expressions 0 to 7 of AffectNet; 8 none, 9 uncertain and 10 no face are skipped."""
AFFECTNET_LAST = 10

CSV_COLUMNS = ("subDirectory_filePath", "expression")
BOX_COLUMNS = ("face_x", "face_y", "face_width", "face_height")


@dataclasses.dataclass(frozen=True, slots=True)
class Item:
    """One labelled picture."""

    file: Path
    label: str
    box: Box | None = None
    """The face in px; None if the picture shows only the face."""


Splits = Mapping[str, Callable[[], list[Item]]]
"""Name of a split to the function that lists it; only `WHOLE` if there are none."""


def splits_of(folder: Path, names: Sequence[str]) -> Splits:
    """Recognize the layout of ``folder``; ``names`` are the labels that class folders may have.

    Raises:
        DataError: a part of the layout is missing. Listing raises it for a mistake in the files.
    """
    for base in (folder / "basic", folder):
        if (base / "EmoLabel").is_dir():
            return _raf_db(base)
    sets = {"train": folder / "train_set", "public": folder / "val_set"}
    found = {split: place for split, place in sets.items() if place.is_dir()}
    if found:
        return {split: partial(_annotated, place) for split, place in found.items()}
    for place in (folder / "Manually_Annotated_file_lists", folder):
        lists = {"train": place / "training.csv", "public": place / "validation.csv"}
        known = {split: file for split, file in lists.items() if file.is_file()}
        if known:
            root = _affectnet_pictures(folder)
            return {split: partial(_listed, file, root) for split, file in known.items()}
    return _class_folders(folder, names)


def _class_folders(folder: Path, names: Sequence[str]) -> Splits:
    children = {child.name.lower(): child for child in folder.iterdir() if child.is_dir()}
    found = {
        split: next(children[name] for name in known if name in children)
        for split, known in SPLIT_FOLDERS.items()
        if children.keys() & known
    }
    return {
        split: partial(_class_items, place, names)
        for split, place in (found or {WHOLE: folder}).items()
    }


def _class_items(root: Path, names: Sequence[str]) -> list[Item]:
    items = []
    for folder in sorted(_shown(root)):
        if not folder.is_dir():
            continue
        label = canonical_label(folder.name)
        if label not in names:
            raise DataError(
                f"{folder}: folder name must be one of {', '.join(names)}, or be declared as a "
                "label of your own"
            )
        items += [Item(file, label) for file in sorted(_shown(folder))]
    return items


def _shown(folder: Path) -> Iterator[Path]:
    """Yield the folder's content without hidden files and files of the desktop."""
    left = {"thumbs.db", "desktop.ini"}
    for child in folder.iterdir():
        if not child.name.startswith(".") and child.name.lower() not in left:
            yield child


def _raf_db(base: Path) -> Splits:
    listing = base / "EmoLabel" / "list_patition_label.txt"
    if not listing.is_file():
        raise DataError(f"{listing}: no such file; a folder in RAF-DB's layout must have it")
    return {
        "train": partial(_raf_items, listing, "train_"),
        "private": partial(_raf_items, listing, "test_"),
    }


def _raf_items(listing: Path, prefix: str) -> list[Item]:
    folder = listing.parents[1] / "Image" / "aligned"
    items = []
    for number, line in enumerate(_text(listing).splitlines(), start=1):
        name, _, label = line.strip().partition(" ")
        if label not in map(str, range(1, len(RAF_DB) + 1)):
            raise DataError(f"{listing}, line {number}: must be '<name>.jpg <1-7>', is {line!r}")
        if name.startswith(prefix):
            file = folder / f"{Path(name).stem}_aligned.jpg"
            items.append(Item(file, RAF_DB[int(label) - 1]))
    return items


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file}: must be UTF-8 text ({error})") from error


def _annotated(folder: Path) -> list[Item]:
    """Read AffectNet as images/<id>.jpg with annotations/<id>_exp.npy."""
    for part in (folder / "images", folder / "annotations"):
        if not part.is_dir():
            raise DataError(f"{part}: no such folder; AffectNet's layout must have it")
    items = []
    for file in sorted(_shown(folder / "images")):
        note = folder / "annotations" / f"{file.stem}_exp.npy"
        try:
            label = _expression(_only(note))
        except Exception as error:  # numpy's reader raises a dozen kinds
            raise DataError(f"{note}: must hold the expression of {file.name} ({error})") from error
        if label is not None:
            items.append(Item(file, label))
    return items


def _only(note: Path) -> str:
    """Return the only value of a .npy file, text or number."""
    value = np.load(note)
    if value.size != 1 or value.dtype.kind not in "Ui":
        raise ValueError(f"holds {value.dtype} {value.shape}")
    # Converted without this check, damaged text would end the process.
    if value.dtype.kind == "U" and value.reshape(1).view(np.uint32).max(initial=0) > 0x7F:
        raise ValueError("holds no digits")
    return str(value.item())


def _expression(number: str) -> str | None:
    """Return the label of AffectNet's number; None if it is not an emotion."""
    if not 0 <= int(number) <= AFFECTNET_LAST:
        raise ValueError(f"expression {number}, must be 0 to {AFFECTNET_LAST}")
    return AFFECTNET[int(number)] if int(number) < len(AFFECTNET) else None


def _affectnet_pictures(folder: Path) -> Path:
    name = "Manually_Annotated_Images"
    places = (folder / name, folder / "Manually_Annotated" / name, folder)
    return next(place for place in places if place.is_dir())


def _listed(file: Path, root: Path) -> list[Item]:
    """Read AffectNet as a csv of pictures under ``root``, with face boxes if it has them."""
    items = []
    rows = csv.DictReader(io.StringIO(_text(file), newline=""))
    try:
        for column in CSV_COLUMNS:
            if column not in (rows.fieldnames or ()):
                raise ValueError(f"no column {column}, must have {' and '.join(CSV_COLUMNS)}")
        for row in rows:
            # A short row has None for what it lacks.
            label = _expression(row["expression"] or "")
            if label is not None:
                items.append(Item(root / (row["subDirectory_filePath"] or ""), label, _box(row)))
    except (ValueError, csv.Error) as error:
        raise DataError(f"{file}, line {rows.line_num}: {error}") from error
    return items


def _box(row: Mapping[str, str]) -> Box | None:
    sides = [row.get(column) or "" for column in BOX_COLUMNS]
    return Box(*map(int, sides)) if all(side.isdecimal() for side in sides) else None
