"""Combine the scores of both heads into the eight published ones, and train for that result.

``python -m training.mix NET...`` reports on PublicTest what weights and powers of the prior
achieve with the committed parents, such as ultralight-ferplus: accuracy and macro recall by
FER-2013's labels and by the FER+ majority. ``--json`` prints all rows as JSON.
"""

import argparse
import dataclasses
import itertools
import json
import sys
from collections.abc import Sequence

import numpy as np
import torch

from edge_fer.emotion.card import FER2013_LABELS, LABELS
from edge_fer.evaluation.dataset import FERPLUS_EMOTIONS as EMOTIONS
from edge_fer.evaluation.dataset import Dataset, by_majority, load
from training.command import answer
from training.data import data_path, read_split, to_split
from training.recipe import Struct, read_recipe
from training.soften import scores_of
from training.weights import read_parent

PLACES = [EMOTIONS.index(name) for name in FER2013_LABELS]
"""Place of each FER-2013 label among FER+'s, which have contempt besides."""
SHARES = (0.0, 0.3, 0.4, 0.5, 0.6, 0.7, 1.0)
"""Weights of the votes' head to try."""
POWERS = (0.0, 0.25, 0.5, 0.75)
"""Powers of the prior to try."""


class Mix(Struct, frozen=True, kw_only=True):
    """Configure how the published scores follow from the two heads; the card has these fields."""

    votes: float = 0.5
    """Weight of the votes' head; the labels' head has the rest."""
    power: float = 0.0
    """The votes' scores are divided by the prior to this power."""
    prior: tuple[float, ...] = (1 / 8,) * 8
    """Mean vote shares of the training pictures, in FER+'s order."""


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


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """Hold the figures of one mix: accuracy and macro recall by both label sets."""

    votes: float
    power: float
    fer2013: float
    fer2013_recall: float
    ferplus: float
    ferplus_recall: float

    @property
    def rank(self) -> float:
        """Return the mean macro recall, by which mixes are ordered."""
        return (self.fer2013_recall + self.ferplus_recall) / 2


def compare(scores: torch.Tensor, data: Dataset, prior: Sequence[float]) -> list[Row]:
    """Return a row for each mix, the best first, for heads' scores (N, 7 + 8) of ``data``."""
    majority = by_majority(dataclasses.replace(data, ids=np.arange(len(data))))
    names = [LABELS.index(name) for name in EMOTIONS]
    rows = []
    for votes, power in itertools.product(SHARES, POWERS):
        found = published(scores, Mix(votes=votes, power=power, prior=tuple(prior))).numpy()
        by_name = np.zeros_like(found)
        by_name[:, names] = found
        seven = by_name[:, :7].argmax(1)
        eight = by_name.argmax(1)[majority.ids]
        rows.append(
            Row(
                votes,
                power,
                *accuracy_and_recall(seven, data.labels),
                *accuracy_and_recall(eight, majority.labels),
            )
        )
    return sorted(rows, key=lambda row: row.rank, reverse=True)


def accuracy_and_recall(said: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Return accuracy and macro recall of the predicted labels ``said`` (N,)."""
    right = said == labels
    recalls = [right[labels == label].mean() for label in np.unique(labels)]
    return float(right.mean()), float(np.mean(recalls))


def main() -> int:
    """Run from the command line and return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("nets", nargs="+", metavar="NET")
    parser.add_argument("--size", type=int, default=48, help="chip side in px (default: 48)")
    parser.add_argument("--json", action="store_true")
    return answer(lambda: _compare(parser.parse_args()))


def _compare(arguments: argparse.Namespace) -> None:
    data = load(data_path(), "public")
    shares = read_split("train").votes
    prior = shares[shares.sum(1) > 0].mean(0).tolist()
    for name in arguments.nets:
        net = read_parent(read_recipe(name))
        scores = scores_of([(net, arguments.size)], to_split(data), views=0)
        rows = compare(scores, data, prior)
        if arguments.json:
            print(json.dumps({"net": name, "rows": [dataclasses.asdict(row) for row in rows]}))
            continue
        print(f"{name}: votes power | FER-2013 recall | FER+ recall | mean recall")
        for row in rows:
            print(
                f"{row.votes:.2f} {row.power:.2f} | {row.fer2013:.2%} {row.fer2013_recall:.2%} | "
                f"{row.ferplus:.2%} {row.ferplus_recall:.2%} | {row.rank:.2%}"
            )


if __name__ == "__main__":
    sys.exit(main())
