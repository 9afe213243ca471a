"""The network: depthwise separable, fully convolutional, three levels, anchor-free.

Each cell of each level says how well its box fits a face (the expected IoU), where the face is,
how large it is and where its five points are. Only what ONNX quantizes well is used: ReLU,
3x3 and 1x1 convolutions, nearest-neighbour upsampling, addition.
"""

import dataclasses
from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

STRIDES: Final = (8, 16, 32)
"""Px of the input between the cells of each level."""

VALUES: Final = 14
"""Of a cell: score, centre x, centre y, log of the side, five points' x and y."""

MEAN, SCALE = 128.0, 64.0
"""Subtracted from luma and dividing it."""


@dataclasses.dataclass(frozen=True)
class Shape:
    """How wide and deep the network is."""

    stem: int = 16
    quarter: int = 32
    """Channels at a quarter of the resolution."""
    width: int = 64
    """Channels from an eighth on."""
    depths: tuple[int, int, int, int] = (1, 3, 4, 3)
    """Residual blocks at a quarter, eighth, sixteenth and thirty-second of the resolution."""
    neck: int = 48
    """Channels of the feature pyramid and the heads."""
    head: int = 1
    """Separable convolutions in front of each level's outputs."""


def convolution(
    inputs: int, outputs: int, size: int, stride: int = 1, groups: int = 1
) -> nn.Conv2d:
    """Return a convolution without bias, padded to keep the size."""
    return nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False)


class Separable(nn.Module):
    """Depthwise 3x3, then pointwise; the input is added where the shape allows it."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.depthwise = convolution(inputs, inputs, 3, stride, inputs)
        self.norm1 = nn.BatchNorm2d(inputs)
        self.pointwise = convolution(inputs, outputs, 1)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.residual = inputs == outputs and stride == 1

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, H, W) to (N, outputs, H / stride, W / stride)."""
        y = self.norm2(self.pointwise(F.relu(self.norm1(self.depthwise(x)))))
        return F.relu(x + y if self.residual else y)


class FaceNet(nn.Module):
    """Luma (N, 1, H, W), sides multiples of 32, to one map (N, `VALUES`, h, w) for each level."""

    def __init__(self, shape: Shape = Shape()) -> None:
        super().__init__()
        self.shape = shape
        self.stem = nn.Sequential(
            convolution(1, shape.stem, 3, 2), nn.BatchNorm2d(shape.stem), nn.ReLU()
        )
        widths = (shape.quarter, shape.width, shape.width, shape.width)
        self.stages, inputs = nn.ModuleList(), shape.stem
        for width, depth in zip(widths, shape.depths, strict=True):
            blocks = [Separable(inputs, width, 2), *(Separable(width, width) for _ in range(depth))]
            self.stages.append(nn.Sequential(*blocks))
            inputs = width
        self.lateral = nn.ModuleList(
            nn.Sequential(convolution(shape.width, shape.neck, 1), nn.BatchNorm2d(shape.neck))
            for _ in STRIDES
        )
        self.smooth = nn.ModuleList(Separable(shape.neck, shape.neck) for _ in STRIDES[:-1])
        self.heads = nn.ModuleList(
            nn.Sequential(
                *(Separable(shape.neck, shape.neck) for _ in range(shape.head)),
                nn.Conv2d(shape.neck, VALUES, 1),
            )
            for _ in STRIDES
        )
        for head in self.heads:
            last = head[-1]  # type: ignore[index]
            nn.init.normal_(last.weight, std=0.01)
            nn.init.zeros_(last.bias)
            nn.init.constant_(last.bias[:1], -4.6)  # of a sigmoid of 0.01: most cells have no face

    def forward(self, luma: Tensor) -> list[Tensor]:
        """Return the maps, the finest level first; scores are logits."""
        x = self.stem((luma - MEAN) / SCALE)
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        merged = [side(x) for side, x in zip(self.lateral, features[1:], strict=True)]
        above = F.relu(merged[-1])
        levels = [above]
        for side, smooth in zip(merged[-2::-1], reversed(list(self.smooth)), strict=True):
            above = smooth(F.relu(side + F.interpolate(above, scale_factor=2.0, mode="nearest")))
            levels.insert(0, above)
        return [head(level) for head, level in zip(self.heads, levels, strict=True)]


def parameters(net: nn.Module) -> int:
    """Count the numbers that are learnt."""
    return sum(value.numel() for value in net.parameters())


def multiplications(net: FaceNet, size: Sequence[int]) -> int:
    """Count the multiply-accumulates of convolutions on one picture of ``size`` (H, W)."""
    total = 0

    def count(module: nn.Module, _: object, output: Tensor) -> None:
        nonlocal total
        assert isinstance(module, nn.Conv2d)
        total += output[0].numel() * module.weight[0].numel()

    hooks = [m.register_forward_hook(count) for m in net.modules() if isinstance(m, nn.Conv2d)]
    training = net.training
    with torch.no_grad():
        net.eval()(torch.zeros(1, 1, *size))
    net.train(training)
    for hook in hooks:
        hook.remove()
    return total
