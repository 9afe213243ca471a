"""Which pictures of one split are copies of pictures of another.

FER-2013 holds 290 PublicTest and 298 PrivateTest pictures that are copies of training ones;
they lift every model trained on it, so figures are given without them as well.
"""

import numpy as np
from numpy.typing import NDArray

LIMIT = 10.0
"""Mean squared difference of pixels (0-255) below which two pictures are the same."""

CHUNK = 512


def copies(images: NDArray[np.uint8], originals: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Tell for each of ``images`` (N, H, W) whether it is a copy of one of ``originals``."""
    flat, known = _flat(images), _flat(originals)
    known_square = (known**2).sum(axis=1)
    result = np.zeros(len(flat), bool)
    for start in range(0, len(flat), CHUNK):
        part = flat[start : start + CHUNK]
        # |a - b|² = |a|² - 2ab + |b|², so that the work is one matrix product.
        distance = known_square - 2 * (part @ known.T)
        nearest = distance.min(axis=1) + (part**2).sum(axis=1)
        result[start : start + CHUNK] = nearest / part.shape[1] < LIMIT
    return result


def _flat(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    # Centred, since differences of large squares would lose float32's last digits.
    return images.reshape(len(images), -1).astype(np.float32) - np.float32(128)
