"""Which parts of the picture have changed: the frame shrunk to coarse cells, compared by cell."""

import numpy as np
from numpy.typing import NDArray

from edge_fer.types import Box, Luma
from edge_fer.vision.pixels import shrink

COLUMNS = 80
"""Cells in a row at most; a cell has 8 px at least, so that the noise of single pixels is lost."""

LEVELS = 12
"""A cell has changed when its mean luma differs by this much from what it last was."""

CUT_SHARE, CUT_LIKENESS = 0.5, 0.7
"""A cut changes this share of all cells and leaves less correlation than this: another scene,
not another light nor a camera that pans."""

Cells = NDArray[np.bool_]
"""(rows, columns): which cells have changed."""


class Motion:
    """Compares each frame of one size with what its cells last looked like.

    A cell is compared with its own last change, not with the frame before: what creeps is seen.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        height, width = shape
        side = max(8.0, width / COLUMNS)
        self.grid = (max(1, round(height / side)), max(1, round(width / side)))
        """Rows and columns."""
        self._per_px = (self.grid[0] / height, self.grid[1] / width)
        self._known: NDArray[np.int16] | None = None
        self.cut = True
        """The last frame shows another scene than the one before it."""

    def update(self, luma: Luma) -> Cells | None:
        """The cells that have changed; None where none has. Sets `cut`."""
        # Every other row will do: 32 px a cell are enough against noise, at half the cost.
        cells = shrink(luma[::2], self.grid).astype(np.int16)
        if self._known is None:
            self._known = cells
            return np.ones(self.grid, bool)
        changed: Cells = np.abs(cells - self._known) > LEVELS
        count = np.count_nonzero(changed)
        self.cut = False
        if not count:
            return None
        if count > CUT_SHARE * changed.size:
            self.cut = _likeness(cells, self._known) < CUT_LIKENESS
        self._known[changed] = cells[changed]
        return changed

    def cells_of(self, box: Box, margin: float = 0.0) -> tuple[slice, slice]:
        """The cells that a box touches, grown by ``margin`` of its size on each side."""
        by_row, by_column = self._per_px
        high, wide = margin * box.height, margin * box.width
        top = int(max(0.0, (box.top - high) * by_row))
        left = int(max(0.0, (box.left - wide) * by_column))
        bottom = int(max(0.0, (box.top + box.height + high) * by_row)) + 1
        right = int(max(0.0, (box.left + box.width + wide) * by_column)) + 1
        return slice(top, bottom), slice(left, right)

    def count(self, px: float) -> float:
        """How many cells a square of that side has."""
        return px * px * self._per_px[0] * self._per_px[1]


def _likeness(a: NDArray[np.int16], b: NDArray[np.int16]) -> float:
    """Correlation of two pictures, -1 to 1; 0 where one of them is flat."""
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float((a * b).sum()) / norm if norm else 0.0
