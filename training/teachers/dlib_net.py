"""Load dlib's face descriptor into torch: a ResNet of 29 layers trained on identities.

The file uses dlib's serialization. Its layers are stored from the input to the output. An array is
a version of two bytes, four sizes as packed integers (the number of bytes, then the bytes), and
little-endian float32 values.
"""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

LEVELS = ((32, 3, False), (64, 4, True), (128, 3, True), (256, 3, True), (256, 1, True))
"""Channels and blocks of each level; True if its first block halves the maps."""
DESCRIPTOR = 128
MEAN = (122.782, 117.001, 104.298)
SCALE = 1 / 256
"""dlib subtracts `MEAN` from red, green and blue and multiplies by `SCALE`."""
_GAP = 400
"""Maximum number of bytes between two arrays."""


class Reader:
    """Read the arrays of dlib's file in order."""

    def __init__(self, content: bytes) -> None:
        self._content, self._at = content, 0

    def take(self, *shape: int) -> NDArray[np.float32]:
        """Return the next array; its four sizes are ``shape``, filled up with ones.

        Raises:
            ValueError: no array of these sizes follows.
        """
        sizes = (*shape, 1, 1, 1, 1)[:4]
        header = b"\x01\x02" + b"".join(_packed(size) for size in sizes)
        found = self._content.find(header, self._at, self._at + _GAP)
        if found < 0:
            raise ValueError(f"no array of sizes {sizes} behind byte {self._at}")
        start = found + len(header)
        values = np.frombuffer(self._content, "<f4", int(np.prod(sizes)), start)
        self._at = start + values.nbytes
        return values.astype(np.float32).reshape(shape)


def _packed(number: int) -> bytes:
    content = number.to_bytes(max(1, (number.bit_length() + 7) // 8), "little")
    return bytes([len(content)]) + content


class Affine(nn.Module):
    """Scale and shift each channel, like dlib's frozen batch norm."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(channels))
        self.shift = nn.Parameter(torch.zeros(channels))

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Return maps (N, C, H, W)."""
        return maps * self.scale.view(1, -1, 1, 1) + self.shift.view(1, -1, 1, 1)


class Residual(nn.Module):
    """Add two convolutions to a shortcut; pad the smaller one with zeros."""

    def __init__(self, inputs: int, outputs: int, *, halve: bool) -> None:
        super().__init__()
        self.halve = halve
        self.first = nn.Conv2d(inputs, outputs, 3, *((2, 0) if halve else (1, 1)))
        self.second = nn.Conv2d(outputs, outputs, 3, 1, 1)
        self.after_first, self.after_second = Affine(outputs), Affine(outputs)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Return the maps of the block for maps (N, C, H, W)."""
        inside = F.relu(self.after_first(self.first(maps)))
        inside = self.after_second(self.second(inside))
        beside = F.avg_pool2d(maps, 2) if self.halve else maps
        sizes = [max(pair) for pair in zip(inside.shape[1:], beside.shape[1:], strict=True)]
        return F.relu(_filled(inside, sizes) + _filled(beside, sizes))


def _filled(maps: torch.Tensor, sizes: list[int]) -> torch.Tensor:
    channels, height, width = (
        size - have for size, have in zip(sizes, maps.shape[1:], strict=True)
    )
    if not (channels or height or width):
        return maps
    return F.pad(maps, (0, width, 0, height, 0, channels))


class DlibNet(nn.Module):
    """Map grey pictures (N, 1, S, S) to features (N, 256).

    The last level and the descriptor need pictures of 150 px; they exist only if ``whole``.
    """

    width = 256

    def __init__(self, content: Path, *, mean: float, std: float, whole: bool = False) -> None:
        super().__init__()
        self.mean, self.std = mean, std
        self.first, self.after_first = nn.Conv2d(1, 32, 7, 2), Affine(32)
        blocks, channels = [], 32
        for outputs, count, down in LEVELS if whole else LEVELS[:-1]:
            for number in range(count):
                halve = down and not number
                blocks.append(Residual(channels, outputs, halve=halve))
                channels = outputs
        self.blocks = nn.ModuleList(blocks)
        self.descriptor = nn.Linear(channels, DESCRIPTOR, bias=False) if whole else None
        self._take(Reader(content.read_bytes()))

    @torch.no_grad()
    def _take(self, reader: Reader) -> None:
        values = torch.from_numpy(reader.take(32 * 3 * 49 + 32))
        kernel = values[:-32].view(32, 3, 7, 7)
        # The bias absorbs the mean, which is exact because this layer has no padding.
        missing = (kernel.sum((2, 3)) * torch.tensor(MEAN)).sum(1) * SCALE
        self.first.weight.copy_(kernel.sum(1, keepdim=True) * SCALE)
        self.first.bias.copy_(values[-32:] - missing)  # type: ignore[union-attr]
        _take_affine(self.after_first, reader)
        for block in self.blocks:
            assert isinstance(block, Residual)
            for layer, after in (
                (block.first, block.after_first),
                (block.second, block.after_second),
            ):
                count = layer.weight.numel()
                values = torch.from_numpy(reader.take(count + layer.out_channels))
                layer.weight.copy_(values[:count].view_as(layer.weight))
                layer.bias.copy_(values[count:])  # type: ignore[union-attr]
                _take_affine(after, reader)
        if self.descriptor is not None:
            self.descriptor.weight.copy_(torch.from_numpy(reader.take(256, DESCRIPTOR)).T)

    def forward(self, chips: torch.Tensor) -> torch.Tensor:
        """Return the features of ``chips`` (N, 1, S, S), scaled as (luma - mean) / std.

        With ``whole``, return the descriptor (N, 128).
        """
        maps = F.relu(self.after_first(self.first(chips * self.std + self.mean)))
        maps = F.max_pool2d(maps, 3, 2)
        for block in self.blocks:
            maps = block(maps)
        features = maps.mean((2, 3))
        return features if self.descriptor is None else self.descriptor(features)


def _take_affine(layer: Affine, reader: Reader) -> None:
    values = torch.from_numpy(reader.take(2 * len(layer.scale)))
    layer.scale.copy_(values[: len(layer.scale)])
    layer.shift.copy_(values[len(layer.scale) :])
