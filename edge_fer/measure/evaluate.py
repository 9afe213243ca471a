"""A model file on a labelled data set: single pass, no test-time augmentation."""

import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_fer.emotion.classify import Classifier
from edge_fer.emotion.labels import LABELS
from edge_fer.measure.dataset import Dataset, load
from edge_fer.measure.metrics import summarise
from edge_fer.vision.pixels import resize_square

BATCH = 128


def evaluate(model: Path, data: Path, split: str) -> dict[str, Any]:
    """Run the model over the split and return the figures that `edge-fer evaluate` prints."""
    classifier, dataset = Classifier(model), load(data, split)
    started = time.perf_counter()
    probabilities = spread(predict(classifier, dataset), classifier.card.labels)
    seconds = time.perf_counter() - started
    figures = summarise(probabilities, dataset.labels, dataset.duplicate)
    card = classifier.card
    return {
        **figures,
        "model": card.name,
        "precision": card.precision,
        "seconds": round(seconds, 3),
    }


def predict(classifier: Classifier, dataset: Dataset) -> NDArray[np.float32]:
    """Probabilities (N, labels of the model) for every chip, resized to the model's size."""
    chips = np.stack([resize_square(chip, classifier.size) for chip in dataset.images])
    rows = [
        classifier.probabilities(chips[start : start + BATCH])
        for start in range(0, len(chips), BATCH)
    ]
    return np.concatenate(rows)


def spread(probabilities: NDArray[np.float32], names: list[str]) -> NDArray[np.float32]:
    """Put a model's columns where `LABELS` has them; labels it lacks get probability 0."""
    result = np.zeros((len(probabilities), len(LABELS)), np.float32)
    result[:, [LABELS.index(name) for name in names]] = probabilities
    return result
