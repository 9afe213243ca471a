"""A model file on a labelled data set: single pass, no test-time augmentation."""

import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edge_fer.emotion.classify import Classifier, softmax
from edge_fer.emotion.labels import LABELS
from edge_fer.errors import DataError
from edge_fer.evaluation.chips import Kind, StillAligner, cutter
from edge_fer.evaluation.dataset import Dataset, load
from edge_fer.evaluation.ferplus import RULE, by_majority
from edge_fer.evaluation.metrics import summarise
from edge_fer.evaluation.robustness import alignment, robustness
from edge_fer.vision.pixels import resize_square

BATCH = 128

Truth = Literal["own", "ferplus"]
"""Which labels are right: the data set's own, or what most of FER+'s voters say."""

Further = Literal["robustness", "aligned"]
"""Measured on request: disturbed chips, and aligned ones against the pictures as they are."""


def evaluate(
    model: Path,
    data: Path,
    split: str,
    *,
    size: int = 0,
    kind: Kind = "chips",
    truth: Truth = "own",
    further: Collection[Further] = (),
) -> dict[str, Any]:
    """Run the model over the split and return the figures that `edge-fer evaluate` prints.

    ``size`` is as model.size, in px; ``kind`` is what the pictures of a folder are.

    Raises:
        DataError: the data cannot be read, or is not what ``truth`` or ``further`` need.
        ModelError: the model cannot be used, or the landmark file that aligning needs.
    """
    if "aligned" in further and kind != "chips":
        raise DataError(f"pictures = {kind}: must be chips, to be compared with aligned ones")
    classifier = Classifier(model, size=size)
    cut = cutter(kind, classifier.size, classifier.card.framing)
    dataset = load(data, split, own_labels=classifier.card.own_labels, cut=cut)
    rule = {}
    if truth == "ferplus":
        whole, dataset = dataset, by_majority(dataset)
        rule = {"rule": RULE, "left_out": len(whole) - len(dataset)}
    return {
        **figures_of(classifier, dataset),
        **rule,
        **_further(classifier, dataset, further),
    }


def _further(
    classifier: Classifier, dataset: Dataset, wanted: Collection[Further]
) -> dict[str, Any]:
    def right(images: NDArray[np.uint8]) -> NDArray[np.bool_]:
        probabilities = predict(classifier, replace(dataset, images=images))
        said = spread(probabilities, classifier.card.labels, dataset.names).argmax(axis=1)
        return np.asarray(said == dataset.labels)

    result = {}
    if "robustness" in wanted:
        result["robustness"] = robustness(dataset.images, right)
    if "aligned" in wanted:
        aligner = StillAligner(size=classifier.size, framing=classifier.card.framing)
        result["aligned"] = alignment(dataset.images, right, aligner)
    return result


def figures_of(classifier: Classifier, dataset: Dataset) -> dict[str, Any]:
    """The same of pictures at hand, whose names must have all labels of the model."""
    card = classifier.card
    started = time.perf_counter()
    probabilities = spread(predict(classifier, dataset), card.labels, dataset.names)
    seconds = time.perf_counter() - started
    figures = summarise(probabilities, dataset.labels, dataset.duplicate, dataset.names)
    return {
        **figures,
        **({"faceless": dataset.faceless} if dataset.faceless else {}),
        "model": card.name,
        "precision": card.precision,
        "seconds": round(seconds, 3),
    }


def predict(classifier: Classifier, dataset: Dataset) -> NDArray[np.float32]:
    """Probabilities (N, labels of the model) for every chip, resized to the model's size."""
    return softmax(logits_of(classifier, dataset) / np.float32(classifier.card.temperature))


def logits_of(classifier: Classifier, dataset: Dataset) -> NDArray[np.float32]:
    """The same ahead of temperature and softmax."""
    chips = np.stack([resize_square(chip, classifier.size) for chip in dataset.images])
    batches = (chips[start : start + BATCH] for start in range(0, len(chips), BATCH))
    return np.concatenate([classifier.logits(batch) for batch in batches])


def spread(
    probabilities: NDArray[np.float32],
    labels: Sequence[str],
    names: Sequence[str] = LABELS,
    lacking: float = 0.0,
) -> NDArray[np.float32]:
    """Put a model's columns where ``names`` has them; labels it lacks get ``lacking``."""
    result = np.full((len(probabilities), len(names)), lacking, np.float32)
    result[:, [names.index(label) for label in labels]] = probabilities
    return result
