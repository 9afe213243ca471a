"""Pack the pictures that teachers need into small files, to carry them to another machine.

``python -m training.teachers.pack FOLDER`` writes fer2013.pack.npz (Training and PublicTest),
aligned.pack.npz and wild.pack.npz into FOLDER. ``--unpack`` restores the packs of FOLDER: FER-2013
to FOLDER/fer2013.npz, the other two to the folder of runs. The pictures are mosaics in lossy WebP;
``--quality 101`` is lossless and twice as large.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from training.command import answer
from training.data import data_path
from training.teachers.weights import runs

Arrays = dict[str, NDArray[Any]]
EDGE = 32
"""Number of pictures along the edge of a mosaic."""
PRIVATE = 2
"""FER-2013's usage of PrivateTest, which is not packed."""


def pack(arrays: Arrays, quality: int) -> Arrays:
    """Return ``arrays`` with each array of pictures (N, S, S) as WebP mosaics."""
    packed: Arrays = {}
    for name, values in arrays.items():
        if values.ndim != 3:
            packed[name] = values
            continue
        mosaics = [_mosaic(part, quality) for part in _parts(values)]
        packed[f"{name}.size"] = np.array(values.shape)
        packed[f"{name}.ends"] = np.cumsum([len(mosaic) for mosaic in mosaics])
        packed[f"{name}.webp"] = np.concatenate(mosaics)
    return packed


def unpack(packed: Arrays) -> Arrays:
    """Return the arrays that `pack` has packed."""
    names = [name.removesuffix(".webp") for name in packed if name.endswith(".webp")]
    arrays = {name: values for name, values in packed.items() if "." not in name}
    for name in names:
        count, side, _ = packed[f"{name}.size"]
        parts = np.split(packed[f"{name}.webp"], packed[f"{name}.ends"][:-1])
        pictures = np.concatenate([_pictures(part, int(side)) for part in parts])
        arrays[name] = pictures[:count]
    return arrays


def _parts(pictures: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """Split pictures into mosaics and fill up the last one."""
    count = -(-len(pictures) // EDGE**2) * EDGE**2
    filled = np.zeros((count, *pictures.shape[1:]), np.uint8)
    filled[: len(pictures)] = pictures
    return np.split(filled, count // EDGE**2)


def _mosaic(pictures: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    side = pictures.shape[1]
    grid = pictures.reshape(EDGE, EDGE, side, side).transpose(0, 2, 1, 3)
    options = [cv2.IMWRITE_WEBP_QUALITY, quality]
    whole = np.ascontiguousarray(grid.reshape(EDGE * side, EDGE * side))
    return np.asarray(cv2.imencode(".webp", whole, options)[1], np.uint8).ravel()


def _pictures(content: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    whole = np.asarray(cv2.imdecode(content, cv2.IMREAD_GRAYSCALE), np.uint8)
    grid = whole.reshape(EDGE, side, EDGE, side).transpose(0, 2, 1, 3)
    return grid.reshape(-1, side, side)


def main() -> int:
    """Run from the command line and return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--quality", type=int, default=90)
    parser.add_argument("--unpack", action="store_true")
    arguments = parser.parse_args()
    return answer(
        lambda: (
            _unpack_all(arguments.folder)
            if arguments.unpack
            else _pack_all(arguments.folder, arguments.quality)
        )
    )


def _pack_all(folder: Path, quality: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with np.load(data_path()) as held:
        keep = held["usage"] != PRIVATE
        fer2013 = {name: held[name][keep] for name in held.files}
    _write(folder / "fer2013.pack.npz", pack(fer2013, quality))
    for name in ("aligned", "wild"):
        path = runs() / f"{name}.npz"
        if path.exists():
            _write(folder / f"{name}.pack.npz", pack(_read(path), quality))


def _unpack_all(folder: Path) -> None:
    for path in sorted(folder.glob("*.pack.npz")):
        name = path.name.replace(".pack", "")
        _write((folder if name == "fer2013.npz" else runs()) / name, unpack(_read(path)))


def _read(path: Path) -> Arrays:
    with np.load(path) as held:
        return {name: held[name] for name in held.files}


def _write(path: Path, arrays: Arrays) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, allow_pickle=False, **arrays)
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    sys.exit(main())
