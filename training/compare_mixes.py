"""Compare mixes of both heads on PublicTest.

``python -m training.compare_mixes NET...`` reports what weights and powers of the prior achieve
with the committed parents, such as ultralight-ferplus: accuracy and macro recall by FER-2013's
labels and by the FER+ majority. ``--json`` prints all rows as JSON.
"""

import argparse
import dataclasses
import itertools
import json
import sys
from collections.abc import Sequence

import numpy as np
import torch

from edge_fer.emotion.card import LABELS
from edge_fer.evaluation.dataset import FERPLUS_EMOTIONS, Dataset, by_majority, load
from training.command import answer
from training.data import data_path, read_split, to_split
from training.mix import Mix, published
from training.recipe import read_recipe
from training.soften import scores_of
from training.weights import read_parent

SHARES = (0.0, 0.3, 0.4, 0.5, 0.6, 0.7, 1.0)
"""Weights of the votes' head to try."""
POWERS = (0.0, 0.25, 0.5, 0.75)
"""Powers of the prior to try."""


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
    names = [LABELS.index(name) for name in FERPLUS_EMOTIONS]
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
