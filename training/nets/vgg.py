"""A VGG with batch norm (after Simonyan and Zisserman 2014, arXiv 1409.1556): a teacher.

It looks at the whole 48 x 48 chip before it pools, as the ResNet does not, so that the two
err in different places.
"""

from collections.abc import Sequence

from torch import nn

from training.nets.blocks import Classifier, conv_bn


def vgg(
    *,
    labels: int = 7,
    widths: Sequence[int] = (32, 64, 128, 256),
    blocks: Sequence[int] = (1, 2, 3, 3),
    dropout: float = 0.4,
) -> Classifier:
    """Build the network: stages of 3x3 convolutions with a pool between them."""
    layers: list[nn.Module] = []
    inputs = 1
    for width, count in zip(widths, blocks, strict=True):
        if layers:
            layers.append(nn.MaxPool2d(2))
        for _ in range(count):
            layers.append(conv_bn(inputs, width, kernel=3))
            inputs = width
    return Classifier(nn.Sequential(*layers), inputs, labels, dropout)
