"""Provide the building blocks of the networks.

All of them are chosen for INT8 in onnxruntime: ReLU behind the sum (so that it fuses),
max-pool before the depthwise convolution (torch trains a strided one slowly on a CPU),
no norm between depthwise and pointwise (Chollet 2017, arXiv 1610.02357, section 4.7).
"""

import torch
from torch import nn


def conv_bn(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """Return dense convolution, batch norm and ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def separable_bn(inputs: int, outputs: int) -> list[nn.Module]:
    """Return three layers: depthwise 3x3, pointwise 1x1, batch norm."""
    return [
        nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False),
        nn.Conv2d(inputs, outputs, 1, bias=False),
        nn.BatchNorm2d(outputs),
    ]


class AttentionGate(nn.Module):
    """Squeeze-and-excitation (Hu et al. 2018, arXiv 1709.01507) with a hard sigmoid."""

    def __init__(self, channels: int, reduction: int = 4) -> None:
        super().__init__()
        hidden = max(8, channels // reduction)
        self.squeeze = nn.AdaptiveAvgPool2d(1)
        self.reduce = nn.Conv2d(channels, hidden, 1)
        self.relu = nn.ReLU(inplace=True)
        self.expand = nn.Conv2d(hidden, channels, 1)
        self.gate = nn.Hardsigmoid()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scale each channel of x (N, C, H, W) by a weight in [0, 1]."""
        weight: torch.Tensor = self.gate(self.expand(self.relu(self.reduce(self.squeeze(x)))))
        return x * weight


class SeparableBlock(nn.Module):
    """``depth`` separable convolutions with a skip: [pool,] (dw, pw, norm, ReLU)..., sum, ReLU."""

    def __init__(
        self, inputs: int, outputs: int, *, depth: int, pool: bool, attention: bool = False
    ) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d(2) if pool else nn.Identity()
        layers: list[nn.Module] = []
        for step in range(depth):
            layers += separable_bn(inputs if step == 0 else outputs, outputs)
            if step < depth - 1:
                layers.append(nn.ReLU(inplace=True))
        if attention:
            layers.append(AttentionGate(outputs))
        self.body = nn.Sequential(*layers)
        self.skip: nn.Module = nn.Identity()
        if inputs != outputs:
            self.skip = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs)
            )
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (N, inputs, H, W) to (N, outputs, H', W'); H' is H / 2 with ``pool``, else H."""
        x = self.pool(x)
        result: torch.Tensor = self.relu(self.body(x) + self.skip(x))
        return result


class Classifier(nn.Module):
    """Features, global average pooling, dropout and two linear heads in one.

    The first ``labels`` outputs are the FER-2013 logits, the other eight the FER+ ones, which
    only help while training: export keeps the first alone.
    """

    AUXILIARY = 8

    def __init__(self, features: nn.Module, width: int, labels: int, dropout: float) -> None:
        super().__init__()
        self.labels = labels
        self.features = features
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, labels + self.AUXILIARY)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (N, labels + 8) logits of (N, 1, S, S)."""
        pooled = self.pool(self.features(x)).flatten(1)
        logits: torch.Tensor = self.head(self.dropout(pooled))
        return logits
