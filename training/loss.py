"""Compute the loss from labels, FER+ votes and an ensemble's scores."""

import torch
from torch.nn import functional as F

from training.mix import Mix, mix_loss
from training.recipe import Fit


def loss_of(
    logits: torch.Tensor,
    labels: torch.Tensor,
    votes: torch.Tensor,
    guide: torch.Tensor | None,
    options: Fit,
) -> torch.Tensor:
    """Return the loss of labels, FER+ votes and, with soft labels as ``guide``, distillation.

    Pictures with the label -1 have only soft labels. Distillation after Hinton et al. 2015 (arXiv
    1503.02531).
    """
    ours, theirs = logits[:, :-8], logits[:, -8:]
    hard = _labels_loss(ours, labels, options.label_smoothing)
    voted = -(votes * theirs.log_softmax(1)).sum(1).mean()
    hard = options.primary * hard + options.auxiliary * voted
    if guide is None or options.distil == 0:
        return hard
    soft = options.primary * _divergence(ours, guide[:, :-8], options.temperature)
    soft = soft + options.auxiliary * _divergence(theirs, guide[:, -8:], options.temperature)
    loss = (1 - options.distil) * hard + options.distil * soft
    if options.mix:
        mix = Mix(votes=options.mix_votes, power=options.mix_power)
        loss = loss + options.mix * mix_loss(logits, guide, mix)
    return loss


def _labels_loss(logits: torch.Tensor, labels: torch.Tensor, smoothing: float) -> torch.Tensor:
    """Return the cross-entropy of the known labels, divided by the number of all pictures."""
    known = labels >= 0
    if known.all():
        return F.cross_entropy(logits, labels, label_smoothing=smoothing)
    total = F.cross_entropy(
        logits, labels, label_smoothing=smoothing, ignore_index=-1, reduction="sum"
    )
    return total / len(labels)


def _divergence(student: torch.Tensor, guide: torch.Tensor, temperature: float) -> torch.Tensor:
    target = (guide / temperature).softmax(1)
    given = (student / temperature).log_softmax(1)
    return F.kl_div(given, target, reduction="batchmean") * temperature**2
