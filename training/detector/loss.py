"""Which cell answers for which face, and what its answer costs."""

import dataclasses
from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

from training.detector.decode import REACH, SIZE, STRIDES, grid
from training.detector.geometry import Array

RANGES: Final = ((0.0, 40.0), (32.0, 88.0), (72.0, 1e9))
"""Sides of the faces that each level answers for, px; where two overlap, both do."""

NEAR: Final = 0.22
"""Cells whose centre is this near a face's, in its sides, on both axes, answer for it."""

NEAREST: Final = 0.75
"""The same in strides, where that is farther."""

BOX, EXACT, POINTS = 2.0, 4.0, 3.0
"""Weights of 1 - IoU, of the box's three numbers and of the points against the score's loss."""


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class Targets:
    """Faces and regions to ignore of a batch, padded to the most in one picture."""

    boxes: Tensor
    """(N, m, 3) in px; padding has side 0."""
    points: Tensor
    """(N, m, 5, 2)"""
    face: Tensor
    """(N, m) 1 a face, 0 a region to ignore."""

    @classmethod
    def of(cls, scenes: Sequence[tuple[Array, Array, Array]]) -> "Targets":
        """Pad the boxes, points and kinds of several pictures."""
        most = max(1, *(len(boxes) for boxes, _, _ in scenes))
        boxes = torch.zeros(len(scenes), most, 3)
        points, face = torch.zeros(len(scenes), most, 5, 2), torch.zeros(len(scenes), most)
        for number, (box, point, kind) in enumerate(scenes):
            count = len(box)
            boxes[number, :count] = torch.from_numpy(box)
            points[number, :count] = torch.nan_to_num(torch.from_numpy(point))
            face[number, :count] = torch.from_numpy(kind)
        return cls(boxes, points, face)

    def to(self, device: torch.device) -> "Targets":
        """Return a copy on ``device``."""
        return Targets(self.boxes.to(device), self.points.to(device), self.face.to(device))


def assign(targets: Targets, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Return each cell's face (N, n), -1 for none, and whether its score counts (N, n)."""
    places, strides = (torch.from_numpy(one).to(targets.boxes.device) for one in grid(*size))
    side = targets.boxes[..., 2][:, None]
    away = (places[None, :, None] - targets.boxes[:, None, :, :2]).abs().amax(-1)
    low, high = torch.zeros_like(strides), torch.zeros_like(strides)
    for stride, (least, most) in zip(STRIDES, RANGES, strict=True):
        low[strides == stride], high[strides == stride] = least, most
    fits = (side >= low[None, :, None]) & (side < high[None, :, None]) & (side > 0)
    reach = torch.maximum(NEAR * side, NEAREST * strides[None, :, None])
    own = fits & (away < reach) & (targets.face[:, None] > 0)
    distance = torch.where(own, away / side.clamp(min=1), torch.inf)
    nearest, index = distance.min(-1)
    index = torch.where(nearest.isfinite(), index, -1)
    ignored = ((targets.face[:, None] == 0) & (side > 0) & (away < side / 2)).any(-1)
    return index, (index >= 0) | ~ignored


def loss_of(levels: Sequence[Tensor], targets: Targets) -> tuple[Tensor, dict[str, float]]:
    """Return the loss of the network's maps, and its parts for the record."""
    size = (levels[0].shape[2] * STRIDES[0], levels[0].shape[3] * STRIDES[0])
    rows = torch.cat([level.flatten(2) for level in levels], 2).transpose(1, 2).float()
    places, strides = (torch.from_numpy(one).to(rows.device) for one in grid(*size))
    index, counted = assign(targets, size)
    picture, cell = torch.nonzero(index >= 0, as_tuple=True)
    face = index[picture, cell]
    count = max(1, len(face))
    box, points = targets.boxes[picture, face], targets.points[picture, face]
    mine, place, stride = rows[picture, cell], places[cell], strides[cell, None]
    guess = torch.cat(
        [place + mine[:, 1:3] * stride, SIZE * stride * mine[:, 3:4].clamp(-3, 4).exp()], 1
    )
    fit = iou(guess, box)
    side = box[:, 2:]
    exact = torch.cat([(guess[:, :2] - box[:, :2]) / side, (guess[:, 2:] / side).log()], 1)
    spots = place[:, None] + mine[:, 4:].reshape(-1, 5, 2) * (REACH * stride[:, None])
    apart = (spots - points) / side[:, None]
    goal = torch.zeros_like(rows[..., 0])
    goal[picture, cell] = fit.detach().clamp(0, 1)
    logit = rows[..., 0]
    doubt = (goal - logit.sigmoid()).abs().square()
    score = doubt * F.binary_cross_entropy_with_logits(logit, goal, reduction="none")
    parts = {
        "score": (score * counted).sum() / count,
        "box": BOX * (1 - fit).sum() / count,
        "exact": EXACT
        * F.smooth_l1_loss(exact, torch.zeros_like(exact), beta=0.05, reduction="sum")
        / count,
        "points": POINTS
        * F.smooth_l1_loss(apart, torch.zeros_like(apart), beta=0.05, reduction="sum")
        / (5 * count),
    }
    return torch.stack(list(parts.values())).sum(), {
        name: float(part.detach()) for name, part in parts.items()
    }


def iou(boxes: Tensor, others: Tensor) -> Tensor:
    """Return the IoU (n,) of square boxes (n, 3), pair by pair."""
    low = torch.maximum(boxes[:, :2] - boxes[:, 2:] / 2, others[:, :2] - others[:, 2:] / 2)
    high = torch.minimum(boxes[:, :2] + boxes[:, 2:] / 2, others[:, :2] + others[:, 2:] / 2)
    shared = (high - low).clamp(min=0).prod(1)
    return shared / (boxes[:, 2] ** 2 + others[:, 2] ** 2 - shared).clamp(min=1e-6)
