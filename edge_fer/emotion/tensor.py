"""Chips to the network's input: the one place where pixels become numbers.

Training, calibration, evaluation, the bench and the daemon all call `to_tensor`,
so that a network never sees at run time what it did not see while learning.
"""

import numpy as np
from numpy.typing import NDArray

from edge_fer.emotion.card import Input


def to_tensor(chips: NDArray[np.uint8], spec: Input) -> NDArray[np.float32]:
    """Return chips (N, S, S) uint8 luma as float32 in the layout the card asks for.

    Each pixel becomes ``(pixel - mean) / std``. With three channels the luma is replicated.
    """
    scaled = (chips.astype(np.float32) - np.float32(spec.mean)) / np.float32(spec.std)
    axis = 1 if spec.layout == "NCHW" else 3
    tensor: NDArray[np.float32] = np.repeat(np.expand_dims(scaled, axis), spec.channels, axis=axis)
    return tensor


def drawn_chip(pattern: tuple[int, int, int], size: int) -> NDArray[np.uint8]:
    """The golden vectors' chip (S, S): ``(a x + b y + c x y) mod 256``, the same anywhere."""
    a, b, c = pattern
    y, x = np.mgrid[:size, :size]
    return np.asarray((a * x + b * y + c * x * y) % 256, np.uint8)
