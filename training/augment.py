"""Augment a batch of chips at random, with the effects of camera, detector and face.

Works on float tensors (N, 1, S, S) in the network's own units (`edge_fer.emotion.session`).
"""

import math

import torch
from torch.nn import functional as F

from training.data import SPEC


def augment(
    chips: torch.Tensor, generator: torch.Generator, *, strength: float = 1.0, degrade: float = 1.0
) -> torch.Tensor:
    """Return a new tensor of that shape: flipped, moved, relit, degraded and partly covered."""
    chips = _move(chips, generator, strength)
    chips = _relight(chips, generator, strength)
    chips = _degrade(chips, generator, degrade)
    return _cut_out(chips, generator, degrade)


def blend(
    chips: torch.Tensor, generator: torch.Generator, *, share: float
) -> tuple[torch.Tensor, torch.Tensor, float]:
    """Apply mixup (Zhang et al. 2018, arXiv 1710.09412) to ``share`` of the batches.

    Returns the chips, the places of their partners in the batch and the chips' own weight,
    0.6 to 1; a batch that is left alone has weight 1.
    """
    if share == 0 or float(torch.rand(1, generator=generator)) >= share:
        return chips, torch.arange(len(chips)), 1.0
    partner = torch.randperm(len(chips), generator=generator)
    weight = 1 - 0.4 * float(torch.rand(1, generator=generator))
    return weight * chips + (1 - weight) * chips[partner], partner, weight


def _uniform(count: int, low: float, high: float, generator: torch.Generator) -> torch.Tensor:
    return torch.rand(count, generator=generator) * (high - low) + low


def _move(chips: torch.Tensor, generator: torch.Generator, strength: float) -> torch.Tensor:
    """Flip half; turn by up to 16 degrees, scale by 0.88-1.14, shift by up to 6 % of the chip."""
    count = len(chips)
    angle = _uniform(count, -16, 16, generator) * (math.pi / 180) * strength
    scale = _uniform(count, 0.88, 1.14, generator) ** strength
    flip = torch.where(torch.rand(count, generator=generator) < 0.5, -1.0, 1.0)
    cos, sin = scale * angle.cos(), scale * angle.sin()
    shift = _uniform(2 * count, -0.12, 0.12, generator).view(2, count) * strength
    theta = torch.stack(
        [torch.stack([cos * flip, -sin, shift[0]], 1), torch.stack([sin * flip, cos, shift[1]], 1)],
        1,
    )
    grid = F.affine_grid(theta, list(chips.shape), align_corners=False)
    return F.grid_sample(chips, grid, padding_mode="reflection", align_corners=False)


def _relight(chips: torch.Tensor, generator: torch.Generator, strength: float) -> torch.Tensor:
    """Change contrast by 0.7-1.35 and brightness by up to 0.4 deviations; add a linear shade."""
    count, size = len(chips), chips.shape[-1]
    contrast = _uniform(count, 0.7, 1.35, generator).view(-1, 1, 1, 1) ** strength
    brightness = _uniform(count, -0.4, 0.4, generator).view(-1, 1, 1, 1) * strength
    slope = _uniform(2 * count, -0.25, 0.25, generator).view(2, count, 1, 1) * strength
    ramp = torch.linspace(-1, 1, size)
    shade = slope[0] * ramp.view(1, 1, size) + slope[1] * ramp.view(1, size, 1)
    return chips * contrast + brightness + shade[:, None]


def _degrade(chips: torch.Tensor, generator: torch.Generator, share: float) -> torch.Tensor:
    """Degrade each part of the batch by one effect of a cheap camera.

    Blur a sixteenth with 3 px and one with 5 px, shrink an eighth to half or more of its size
    and regrow it, bend the tones of an eighth, pass an eighth through JPEG, add noise to both.
    """
    count, size = len(chips), chips.shape[-1]
    order = torch.randperm(count, generator=generator)
    sixteenth = int(count * share / 16)
    parts = torch.split(order, max(1, sixteenth))
    if not sixteenth:
        return chips
    chips = chips.clone()
    for part, side in zip(parts, (3, 5), strict=False):
        edge = side // 2
        framed = F.pad(chips[part], (edge, edge, edge, edge), mode="replicate")
        chips[part] = F.avg_pool2d(framed, side, stride=1)
    shrunk, bent, packed, noisy = (
        order[start * sixteenth : end * sixteenth]
        for start, end in ((2, 4), (4, 6), (6, 8), (4, 8))
    )
    factor = 0.5 + 0.25 * float(torch.rand(1, generator=generator))
    small = F.interpolate(chips[shrunk], size=int(size * factor), mode="area")
    chips[shrunk] = F.interpolate(small, size=size, mode="bilinear", align_corners=False)
    chips[bent] = _bend(chips[bent], generator)
    chips[packed] = jpeg(chips[packed], 30 + 60 * float(torch.rand(1, generator=generator)))
    noise = torch.randn(chips[noisy].shape, generator=generator)
    chips[noisy] += noise * _uniform(len(noisy), 0, 0.18, generator).view(-1, 1, 1, 1)
    return chips


def _bend(chips: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Apply gamma between 1/2.2 and 2.2 to pixels."""
    exponent = (_uniform(len(chips), -0.8, 0.8, generator)).exp().view(-1, 1, 1, 1)
    pixels = ((chips * SPEC.std + SPEC.mean) / 255).clamp(0, 1)
    return (pixels**exponent * 255 - SPEC.mean) / SPEC.std


def jpeg(chips: torch.Tensor, quality: float) -> torch.Tensor:
    """Apply the loss of a baseline grey JPEG (ITU-T T.81): 8 x 8 DCT, quantized, and back.

    ``quality`` scales the table of Annex K as libjpeg does, from 1 to 100.
    """
    count, _, size, _ = chips.shape
    scale = 5000 / quality if quality < 50 else 200 - 2 * quality
    table = ((LUMINANCE * scale + 50) / 100).floor().clamp(1, 255)
    blocks = F.unfold(chips * SPEC.std + SPEC.mean - 128, 8, stride=8)
    blocks = blocks.transpose(1, 2).reshape(count, -1, 8, 8)
    kept = ((DCT @ blocks @ DCT.T) / table).round() * table
    pixels = (DCT.T @ kept @ DCT).reshape(count, -1, 64).transpose(1, 2)
    whole = F.fold(pixels, (size, size), 8, stride=8)
    return (whole + 128 - SPEC.mean) / SPEC.std


def _cosines() -> torch.Tensor:
    rows = torch.arange(8.0).view(8, 1)
    basis = torch.cos((2 * torch.arange(8.0) + 1) * rows * math.pi / 16) / 2
    basis[0] /= math.sqrt(2)
    return basis


DCT = _cosines()
"""(8, 8) orthonormal type-II cosine transform."""

LUMINANCE = torch.tensor(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ]
)
"""Quantization of luminance at quality 50 (ITU-T T.81, table K.1)."""


def _cut_out(chips: torch.Tensor, generator: torch.Generator, share: float) -> torch.Tensor:
    """Cover a rectangle of an eighth to a quarter of the side in 40 % of the chips."""
    count, size = len(chips), chips.shape[-1]
    draw = torch.rand(5, count, generator=generator)
    side = (size / 8 + draw[0] * size / 8).view(-1, 1, 1)
    top, left = ((draw[k] * size).view(-1, 1, 1) for k in (1, 2))
    rows = torch.arange(size).view(1, -1, 1)
    columns = torch.arange(size).view(1, 1, -1)
    inside = (rows >= top) & (rows < top + side) & (columns >= left) & (columns < left + side)
    covered = inside & (draw[3] < 0.4 * share).view(-1, 1, 1)
    value = (draw[4] * 2 - 1).view(-1, 1, 1, 1)
    return torch.where(covered[:, None], value, chips)
