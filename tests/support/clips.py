"""Small clips and pictures made on the spot."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 96, 64


def scenes(count: int, width: int = WIDTH, height: int = HEIGHT) -> list[NDArray[np.uint8]]:
    """Return ``count`` smooth grey frames; frame n is brighter than frame n-1 by 4."""
    ramp = np.linspace(0, 100, width)[None, :] + np.linspace(0, 20, height)[:, None]
    return [(ramp + 4 * n).astype(np.uint8) for n in range(count)]


def write_video(path: Path, frames: Sequence[NDArray[np.uint8]], code: str, fps: float) -> Path:
    height, width = frames[0].shape
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*code), fps, (width, height))
    for frame in frames:
        writer.write(cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR))
    writer.release()
    return path


def write_gif(path: Path, frames: Sequence[NDArray[np.uint8]], delays_cs: Sequence[int]) -> Path:
    """Write a gif of 128 greys, each frame shown for its delay in hundredths of a second.

    The LZW code table is cleared before it outgrows 8 bits, so that every code is one byte.
    """
    height, width = frames[0].shape
    size = width.to_bytes(2, "little") + height.to_bytes(2, "little")
    palette = bytes(level for grey in range(128) for level in [2 * grey] * 3)
    data = b"GIF89a" + size + b"\xe6\x00\x00" + palette
    for frame, delay in zip(frames, delays_cs, strict=True):
        data += b"\x21\xf9\x04\x00" + delay.to_bytes(2, "little") + b"\x00\x00"
        data += b"\x2c\x00\x00\x00\x00" + size + b"\x00\x07"
        pixels = (frame // 2).tobytes()
        codes = (
            b"".join(b"\x80" + pixels[n : n + 100] for n in range(0, len(pixels), 100)) + b"\x81"
        )
        for n in range(0, len(codes), 255):
            block = codes[n : n + 255]
            data += bytes([len(block)]) + block
        data += b"\x00"
    path.write_bytes(data + b"\x3b")
    return path


def write_folder(path: Path, frames: Sequence[NDArray[np.uint8]]) -> Path:
    path.mkdir()
    for number, frame in enumerate(frames):
        cv2.imwrite(str(path / f"{number:03}.png"), frame)
    return path
