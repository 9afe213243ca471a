"""What models say on PublicTest and whether it is right, by both label sets."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edge_fer.emotion.classify import Classifier
from edge_fer.evaluation.dataset import Dataset, by_majority
from edge_fer.evaluation.evaluate import figures_of


@dataclasses.dataclass(frozen=True, slots=True)
class Answers:
    """Of one model, against one label set."""

    model: str
    truth: str
    """Key of `edge_fer.emotion.card.TRUTHS`."""
    figures: dict[str, Any]
    """As `edge-fer evaluate` prints them."""


def answers(models: Sequence[Path], public: Dataset) -> list[Answers]:
    """Every model against both, since whose labels it learnt is not whose its user holds."""
    truths = {"fer2013": public, "ferplus": by_majority(public)}
    return [
        Answers(model.stem, truth, figures_of(Classifier(model), data))
        for truth, data in truths.items()
        for model in models
    ]
