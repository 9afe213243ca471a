"""Figures of merit from labels and probabilities; pure numpy."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_fer.emotion.labels import LABELS


def confusion(
    labels: NDArray[np.uint8], predicted: NDArray[np.int64], count: int
) -> NDArray[np.int64]:
    """(count, count) table: rows are true labels, columns predicted ones."""
    table = np.zeros((count, count), np.int64)
    np.add.at(table, (labels, predicted), 1)
    return table


def per_class(table: NDArray[np.int64], names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Precision, recall, F1 and n of each label that occurs or is predicted."""
    result = {}
    for index, name in enumerate(names):
        right = int(table[index, index])
        true, said = int(table[index].sum()), int(table[:, index].sum())
        if not true and not said:
            continue
        precision = right / said if said else 0.0
        recall = right / true if true else 0.0
        f1 = 2 * right / (true + said)
        result[name] = {"precision": precision, "recall": recall, "f1": f1, "n": true}
    return {name: _rounded(values) for name, values in result.items()}


def macro_f1(classes: dict[str, dict[str, float]]) -> float:
    """Mean F1 over the labels that occur."""
    return float(np.mean([values["f1"] for values in classes.values() if values["n"]]))


def ece(probabilities: NDArray[np.float32], labels: NDArray[np.uint8], *, bins: int = 15) -> float:
    """Expected calibration error of the top label, equal-width bins (Guo et al. 2017)."""
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    index = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [
        abs(right[index == k].mean() - confidence[index == k].mean()) * (index == k).mean()
        for k in range(bins)
        if (index == k).any()
    ]
    return float(sum(gaps))


def summarise(
    probabilities: NDArray[np.float32],
    labels: NDArray[np.uint8],
    duplicate: NDArray[np.bool_] | None,
) -> dict[str, Any]:
    """All figures of one model on one split.

    ``probabilities`` is (N, L) over the first L of `LABELS`; ``labels`` (N,) indexes `LABELS`.
    """
    predicted = probabilities.argmax(axis=1)
    right = predicted == labels
    classes = per_class(confusion(labels, predicted, len(LABELS)), LABELS)
    figures = {
        "n": len(labels),
        "accuracy": float(right.mean()),
        "accuracy_no_duplicates": None if duplicate is None else float(right[~duplicate].mean()),
        "macro_f1": macro_f1(classes),
        "ece": ece(probabilities, labels),
    }
    return {**_rounded(figures), "per_class": classes}


def _rounded(values: dict[str, Any]) -> dict[str, Any]:
    return {
        key: round(value, 5) if isinstance(value, float) else value for key, value in values.items()
    }
