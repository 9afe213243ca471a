"""UltraLight: a thin strided stem, then depthwise-separable blocks with attention at the end."""

from collections.abc import Sequence

from torch import nn

from training.nets.blocks import Classifier, SeparableBlock, conv_bn


def ultralight(
    *,
    labels: int = 7,
    stem: int = 32,
    widths: Sequence[int] = (64, 160, 320),
    blocks: Sequence[int] = (1, 3, 2),
    dropout: float = 0.2,
    attention: bool = True,
) -> Classifier:
    """Build the network; stages after the first halve the picture, the last has the gates."""
    layers: list[nn.Module] = [conv_bn(1, stem, kernel=5, stride=2)]
    inputs = stem
    for stage, (width, count) in enumerate(zip(widths, blocks, strict=True)):
        for block in range(count):
            layers.append(
                SeparableBlock(
                    inputs,
                    width,
                    depth=2,
                    pool=stage > 0 and block == 0,
                    attention=attention and stage == len(widths) - 1,
                )
            )
            inputs = width
    return Classifier(nn.Sequential(*layers), inputs, labels, dropout)
