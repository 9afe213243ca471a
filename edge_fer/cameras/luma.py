"""Luma out of raw camera buffers. Nothing is converted: the Y samples are copied as they are."""

import numpy as np
from numpy.typing import NDArray

from edge_fer.types import Luma


def luma_of_plane(
    buffer: NDArray[np.uint8], size: tuple[int, int], *, stride: int, first: int = 0, step: int = 1
) -> Luma:
    """Return a (height, width) C-contiguous copy of the Y samples in a flat ``buffer``.

    Args:
        buffer: (n,) uint8 with n of at least ``stride * height``; what follows is ignored.
        size: Width and height of the picture in px.
        stride: Bytes from one row to the next.
        first: Byte of the first sample within a row.
        step: Bytes from one sample to the next: 1 in a plane of its own, 2 in packed 4:2:2.
    """
    width, height = size
    rows = buffer[: stride * height].reshape(height, stride)
    return rows[:, first : first + width * step : step].copy()
