"""What a cheap camera does to a picture: light, blur, noise, JPEG, lost resolution."""

from typing import Final

import cv2
import numpy as np

from edge_fer.types import Luma

Draw = np.random.Generator

BLUR: Final = 0.045
"""Largest standard deviation of blur in terms of the smallest face's side; more hides it."""


def degrade(luma: Luma, smallest: float, draw: Draw) -> Luma:
    """Return the picture (H, W) as a camera may give it; ``smallest`` is a face's side in px."""
    picture = _light(luma, draw)
    if draw.random() < 0.35:
        sigma = draw.uniform(0.3, max(0.4, min(BLUR * smallest, 3.0)))
        picture = cv2.GaussianBlur(picture, (0, 0), sigma)
    if draw.random() < 0.12 and smallest >= 24:
        picture = _shaken(picture, max(3, round(smallest * draw.uniform(0.05, 0.12))), draw)
    if draw.random() < 0.15 and smallest >= 24:
        picture = _coarse(picture, draw.uniform(max(0.35, 12 / smallest), 0.9))
    if draw.random() < 0.4:
        spread = draw.uniform(0, 8) if draw.random() < 0.85 else draw.uniform(8, 20)
        picture = picture + draw.standard_normal(picture.shape, np.float32) * spread
    result = np.clip(np.round(picture), 0, 255).astype(np.uint8)
    if draw.random() < 0.3:
        quality = int(draw.integers(25, 95))
        coded = cv2.imencode(".jpg", result, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        result = np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), np.uint8)
    return result


def _light(luma: Luma, draw: Draw) -> np.ndarray:
    """Gamma, contrast, brightness, and at times a light from one side."""
    levels = np.arange(256, dtype=np.float32) / 255
    levels = levels ** np.exp(draw.uniform(-0.45, 0.45))
    contrast = np.exp(draw.normal(-0.05, 0.28))
    levels = (levels - 0.5) * contrast + 0.5 + draw.normal(0, 0.1)
    picture = 255.0 * np.clip(levels, 0, 1)[luma]
    if draw.random() < 0.2:
        angle, amount = draw.uniform(0, 2 * np.pi), draw.uniform(0.1, 0.7)
        y = np.linspace(-1, 1, luma.shape[0], dtype=np.float32)[:, None]
        x = np.linspace(-1, 1, luma.shape[1], dtype=np.float32)[None]
        picture = picture * (1 + amount * (np.cos(angle) * x + np.sin(angle) * y) / 1.5)
    return np.asarray(picture, np.float32)


def _shaken(picture: np.ndarray, length: int, draw: Draw) -> np.ndarray:
    kernel = np.zeros((length, length), np.float32)
    angle, middle = draw.uniform(0, np.pi), (length - 1) / 2
    reach = np.array([np.cos(angle), np.sin(angle)]) * middle
    start, end = ((middle + sign * reach).round().astype(int).tolist() for sign in (-1, 1))
    cv2.line(kernel, start, end, 1.0)
    return np.asarray(cv2.filter2D(picture, -1, kernel / kernel.sum()), np.float32)


def _coarse(picture: np.ndarray, factor: float) -> np.ndarray:
    size = [max(2, round(side * factor)) for side in picture.shape[::-1]]
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    full = picture.shape[::-1]
    return np.asarray(cv2.resize(small, full, interpolation=cv2.INTER_LINEAR), np.float32)
