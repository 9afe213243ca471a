"""Combine the scores of both heads into the eight published ones, and train for that result."""

import msgspec
import torch

from edge_fer.emotion.card import FER2013_LABELS
from edge_fer.evaluation.dataset import FERPLUS_EMOTIONS

PLACES = [FERPLUS_EMOTIONS.index(name) for name in FER2013_LABELS]
"""Place of each FER-2013 label among FER+'s, which have contempt besides."""


PRIOR = (0.3186, 0.2614, 0.1209, 0.1445, 0.0842, 0.0162, 0.0357, 0.0184)
"""Mean vote shares of FER-2013's training pictures, in FER+'s order."""


class Mix(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Configure how the published scores follow from the two heads; the card has these fields."""

    votes: float = 0.5
    """Weight of the votes' head; the labels' head has the rest."""
    power: float = 0.0
    """The votes' scores are divided by the prior to this power."""
    prior: tuple[float, ...] = PRIOR


def published(scores: torch.Tensor, mix: Mix) -> torch.Tensor:
    """Return the published scores (N, 8), in FER+'s order, of the heads' scores (N, 7 + 8)."""
    prior = torch.tensor(mix.prior, dtype=scores.dtype, device=scores.device)
    votes = scores[:, 7:] / prior**mix.power
    votes = votes / votes.sum(1, keepdim=True)
    labels = torch.zeros_like(votes)
    labels[:, PLACES] = scores[:, :7]
    return mix.votes * votes + (1 - mix.votes) * labels


def mix_loss(logits: torch.Tensor, guide: torch.Tensor, mix: Mix) -> torch.Tensor:
    """Return the cross-entropy of the published scores with those of the guide.

    ``logits`` (N, 7 + 8) are the student's; ``guide`` (N, 7 + 8) are log scores, as soft labels
    are. Its minimum is the guide's own mix, which each head can reach alone, so this term adds to
    the loss of the heads and does not replace it.
    """
    heads = torch.cat([logits[:, :7].softmax(1), logits[:, 7:].softmax(1)], 1)
    target = published(guide.exp() / _sums(guide.exp()), mix)
    return -(target * published(heads, mix).clamp(min=1e-6).log()).sum(1).mean()


def _sums(scores: torch.Tensor) -> torch.Tensor:
    """Return the sum of each head's scores, in the columns of the head."""
    ours, theirs = scores[:, :7], scores[:, 7:]
    return torch.cat([part.sum(1, keepdim=True).expand_as(part) for part in (ours, theirs)], 1)
