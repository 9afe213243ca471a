"""Measure a model file on a labelled data set: single pass, no test-time augmentation.

The second half of the file, from `summarise` on, needs only labels and probabilities.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edge_fer.config.settings import Settings
from edge_fer.emotion.card import LABELS, Card
from edge_fer.emotion.classify import Classifier, softmax
from edge_fer.errors import DataError
from edge_fer.evaluation.chips import Kind, cutter
from edge_fer.evaluation.dataset import FERPLUS_RULE, Dataset, by_majority, load
from edge_fer.vision.pixels import resize_square

BATCH = 128

Truth = Literal["own", "ferplus"]
"""Source of the true labels: the data set's own, or the majority of the FER+ votes."""


def evaluate(
    classifier: Classifier,
    data: Path,
    split: str,
    *,
    kind: Kind = "chips",
    truth: Truth | Literal["card"] = "own",
    settings: Settings | None = None,
    dataset_labels_only: bool = False,
) -> dict[str, Any]:
    """Run the model over the split and return the figures that `edge-fer evaluate` prints.

    ``kind`` is the content of a folder's pictures, which are cut with the detector, landmark file
    and quality limits of ``settings``. With ``truth`` "card", see `truth_of`. With
    ``dataset_labels_only`` the model chooses among the labels that occur in the data.

    Raises:
        DataError: the data cannot be read, or does not fit ``kind``, ``truth`` or the model.
        ModelError: the detector's or the landmark file is missing or damaged.
    """
    if kind != "chips" and not data.is_dir() and data.exists():
        raise DataError(f"{data}: holds chips, so --pictures {kind} does not apply")
    options = settings or Settings()
    card = classifier.card
    cut = cutter(kind, classifier.size, card.framing, options.vision, options.quality)
    whole = load(data, split, own_labels=card.own_labels, cut=cut)
    truth = truth_of(card, whole) if truth == "card" else truth
    dataset = by_majority(whole) if truth == "ferplus" else whole
    rule = {"rule": FERPLUS_RULE, "left_out": len(whole) - len(dataset)}
    return {
        **measure(classifier, dataset, dataset_labels_only=dataset_labels_only),
        "labels": truth,
        **(rule if truth == "ferplus" else {}),
        **({"skipped": _skipped(dataset)} if dataset.skipped else {}),
    }


def truth_of(card: Card, dataset: Dataset) -> Truth:
    """Return the labels that the card gives its accuracy by, if the data set has them."""
    named = card.figures("public")[0] or card.figures("private")[0]
    return "ferplus" if named == "ferplus" and dataset.votes is not None else "own"


def _skipped(dataset: Dataset) -> list[dict[str, str]]:
    return [
        {
            "file": one.file,
            "outcome": one.outcome_name,
            "reason": one.outcome.value if one.outcome else "the detector found no face",
        }
        for one in dataset.skipped
    ]


def measure(
    classifier: Classifier, dataset: Dataset, *, dataset_labels_only: bool = False
) -> dict[str, Any]:
    """Return `figures_of` the pictures and their confusion matrix.

    Raises:
        DataError: the model has none of the labels that occur in the data.
    """
    started = time.perf_counter()
    probabilities = spread(predict(classifier, dataset), classifier.card.labels, dataset.names)
    seconds = time.perf_counter() - started
    restricted: dict[str, Any] = {}
    if dataset_labels_only:
        present = np.unique(dataset.labels)
        probabilities = _restricted(probabilities, present)
        restricted = {"restricted_to": [dataset.names[index] for index in present]}
    table = confusion(dataset.labels, probabilities.argmax(axis=1), len(dataset.names))
    used = np.flatnonzero(table.sum(axis=0) + table.sum(axis=1))
    return {
        **_figures(classifier.card, dataset, probabilities, seconds),
        **restricted,
        "confusion": {
            "labels": [dataset.names[index] for index in used],
            "table": table[np.ix_(used, used)].tolist(),
        },
    }


def figures_of(classifier: Classifier, dataset: Dataset) -> dict[str, Any]:
    """Return the figures that a card keeps; ``dataset.names`` must hold all labels of the model."""
    started = time.perf_counter()
    probabilities = spread(predict(classifier, dataset), classifier.card.labels, dataset.names)
    return _figures(classifier.card, dataset, probabilities, time.perf_counter() - started)


def _figures(
    card: Card, dataset: Dataset, probabilities: NDArray[np.float32], seconds: float
) -> dict[str, Any]:
    figures = summarise(probabilities, dataset.labels, dataset.duplicate, dataset.names)
    return {
        **figures,
        **({"faceless": dataset.faceless} if dataset.faceless else {}),
        "model": card.name,
        "precision": card.precision,
        "seconds": round(seconds, 3),
    }


def _restricted(
    probabilities: NDArray[np.float32], present: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """Return (N, names) with labels outside ``present`` at 0 and each row scaled to sum to 1."""
    kept = np.zeros_like(probabilities)
    kept[:, present] = probabilities[:, present]
    totals = kept.sum(axis=1, keepdims=True)
    if not totals.all():
        raise DataError("the model has none of the labels that occur in the data set")
    result: NDArray[np.float32] = kept / totals
    return result


def predict(classifier: Classifier, dataset: Dataset) -> NDArray[np.float32]:
    """Return probabilities (N, labels of the model) of every chip, resized to the model's size."""
    return softmax(logits_of(classifier, dataset) / np.float32(classifier.card.temperature))


def logits_of(classifier: Classifier, dataset: Dataset) -> NDArray[np.float32]:
    """Return logits (N, labels of the model), before temperature and softmax."""
    chips = np.stack([resize_square(chip, classifier.size) for chip in dataset.images])
    batches = (chips[start : start + BATCH] for start in range(0, len(chips), BATCH))
    return np.concatenate([classifier.logits(batch) for batch in batches])


def spread(
    probabilities: NDArray[np.float32],
    labels: Sequence[str],
    names: Sequence[str] = LABELS,
    lacking: float = 0.0,
) -> NDArray[np.float32]:
    """Move the model's columns to their places in ``names``; other columns are ``lacking``."""
    result = np.full((len(probabilities), len(names)), lacking, np.float32)
    result[:, [names.index(label) for label in labels]] = probabilities
    return result


def summarise(
    probabilities: NDArray[np.float32],
    labels: NDArray[np.uint8],
    duplicate: NDArray[np.bool_] | None,
    names: Sequence[str] = LABELS,
) -> dict[str, Any]:
    """Return all figures of one model on one split.

    ``probabilities`` is (N, L) over the first L of ``names``; ``labels`` (N,) indexes ``names``.
    """
    predicted = probabilities.argmax(axis=1)
    right = predicted == labels
    classes = per_class(confusion(labels, predicted, len(names)), names)
    figures = {
        "n": len(labels),
        "accuracy": float(right.mean()),
        "accuracy_no_duplicates": None if duplicate is None else float(right[~duplicate].mean()),
        "macro_f1": macro_f1(classes),
        "ece": ece(probabilities, labels),
    }
    bins = reliability(probabilities, labels)
    return {**_rounded(figures), "per_class": classes, "reliability": bins}


def confusion(
    labels: NDArray[np.uint8], predicted: NDArray[np.int64], count: int
) -> NDArray[np.int64]:
    """Return a table (count, count): rows are true labels, columns predicted ones."""
    table = np.zeros((count, count), np.int64)
    np.add.at(table, (labels, predicted), 1)
    return table


def per_class(table: NDArray[np.int64], names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return precision, recall, F1 and counts of each label that occurs or is predicted.

    ``n`` counts its pictures and ``said`` its predictions.
    """
    result = {}
    for index, name in enumerate(names):
        right = int(table[index, index])
        true, said = int(table[index].sum()), int(table[:, index].sum())
        if not true and not said:
            continue
        precision = right / said if said else 0.0
        recall = right / true if true else 0.0
        f1 = 2 * right / (true + said)
        result[name] = {
            "precision": precision,
            "recall": recall,
            "f1": f1,
            "n": true,
            "said": said,
        }
    return {name: _rounded(values) for name, values in result.items()}


def macro_f1(classes: dict[str, dict[str, float]]) -> float:
    """Return the mean F1 over the labels that occur."""
    return float(np.mean([values["f1"] for values in classes.values() if values["n"]]))


def reliability(
    probabilities: NDArray[np.float32], labels: NDArray[np.uint8], *, bins: int = 15
) -> dict[str, list[Any]]:
    """Return n, mean confidence and accuracy of the top label in equal bins of its confidence.

    Confidence and accuracy of an empty bin are None.
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    index = np.minimum((confidence * bins).astype(int), bins - 1)
    members = [index == k for k in range(bins)]
    return {
        "n": [int(m.sum()) for m in members],
        "confidence": [_mean(confidence[m]) for m in members],
        "accuracy": [_mean(right[m]) for m in members],
    }


def ece(probabilities: NDArray[np.float32], labels: NDArray[np.uint8], *, bins: int = 15) -> float:
    """Return the top label's expected calibration error over `reliability`'s bins (Guo 2017)."""
    columns = reliability(probabilities, labels, bins=bins).values()
    filled = [row for row in zip(*columns, strict=True) if row[0]]
    gaps = [n * abs(accuracy - confidence) for n, confidence, accuracy in filled]
    return float(sum(gaps) / len(labels))


def paired(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> dict[str, float]:
    """Return the accuracies of two models on the same pictures and their difference in points.

    ``first`` and ``second`` (N,) are True where a model is right. The 95 % interval is that of a
    difference of paired shares, which depends on the pictures that only one of the two has right,
    as in McNemar's test (Agresti 2013, 11.1).
    """
    count = len(first)
    gained, lost = int((second & ~first).sum()), int((first & ~second).sum())
    difference = (gained - lost) / count
    error = 1.96 * np.sqrt(gained + lost - count * difference**2) / count
    points = {
        "difference": difference,
        "low": difference - error,
        "high": difference + error,
    }
    return {
        "first": round(float(first.mean()), 5),
        "second": round(float(second.mean()), 5),
        **{name: round(100 * float(value), 3) for name, value in points.items()},
    }


def _rounded(values: dict[str, Any]) -> dict[str, Any]:
    return {
        key: round(value, 5) if isinstance(value, float) else value for key, value in values.items()
    }


def _mean(values: NDArray[Any]) -> float | None:
    """Return the mean to five places; None without values."""
    return round(float(values.mean()), 5) if len(values) else None
