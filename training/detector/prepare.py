"""Teaching boxes of the data files, cached outside git, and sheets to check them by eye."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_fer.types import Luma
from training.detector.pictures import read_pictures
from training.detector.teach import FACE, SIDES, SURE, teach

PASSES: Final[dict[str, tuple[tuple[int, ...], float]]] = {
    "inthewild": (SIDES, SURE),
    "fer2013": ((80, 128), 0.45),
}
"""Source to sides of YuNet's passes and the confidence that makes a face: nearly every FER-2013
picture is one, and the replicated border around it costs confidence."""

SHARES: Final = (0.65, 0.35)
"""How often a face is drawn from each of the sources."""

SHEET: Final = (6, 8)
"""Rows and columns of a contact sheet."""

TILE: Final = 192
"""Side of a picture on it, px."""

Table = dict[str, NDArray[Any]]


def teaching(
    source: str,
    data: Path,
    runs: Path,
    yunet: Path | None,
    jobs: int,
    say: Callable[[str], None] = print,
) -> Table:
    """Return the teaching boxes of a data file; make, cache and draw them where they are missing.

    Raises:
        FileNotFoundError: they are missing and ``yunet`` is None.
    """
    cache = runs / f"teaching-{source}.npz"
    if not cache.exists():
        if yunet is None:
            raise FileNotFoundError(f"{cache}: missing, and no YuNet file is given to make it")
        runs.mkdir(parents=True, exist_ok=True)
        pictures, (sides, sure) = read_pictures(source, data), PASSES[source]
        started = time.monotonic()

        def tick(done: int) -> None:
            if done % 1000 == 0:
                say(f"{source}: {done} of {len(pictures)}, {time.monotonic() - started:.0f} s")

        table = teach(pictures, yunet, sides=sides, sure=sure, jobs=jobs, tick=tick)
        np.savez_compressed(cache, **table)  # type: ignore[arg-type]
        step = max(1, len(pictures) // (SHEET[0] * SHEET[1]))
        cv2.imwrite(str(runs / f"teaching-{source}.png"), sheet(pictures, table, step))
        faces = table["kind"] == FACE
        say(
            f"{source}: {len(pictures)} pictures, {faces.sum()} faces, {(~faces).sum()} regions "
            f"to ignore, {len(np.unique(table['picture'][faces]))} pictures with a face"
        )
    with np.load(cache) as stored:
        return dict(stored)


def sheet(pictures: list[Luma], table: Table, step: int) -> NDArray[np.uint8]:
    """Draw every ``step``-th picture with its boxes: faces green, regions to ignore red."""
    tiles = []
    for number in range(0, step * SHEET[0] * SHEET[1], step):
        rows = {name: column[table["picture"] == number] for name, column in table.items()}
        picture = pictures[number] if number < len(pictures) else np.zeros((8, 8), np.uint8)
        tiles.append(drawn(picture, rows))
    grid = [np.hstack(tiles[row * SHEET[1] : (row + 1) * SHEET[1]]) for row in range(SHEET[0])]
    return np.vstack(grid)


def drawn(picture: Luma, rows: Table) -> NDArray[np.uint8]:
    """Draw one picture (H, W) and its teaching boxes on a tile (`TILE`, `TILE`, 3)."""
    scale = TILE / max(picture.shape)
    small = cv2.resize(picture, None, fx=scale, fy=scale)[:TILE, :TILE]
    tile = np.zeros((TILE, TILE, 3), np.uint8)
    tile[: small.shape[0], : small.shape[1]] = small[..., None]
    for (x, y, side), points, kind in zip(rows["box"], rows["points"], rows["kind"], strict=True):
        colour = (0, 255, 0) if kind == FACE else (0, 0, 255)
        low = (round(scale * float(x - side / 2)), round(scale * float(y - side / 2)))
        high = (round(scale * float(x + side / 2)), round(scale * float(y + side / 2)))
        cv2.rectangle(tile, low, high, colour, 1)
        for point in points if kind == FACE else ():
            cv2.circle(tile, (round(scale * point[0]), round(scale * point[1])), 2, colour, -1)
    return tile
