"""Compute accuracy, F1, calibration error and other figures from labels and probabilities."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_fer.emotion.card import LABELS


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


def _rounded(values: dict[str, Any]) -> dict[str, Any]:
    return {
        key: round(value, 5) if isinstance(value, float) else value for key, value in values.items()
    }


def _mean(values: NDArray[Any]) -> float | None:
    """Return the mean to five places; None without values."""
    return round(float(values.mean()), 5) if len(values) else None
