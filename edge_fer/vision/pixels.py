"""Resizing and warping of luma pictures.

The one file that lends the vision room OpenCV; `yunet.py` has its detector alone.
"""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_fer.types import Luma

cv2.setNumThreads(1)  # on pictures this small a pool costs more than it brings


def rescale(luma: Luma, factor: float) -> Luma:
    """Scale both sides by ``factor``; the picture itself where that is 1."""
    if factor == 1:
        return luma
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    size = [max(1, round(side * factor)) for side in luma.shape[::-1]]
    return _as_luma(cv2.resize(luma, size, interpolation=method))


def shrink(luma: Luma, grid: tuple[int, int]) -> Luma:
    """The mean luma of each cell of a (rows, columns) grid."""
    return _as_luma(cv2.resize(luma, grid[::-1], interpolation=cv2.INTER_AREA))


def resize_square(luma: Luma, size: int) -> Luma:
    """Bring a chip to (size, size); the chip itself where it has that size."""
    if luma.shape == (size, size):
        return luma
    method = cv2.INTER_AREA if min(luma.shape) > size else cv2.INTER_LINEAR
    return _as_luma(cv2.resize(luma, (size, size), interpolation=method))


def warp(luma: Luma, matrix: NDArray[np.float64], size: int) -> Luma:
    """Cut a (size, size) chip: ``matrix`` (2, 3) takes points of the frame to the chip.

    What lies beyond the frame repeats its border. A face much larger than the chip is shrunk
    by area first, since the warp alone would skip pixels.
    """
    factor = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    if factor < 0.5:
        luma, matrix = _shrunk_region(luma, matrix, size, factor)
    warped = cv2.warpAffine(
        luma, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return _as_luma(warped)


def _shrunk_region(
    luma: Luma, matrix: NDArray[np.float64], size: int, factor: float
) -> tuple[Luma, NDArray[np.float64]]:
    """Crop what the chip covers and shrink it to about the chip's own scale."""
    corners = np.array([[0, 0, 1], [size, 0, 1], [0, size, 1], [size, size, 1]], float)
    covered = corners @ np.array(cv2.invertAffineTransform(matrix)).T
    height, width = luma.shape
    left, top = np.clip(covered.min(0), 0, [width - 1, height - 1]).astype(int)
    right, bottom = np.ceil(covered.max(0)).astype(int) + 1
    region = luma[top : max(bottom, top + 1), left : max(right, left + 1)]
    small = rescale(np.ascontiguousarray(region), factor)
    scale = np.array([small.shape[1] / region.shape[1], small.shape[0] / region.shape[0]])
    # Pixel centres: x_small = (x - left + 0.5) * scale - 0.5, put ahead of the old matrix.
    offset = np.array([left - 0.5, top - 0.5])
    linear = matrix[:, :2] / scale
    shift = matrix[:, 2] + matrix[:, :2] @ (offset + 0.5 / scale)
    return small, np.column_stack([linear, shift])


def read_grey(path: Path) -> Luma | None:
    """Read a picture file as luma; None where it is not a picture."""
    try:
        # OpenCV ends the process over a name that is not UTF-8, so it gets the content.
        content = np.frombuffer(path.read_bytes(), np.uint8)
        picture = cv2.imdecode(content, cv2.IMREAD_GRAYSCALE)
    except (OSError, ValueError, cv2.error):
        return None
    return None if picture is None else _as_luma(picture)


def _as_luma(picture: object) -> Luma:
    return np.asarray(picture, np.uint8)
