"""A plain ResNet (He et al. 2015, arXiv 1512.03385): the teacher, never shipped.

Dense convolutions use a CPU's bfloat16 units better than separable ones of the same cost,
which is why the teacher is of another family.
"""

from collections.abc import Sequence

import torch
from torch import nn

from training.nets.blocks import Classifier, conv_bn


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with a skip."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *conv_bn(inputs, outputs, 3, stride),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.skip: nn.Module = nn.Identity()
        if inputs != outputs or stride != 1:
            self.skip = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (N, inputs, H, W) to (N, outputs, H / stride, W / stride)."""
        result: torch.Tensor = self.relu(self.body(x) + self.skip(x))
        return result


def resnet(
    *,
    labels: int = 7,
    widths: Sequence[int] = (48, 96, 192, 256),
    strides: Sequence[int] = (1, 2, 2, 1),
    dropout: float = 0.3,
) -> Classifier:
    """Build the network: a strided 5x5 stem, then one basic block per width."""
    layers: list[nn.Module] = [conv_bn(1, widths[0], kernel=5, stride=2)]
    inputs = widths[0]
    for width, stride in zip(widths, strides, strict=True):
        layers.append(BasicBlock(inputs, width, stride))
        inputs = width
    return Classifier(nn.Sequential(*layers), inputs, labels, dropout)
