"""Estimate a picture's FER-2013 label from a network's scores and the FER+ votes.

Two readings of one picture know more than either: the network has seen how FER-2013 labels
such pictures, the FER+ taggers have seen this one. A linear softmax regression on both, fitted
where the network has not learnt the labels by heart, weighs them.
"""

import torch
from torch import nn
from torch.nn import functional as F

from training.data import Split

Known = tuple[torch.Tensor, Split]
"""A network's scores (N, 7 + 8) and the pictures they are for."""


def posterior(known: Known, wanted: Known, *, decay: float = 1e-3) -> torch.Tensor:
    """Return scores (N, 7) over FER-2013's labels of ``wanted``, regressed on ``known``."""
    given = _features(*known)
    mean, spread = given.mean(0), given.std(0) + 1e-6
    line = nn.Linear(given.shape[1], wanted[0].shape[1] - 8)
    nn.init.zeros_(line.weight)
    nn.init.zeros_(line.bias)
    optimizer = torch.optim.LBFGS(line.parameters(), max_iter=400, line_search_fn="strong_wolfe")

    def step() -> torch.Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(line((given - mean) / spread), known[1].labels)
        loss = loss + decay * line.weight.square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(step)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        logits: torch.Tensor = line((_features(*wanted) - mean) / spread)
        return logits.softmax(1)


def _features(scores: torch.Tensor, split: Split) -> torch.Tensor:
    """Return (N, 7 + 8 + 16): logarithms of the scores, the votes' shares and their roots."""
    return torch.cat([scores.clamp(min=1e-4).log(), split.votes, split.votes.sqrt()], 1)
