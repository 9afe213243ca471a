"""The clips, stills and backgrounds that the figures are measured on; none is in the repository."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import cv2
import dlib
import numpy as np

from edge_fer.cameras import open_camera
from edge_fer.config.settings import Camera
from edge_fer.errors import DataError
from edge_fer.types import Box, Frame, Luma
from edge_fer.vision.pixels import read_grey

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache"
BOXES = ROOT / "tools" / "boxes"
"""Faces of the clips, marked by hand."""

VARIABLE = "EDGE_FER_MEDIA"

DATA, FER2013 = "EDGE_FER_DATA", ("fer2013.npz", "fer2013.csv")
"""Variable of its folder, and its files in the order of preference."""

TALKING = ("eat.mkv", "again.mkv", "book.mkv", "bird.mkv")
"""640x480 px, 30 fps; one signer, faces of 70-87 px."""

CARPHONE = "carphone_pristine.mp4"
NEGATIVE = "one-by-one-person-detection.mp4"
"""People walk through; no face can be seen from the front."""

TURNING = (
    "face-demographics-walking-and-pause.gif",
    "head-pose-face-detection-female.gif",
    "head-pose-face-detection-male.gif",
)
"""480x270 px; heads that turn away, small faces far off."""

PORTRAITS = ("obama-480p.jpg", "biden.jpg", "two_people.jpg", "astronaut.png")
CACHED = (CARPHONE, "astronaut.png")
"""Fetched by packaging/prepare.py into .cache; all else is in $EDGE_FER_MEDIA."""

SURE = 0.5
"""HOG score of what is cut out of a portrait."""


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class Head:
    """A head cut out of a still: luma (H, W) and the box of the face in it."""

    name: str
    luma: Luma
    box: Box


def find(name: str) -> Path:
    """Where a file of that name is expected."""
    if name in CACHED:
        return CACHE / name
    return Path(os.environ.get(VARIABLE, "")) / name


def find_data() -> Path | None:
    """FER-2013, if it is there."""
    place = Path(os.environ.get(DATA, "data"))
    return next((place / name for name in FER2013 if (place / name).is_file()), None)


def require(needs: dict[str, Sequence[str]]) -> None:
    """Check that every file is there; ``needs`` is figure to the names of its files.

    Raises:
        DataError: one is not.
    """
    names = sorted({name for files in needs.values() for name in files})
    own = [name for name in names if name not in CACHED]
    place = os.environ.get(VARIABLE, "")
    who = ", ".join(key for key, files in needs.items() if set(files) & set(own))
    if own and not Path(place or "/nowhere").is_dir():
        state = f"{VARIABLE} = {place}: no such folder" if place else f"{VARIABLE} is not set"
        raise DataError(f"{state}; must be the folder of {', '.join(own)}, for {who}")
    for name in names:
        if not find(name).is_file():
            who = ", ".join(key for key, files in needs.items() if name in files)
            advice = "`make venv` fetches it" if name in CACHED else f"see {VARIABLE}"
            raise DataError(f"{find(name)}: not there, {advice}; for {who}")


def clip(name: str) -> list[Frame]:
    """All frames of a clip."""
    with open_camera(Camera(source=f"file:{find(name)}")) as camera:
        return list(camera)


@cache
def heads() -> tuple[Head, ...]:
    """The faces of the portraits, each with hair and neck."""
    detector = dlib.get_frontal_face_detector()
    found = []
    for name in PORTRAITS:
        picture = _read(find(name))
        # The threshold leaves out the badge on the astronaut's suit, which HOG takes for a face.
        for box in detector.run(picture, 0, SURE)[0]:
            found.append(_head(Path(name).stem, picture, box))
    return tuple(found)


def _head(name: str, picture: Luma, box: dlib.rectangle) -> Head:
    side = box.width()
    left, right = max(0, box.left() - side // 2), box.right() + side // 2
    top, bottom = max(0, box.top() - side * 3 // 4), box.bottom() + side // 2
    own = Box(box.left() - left, box.top() - top, side, box.height())
    return Head(name, picture[top:bottom, left:right], own)


@cache
def backgrounds() -> tuple[Luma, Luma]:
    """Two views of 640x480 px of the negative clip's empty room: a wide one and a close one."""
    picture = clip(NEGATIVE)[0].luma
    wide = cv2.resize(picture, (853, 480), interpolation=cv2.INTER_CUBIC)[:, :640]
    close = cv2.resize(picture[120:300, 80:320], (640, 480), interpolation=cv2.INTER_CUBIC)
    return np.asarray(wide, np.uint8), np.asarray(close, np.uint8)


def _read(path: Path) -> Luma:
    picture = read_grey(path)
    if picture is None:
        raise DataError(f"{path}: cannot be read as a picture")
    return picture
