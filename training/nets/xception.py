"""Xception for small chips (after Chollet 2017, arXiv 1610.02357): entry, middle, exit flow.

The entry flow halves the picture once in the stem and twice by pooling; the middle flow
repeats blocks of three separable convolutions; ReLU stands after each sum, not before it.
"""

from collections.abc import Sequence

from torch import nn

from training.nets.blocks import Classifier, SeparableBlock, conv_bn, separable_bn


def xception(
    *,
    labels: int = 7,
    stem: int = 32,
    entry: Sequence[int] = (96, 192, 320),
    middle: int = 3,
    exit_width: int = 512,
    dropout: float = 0.3,
) -> Classifier:
    """Build the network for chips of 32 px and more."""
    layers: list[nn.Module] = [conv_bn(1, stem, kernel=5, stride=2)]
    inputs = stem
    for stage, width in enumerate(entry):
        layers.append(SeparableBlock(inputs, width, depth=2, pool=stage > 0))
        inputs = width
    layers += [SeparableBlock(inputs, inputs, depth=3, pool=False) for _ in range(middle)]
    layers += [*separable_bn(inputs, exit_width), nn.ReLU(inplace=True)]
    return Classifier(nn.Sequential(*layers), exit_width, labels, dropout)
