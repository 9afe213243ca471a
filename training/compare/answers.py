"""Count the models' predictions on PublicTest by both label sets."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edge_fer.emotion.classify import Classifier
from edge_fer.evaluation.dataset import Dataset, by_majority
from edge_fer.evaluation.evaluate import figures_of


@dataclasses.dataclass(frozen=True, slots=True)
class Answers:
    """Figures of one model by one label set."""

    model: str
    truth: str
    """Key of `edge_fer.emotion.card.TRUTHS`."""
    figures: dict[str, Any]
    """As `edge-fer evaluate` prints them."""


def answers(models: Sequence[Path], public: Dataset) -> list[Answers]:
    """Measure every model by both label sets, since users may not use the set it was trained on."""
    truths = {"fer2013": public, "ferplus": by_majority(public)}
    return [
        Answers(model.stem, truth, figures_of(Classifier(model), data))
        for truth, data in truths.items()
        for model in models
    ]
