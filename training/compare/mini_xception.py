"""Rebuild mini_XCEPTION, the reference of all latencies, from its paper with random weights.

Arriaga et al. 2017, arXiv 1710.07557. Only its cost is used here; it is not trained.
"""

import torch
from torch import nn

from training.nets.blocks import separable_bn

WIDTHS = (16, 32, 64, 128)


class _Module(nn.Module):
    """Two separable convolutions and a pool, beside a strided 1x1 convolution."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *separable_bn(inputs, outputs),
            nn.ReLU(inplace=True),
            *separable_bn(outputs, outputs),
            nn.MaxPool2d(3, 2, padding=1),
        )
        self.skip = nn.Sequential(
            nn.Conv2d(inputs, outputs, 1, 2, bias=False), nn.BatchNorm2d(outputs)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (N, inputs, H, W) to (N, outputs, ceil(H / 2), ceil(W / 2))."""
        result: torch.Tensor = self.body(x) + self.skip(x)
        return result


def mini_xception(labels: int = 7, channels: int = 1) -> nn.Sequential:
    """Return (N, labels) probabilities of (N, channels, S, S); the paper's S is 48 or 64."""
    stem: list[nn.Module] = []
    for inputs in (channels, 8):
        stem += [nn.Conv2d(inputs, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(inplace=True)]
    modules = [
        _Module(inputs, outputs) for inputs, outputs in zip((8, *WIDTHS), WIDTHS, strict=False)
    ]
    head = [nn.Conv2d(WIDTHS[-1], labels, 3, padding=1), nn.AdaptiveAvgPool2d(1)]
    return nn.Sequential(*stem, *modules, *head, nn.Flatten(), nn.Softmax(1))
