"""Random changes of a batch of chips: what a camera, a detector and a face do to a picture.

Works on float tensors (N, 1, S, S) in the network's own units (`edge_fer.emotion.tensor`).
"""

import math

import torch
from torch.nn import functional as F


def augment(
    chips: torch.Tensor, generator: torch.Generator, *, strength: float = 1.0
) -> torch.Tensor:
    """Flip, move, relight, blur or rescale, add noise and cut out; a new tensor of that shape."""
    chips = _move(chips, generator, strength)
    chips = _relight(chips, generator, strength)
    chips = _soften(chips, generator)
    return _cut_out(chips, generator)


def _uniform(count: int, low: float, high: float, generator: torch.Generator) -> torch.Tensor:
    return torch.rand(count, generator=generator) * (high - low) + low


def _move(chips: torch.Tensor, generator: torch.Generator, strength: float) -> torch.Tensor:
    """Flip half; turn by up to 12 degrees, scale by 0.88-1.14, shift by up to 6 % of the chip."""
    count = len(chips)
    angle = _uniform(count, -12, 12, generator) * (math.pi / 180) * strength
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
    """Contrast 0.7-1.35, brightness within 0.4 (of a standard deviation 1), a linear shade."""
    count, size = len(chips), chips.shape[-1]
    contrast = _uniform(count, 0.7, 1.35, generator).view(-1, 1, 1, 1) ** strength
    brightness = _uniform(count, -0.4, 0.4, generator).view(-1, 1, 1, 1) * strength
    slope = _uniform(2 * count, -0.25, 0.25, generator).view(2, count, 1, 1) * strength
    ramp = torch.linspace(-1, 1, size)
    shade = slope[0] * ramp.view(1, 1, size) + slope[1] * ramp.view(1, size, 1)
    return chips * contrast + brightness + shade[:, None]


def _soften(chips: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Of each batch, blur an eighth, shrink and regrow an eighth, and add noise to a quarter."""
    count, size = len(chips), chips.shape[-1]
    order = torch.randperm(count, generator=generator)
    eighth = count // 8
    chips = chips.clone()
    blurred, shrunk, noisy = order[:eighth], order[eighth : 2 * eighth], order[: 2 * eighth]
    chips[blurred] = F.avg_pool2d(
        F.pad(chips[blurred], (1, 1, 1, 1), mode="replicate"), 3, stride=1
    )
    small = F.interpolate(chips[shrunk], size=(size * 5) // 8, mode="area")
    chips[shrunk] = F.interpolate(small, size=size, mode="bilinear", align_corners=False)
    noise = torch.randn(chips[noisy].shape, generator=generator)
    chips[noisy] += noise * _uniform(len(noisy), 0, 0.15, generator).view(-1, 1, 1, 1)
    return chips


def _cut_out(chips: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Cover a rectangle of an eighth to a quarter of the side in 40 % of the chips."""
    count, size = len(chips), chips.shape[-1]
    draw = torch.rand(5, count, generator=generator)
    side = (size / 8 + draw[0] * size / 8).view(-1, 1, 1)
    top, left = ((draw[k] * size).view(-1, 1, 1) for k in (1, 2))
    rows = torch.arange(size).view(1, -1, 1)
    columns = torch.arange(size).view(1, 1, -1)
    inside = (rows >= top) & (rows < top + side) & (columns >= left) & (columns < left + side)
    covered = inside & (draw[3] < 0.4).view(-1, 1, 1)
    value = (draw[4] * 2 - 1).view(-1, 1, 1, 1)
    return torch.where(covered[:, None], value, chips)
