"""Parsers of data sets, and how a case reaches them."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from edge_fer.emotion.card import LABELS
from edge_fer.evaluation.dataset import FERPLUS_COLUMNS, SPLITS, by_majority, load, splits_in
from edge_fer.evaluation.layouts import BOX_COLUMNS, CSV_COLUMNS
from tests.stress.fuzz.parsers import Target

PICTURE = np.arange(48 * 48, dtype=np.uint16).reshape(48, 48).astype(np.uint8)
SPLIT_WORDS = tuple(name.encode() for name in SPLITS.values())


def targets(folder: Path) -> dict[str, Target]:
    """Return the targets by name; they write files to ``folder``."""
    return {
        "fer2013.csv": _pixels(folder / "pixels"),
        "fer2013new.csv": _votes(folder / "votes"),
        "fer2013.npz": _npz(folder / "npz"),
        "RAF-DB list": _raf_db(folder / "raf-db"),
        "AffectNet csv": _affectnet(folder / "affectnet"),
        "AffectNet npy": _annotations(folder / "annotations"),
        "class folders": _class_folders(folder / "classes"),
    }


def _table(rows: Sequence[Sequence[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _all_splits(path: Path) -> None:
    """Read each split as `edge-fer evaluate` does, with the FER+ labels too."""
    for split in SPLITS:
        data = load(path, split)
        assert len({len(data.images), len(data.labels), len(data.ids)}) == 1, "lengths differ"
        assert data.labels.max(initial=0) < len(data.names), "a label without a name"
        assert (data.images.dtype, data.images.ndim) == (np.dtype(np.uint8), 3), "not pictures"
        if data.votes is not None:
            by_majority(data)


def _pixels(folder: Path) -> Target:
    folder.mkdir()
    path = folder / "fer2013.csv"
    head = ["emotion", "pixels", "Usage"]
    pixels = " ".join(map(str, PICTURE.ravel()))
    whole = _table([head, *([k, pixels, name] for k, name in enumerate(SPLITS.values()))])
    short = _table([head, *([k, "70 80 82", name] for k, name in enumerate(SPLITS.values()))])
    return _written(path, [whole, short, short, short], (*SPLIT_WORDS, pixels.encode()))


def _written(path: Path, seeds: Sequence[bytes], words: Sequence[bytes] = ()) -> Target:
    def read(data: bytes) -> None:
        path.write_bytes(data)
        _all_splits(path)

    return Target(seeds, read, words)


def _votes(folder: Path) -> Target:
    folder.mkdir()
    official, votes = folder / "fer2013.csv", folder / "fer2013new.csv"
    pixels = " ".join(map(str, PICTURE.ravel()))
    # The other rows count, but are not read.
    rows = [[3, pixels, SPLITS["train"]], *([0, "", name] for name in list(SPLITS.values())[1:])]
    official.write_bytes(_table([["emotion", "pixels", "Usage"], *rows]))
    head = ["Usage", "Image name", *FERPLUS_COLUMNS]
    lines = [
        [name, f"fer{k}.png", *([0] * k), 9, *([1] * (9 - k))]
        for k, name in enumerate(SPLITS.values())
    ]

    def read(data: bytes) -> None:
        votes.write_bytes(data)
        by_majority(load(official, "train"))

    return Target([_table([head, *lines])], read, [name.encode() for name in FERPLUS_COLUMNS])


def _npz(folder: Path) -> Target:
    folder.mkdir()
    path = folder / "fer2013.npz"
    for save in (np.savez, np.savez_compressed):
        save(
            path,
            images=np.stack([PICTURE[:8, :8]] * 3),
            label=np.arange(3, dtype=np.uint8),
            usage=np.arange(3, dtype=np.uint8),
            id=np.zeros(3, np.int64),
            duplicate=np.zeros(3, bool),
            ferplus_votes=np.eye(3, 10, dtype=np.uint8) * 9,
        )
    return _written(path, [path.read_bytes()], (b"|u1", b"<i8", b"|O", b"(3,)", b"PK\x03\x04"))


def _picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", PICTURE[:16, :16])[1].tobytes())


def _raf_db(folder: Path) -> Target:
    for prefix in ("train", "test"):
        _picture(folder / f"basic/Image/aligned/{prefix}_00001_aligned.jpg")
    path = folder / "basic/EmoLabel/list_patition_label.txt"
    path.parent.mkdir()

    def read(data: bytes) -> None:
        path.write_bytes(data)
        for split in splits_in(folder):
            load(folder, split)

    return Target([b"train_00001.jpg 4\ntest_00001.jpg 7\n"], read, (b"train_", b"test_", b" 8"))


def _affectnet(folder: Path) -> Target:
    _picture(folder / "Manually_Annotated_Images/1/a.jpg")
    path = folder / "training.csv"
    head = [CSV_COLUMNS[0], *BOX_COLUMNS, CSV_COLUMNS[1]]
    seed = _table([head, ["1/a.jpg", 2, 2, 8, 8, 1], ["1/a.jpg", "", "", "", "", 10]])

    def read(data: bytes) -> None:
        path.write_bytes(data)
        load(folder, "train")

    return Target([seed], read, [name.encode() for name in (*CSV_COLUMNS, *BOX_COLUMNS)])


def _annotations(folder: Path) -> Target:
    _picture(folder / "train_set/images/1.jpg")
    path = folder / "train_set/annotations/1_exp.npy"
    path.parent.mkdir()
    seeds = []
    for value in ("3", 3, [3]):
        np.save(path, value)
        seeds.append(path.read_bytes())

    def read(data: bytes) -> None:
        path.write_bytes(data)
        load(folder, "train")

    return Target(seeds, read, (b"<U1", b"|O", b"<i8", b"()", b"(1,)"))


def _class_folders(folder: Path) -> Target:
    """Use the case as the name of a folder with a picture."""
    folder.mkdir()

    def read(data: bytes) -> None:
        name = data.decode("utf-8", "surrogateescape").replace("/", "").replace("\0", "")[:60]
        place = folder / (name if name not in ("", ".", "..") else "happy")
        _picture(place / "1.png")
        try:
            load(folder, "train")
        finally:
            (place / "1.png").unlink()
            place.rmdir()

    return Target([name.encode() for name in LABELS], read, (b"train", b"val", b"Test", b"anger"))
