"""Resizing and warping of luma pictures.

In `vision/`, only this file and `yunet.py` import OpenCV.
"""

from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_fer.types import Luma

cv2.setNumThreads(1)  # on pictures this small a thread pool costs more than it saves


SMALLEST_SIDE = 16
"""Smallest side of a picture in px."""

_TO_GREY = {"bgr": cv2.COLOR_BGR2GRAY, "rgb": cv2.COLOR_RGB2GRAY}


def rescale(luma: Luma, factor: float) -> Luma:
    """Scale both sides by ``factor``; return the picture itself if that is 1."""
    if factor == 1:
        return luma
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    size = [max(1, round(side * factor)) for side in luma.shape[::-1]]
    return _as_luma(cv2.resize(luma, size, interpolation=method))


def shrink(luma: Luma, grid: tuple[int, int]) -> Luma:
    """Return the mean luma of each cell of a (rows, columns) grid."""
    return _as_luma(cv2.resize(luma, grid[::-1], interpolation=cv2.INTER_AREA))


def resize_square(luma: Luma, size: int) -> Luma:
    """Resize a crop to (size, size); return the crop itself if it has that size."""
    if luma.shape == (size, size):
        return luma
    method = cv2.INTER_AREA if min(luma.shape) > size else cv2.INTER_LINEAR
    return _as_luma(cv2.resize(luma, (size, size), interpolation=method))


def warp(luma: Luma, matrix: NDArray[np.float64], size: int) -> Luma:
    """Cut a (size, size) crop; ``matrix`` (2, 3) maps points of the frame to the crop.

    Outside the frame, the border pixels are repeated. A face much larger than the crop is
    shrunk by area first, since the warp alone would skip pixels.
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
    """Cut out the region of the crop and shrink it to about the scale of the crop."""
    corners = np.array([[0, 0, 1], [size, 0, 1], [0, size, 1], [size, size, 1]], float)
    covered = corners @ np.array(cv2.invertAffineTransform(matrix)).T
    height, width = luma.shape
    left, top = np.clip(covered.min(0), 0, [width - 1, height - 1]).astype(int)
    right, bottom = np.ceil(covered.max(0)).astype(int) + 1
    region = luma[top : max(bottom, top + 1), left : max(right, left + 1)]
    small = rescale(np.ascontiguousarray(region), factor)
    scale = np.array([small.shape[1] / region.shape[1], small.shape[0] / region.shape[0]])
    # Pixel centres: x_small = (x - left + 0.5) * scale - 0.5, applied before the old matrix.
    offset = np.array([left - 0.5, top - 0.5])
    linear = matrix[:, :2] / scale
    shift = matrix[:, 2] + matrix[:, :2] @ (offset + 0.5 / scale)
    return small, np.column_stack([linear, shift])


def read_grey(path: Path) -> Luma | None:
    """Read a picture file as luma; return None if it is not a picture."""
    try:
        # OpenCV aborts the process on a name that is not UTF-8, so it gets the content.
        content = np.frombuffer(path.read_bytes(), np.uint8)
        picture = cv2.imdecode(content, cv2.IMREAD_GRAYSCALE)
    except (OSError, ValueError, cv2.error):
        return None
    return None if picture is None else _as_luma(picture)


def to_luma(picture: NDArray[np.uint8], *, order: Literal["bgr", "rgb"] = "bgr") -> Luma:
    """Return the luma (H, W) of a grey (H, W), (H, W, 1) or colour (H, W, 3 or 4) picture.

    ``order`` is the order of the colour channels. An alpha channel is ignored.

    Raises:
        TypeError: it is not a numpy array.
        ValueError: it is not uint8, has another shape or a side below 16 px, or ``order`` is
            neither "bgr" nor "rgb".
    """
    if not isinstance(picture, np.ndarray):
        raise TypeError(f"picture is {type(picture).__name__}, must be a path or a numpy array")
    if order not in _TO_GREY:
        raise ValueError(f"order is {order!r}, must be 'bgr' or 'rgb'")
    channels = picture.shape[2] if picture.ndim == 3 else 1
    is_picture = picture.ndim in (2, 3) and channels in (1, 3, 4)
    if picture.dtype != np.uint8 or not is_picture or min(picture.shape[:2]) < SMALLEST_SIDE:
        raise ValueError(
            f"picture is {picture.dtype} {picture.shape}, must be uint8 (height, width), or "
            f"(height, width, 3 or 4) for colour, {SMALLEST_SIDE} px or more on each side"
        )
    if channels == 1:
        return np.ascontiguousarray(picture.reshape(picture.shape[:2]))
    colour = np.ascontiguousarray(picture[:, :, :3])
    return _as_luma(cv2.cvtColor(colour, _TO_GREY[order]))


def _as_luma(picture: object) -> Luma:
    return np.asarray(picture, np.uint8)
