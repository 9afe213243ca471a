"""Corrupt labelled chips as cameras, lenses and detectors do.

All functions map (N, H, W) uint8 to the same shape and are repeatable. Nothing here can encode a
picture: JPEG is only its loss.
"""

import numpy as np
from numpy.typing import NDArray

from edge_fer.vision.pixels import rescale, resize_square, warp

Chips = NDArray[np.uint8]

LUMINANCE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
"""Quantisation of luminance at quality 50 (ITU-T T.81, Annex K, table K.1)."""


def move(
    chips: Chips, *, right: float = 0.0, down: float = 0.0, scale: float = 1.0, roll: float = 0.0
) -> Chips:
    """Shift the face by fractions of the side, scale and turn it (degrees) about the centre.

    Pixels outside the picture repeat its border.
    """
    side = chips.shape[-1]
    angle = np.radians(roll)
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    centre = np.full(2, (side - 1) / 2)
    shift = centre - linear @ centre + np.array([right, down]) * side
    matrix = np.column_stack([linear, shift])
    return np.stack([warp(chip, matrix, side) for chip in chips])


def halve(chips: Chips) -> Chips:
    """Shrink to half the side by area, and enlarge again linearly."""
    side = chips.shape[-1]
    return np.stack([resize_square(rescale(chip, 0.5), side) for chip in chips])


def box_blur(chips: Chips, *, side: int = 5) -> Chips:
    """Average the ``side`` x ``side`` px around each pixel (odd), with the border repeated."""
    reach = side // 2
    height, width = chips.shape[1:]
    wide = np.pad(chips, ((0, 0), (reach, reach), (reach, reach)), mode="edge").astype(np.float32)
    rows = np.sum([wide[:, k : k + height] for k in range(side)], axis=0)
    total = np.sum([rows[:, :, k : k + width] for k in range(side)], axis=0)
    return _to_chips(total / side**2)


def darken(chips: Chips, *, gamma: float = 2.0, sigma: float = 8.0, seed: int = 0) -> Chips:
    """Apply gamma on 0-1, which darkens, then add Gaussian noise of ``sigma`` grey levels."""
    # RandomState, since its numbers are the same in every numpy.
    noise = np.random.RandomState(seed).normal(0, sigma, chips.shape)
    return _to_chips(255 * (chips / 255) ** gamma + noise)


def jpeg_loss(chips: Chips, *, quality: int = 40) -> Chips:
    """Apply the loss of a grey baseline JPEG of ``quality`` 1-100 (libjpeg's scale).

    JPEG loses by rounding the 8x8 DCT's coefficients; the rest of it is lossless packing.
    """
    height, width = chips.shape[1:]
    padded = np.pad(chips, ((0, 0), (0, -height % 8), (0, -width % 8)), mode="edge")
    count, tall, wide = padded.shape
    blocks = padded.reshape(count, tall // 8, 8, wide // 8, 8).transpose(0, 1, 3, 2, 4)
    dct, steps = _dct_matrix(), _quantisation(quality)
    # libjpeg's DCT is one of integers that keeps three binary places.
    eighths = _round(dct @ (blocks - np.float32(128)) @ dct.T * np.float32(8))
    kept = _round(eighths / (np.float32(8) * steps))
    restored = dct.T @ (kept * steps) @ dct + 128
    whole = restored.transpose(0, 1, 3, 2, 4).reshape(padded.shape)
    return _to_chips(whole[:, :height, :width])


def _dct_matrix() -> NDArray[np.float32]:
    """Return the orthonormal DCT-II of 8 values (8, 8)."""
    k, n = np.mgrid[:8, :8]
    matrix = np.cos(np.pi * (2 * n + 1) * k / 16) / 2
    matrix[0] /= np.sqrt(2)
    return np.asarray(matrix, np.float32)


def _quantisation(quality: int) -> NDArray[np.float32]:
    """Return the step of each coefficient (8, 8) by libjpeg's rule; T.81 defines none."""
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    steps = (np.array(LUMINANCE) * percent + 50) // 100
    return np.asarray(np.clip(steps, 1, 255), np.float32)


def _round(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Round to integers, halves away from zero, as C programs do."""
    return np.trunc(values + np.copysign(np.float32(0.5), values))


def _to_chips(values: NDArray[np.float32] | NDArray[np.float64]) -> Chips:
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)
