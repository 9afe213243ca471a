"""The faces to paste: pictures with their teaching boxes, ready to be drawn from."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge_fer.types import Luma
from training.detector.geometry import Array
from training.detector.pictures import held_out
from training.detector.prepare import Table
from training.detector.teach import FACE

LEAST_PX = 24
"""Side of the smallest face that is pasted on purpose; smaller ones only come along."""


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class Portrait:
    """One picture and all its places."""

    luma: Luma
    box: Array
    """(n, 3)"""
    points: Array
    """(n, 5, 2)"""
    landmarks: Array
    """(n, 68, 2)"""
    face: NDArray[np.bool_]
    """(n,) a face; else a region to ignore."""

    def chosen(self, draw: np.random.Generator) -> int:
        """Return the number of the face to place: a drawn one of those that are large enough."""
        return int(draw.choice(np.flatnonzero(self.face & (self.box[:, 2] >= LEAST_PX))))


def portraits(pictures: Sequence[Luma], table: Table) -> tuple[list[Portrait], list[Portrait]]:
    """Return the pictures with a face to train and to validate on."""
    order = np.argsort(table["picture"], kind="stable")
    numbers = table["picture"][order]
    starts = np.searchsorted(numbers, np.arange(len(pictures) + 1))
    sides: tuple[list[Portrait], list[Portrait]] = ([], [])
    held = held_out(np.arange(len(pictures)))
    for number, luma in enumerate(pictures):
        rows = order[starts[number] : starts[number + 1]]
        face = table["kind"][rows] == FACE
        if (face & (table["box"][rows, 2] >= LEAST_PX)).any():
            one = Portrait(
                luma, table["box"][rows], table["points"][rows], table["landmarks"][rows], face
            )
            sides[int(held[number])].append(one)
    return sides
