"""Compute the loss from labels, FER+ votes and an ensemble's scores."""

import torch
from torch.nn import functional as F

from training.recipe import Fit


def loss_of(
    logits: torch.Tensor,
    labels: torch.Tensor,
    votes: torch.Tensor,
    guide: torch.Tensor | None,
    options: Fit,
) -> torch.Tensor:
    """Return the loss of labels, FER+ votes and, with soft labels as ``guide``, distillation.

    Distillation after Hinton et al. 2015 (arXiv 1503.02531).
    """
    ours, theirs = logits[:, :-8], logits[:, -8:]
    hard = F.cross_entropy(ours, labels, label_smoothing=options.label_smoothing)
    voted = -(votes * theirs.log_softmax(1)).sum(1).mean()
    hard = options.primary * hard + options.auxiliary * voted
    if guide is None or options.distil == 0:
        return hard
    soft = options.primary * _divergence(ours, guide[:, :-8], options.temperature)
    soft = soft + options.auxiliary * _divergence(theirs, guide[:, -8:], options.temperature)
    return (1 - options.distil) * hard + options.distil * soft


def _divergence(student: torch.Tensor, guide: torch.Tensor, temperature: float) -> torch.Tensor:
    target = (guide / temperature).softmax(1)
    given = (student / temperature).log_softmax(1)
    return F.kl_div(given, target, reduction="batchmean") * temperature**2
