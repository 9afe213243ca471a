"""Measure the figures of a card and fit the temperature."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_fer.emotion.card import read_card
from edge_fer.emotion.classify import Classifier, softmax
from edge_fer.errors import ModelError
from edge_fer.evaluation.dataset import Dataset, by_majority, load
from edge_fer.evaluation.evaluate import Truth, confusion, evaluate, logits_of, predict, spread
from training.budget import Kind
from training.data import data_path
from training.evaluation.robustness import measure_parts
from training.plots import plot_confusion
from training.recipe import Recipe

TRUTH: dict[str, Truth] = {"fer2013": "own", "ferplus": "ferplus"}


def truth_of(recipe: Recipe, split: str = "public") -> Dataset:
    """Return a split with the labels that the recipe's model is trained for."""
    dataset = load(data_path(), split)
    return by_majority(dataset) if recipe.labels == "ferplus" else dataset


def known_figures(model: Path) -> dict[str, Any]:
    """Return PrivateTest figures of an existing card if it belongs to the same file."""
    try:
        metrics = read_card(model).metrics
    except ModelError:
        return {}
    return {key: value for key, value in metrics.items() if key.endswith("-private")}


def fit_temperature(model: Path, dataset: Dataset) -> float:
    """Return the divisor of the logits with the lowest cross-entropy on ``dataset``."""
    classifier = Classifier(model)
    logits = spread(logits_of(classifier, dataset), classifier.card.labels, dataset.names, -30.0)
    grid = np.round(np.arange(0.5, 3.0, 0.01), 2)
    return float(min(grid, key=lambda value: _cross_entropy(logits / value, dataset.labels)))


def _cross_entropy(logits: NDArray[np.float32], labels: NDArray[np.uint8]) -> float:
    picked = softmax(logits.astype(np.float32))[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(picked, 1e-12)).mean())


def measure(
    recipe: Recipe, model: Path, stages: Mapping[Kind, Path], *, final: bool
) -> dict[str, dict[str, Any]]:
    """Return figures of ``model`` on PublicTest, at every size, and of the fp32 ``stages``."""
    data, key, truth = data_path(), f"{recipe.labels}-public", TRUTH[recipe.labels]
    classifier, labelled = Classifier(model), truth_of(recipe)
    metrics = {
        key: {
            **card_figures(evaluate(classifier, data, "public", truth=truth)),
            **measure_parts(classifier, labelled),
        }
    }
    for size in recipe.sizes[1:]:
        figures = evaluate(classifier.with_size(size), data, "public", truth=truth)
        metrics[f"{key}, {size} px"] = {
            name: figures[name] for name in ("accuracy", "accuracy_no_duplicates", "macro_f1")
        }
    ours = _said(model, labelled)
    for name, stage in stages.items():
        said = _said(stage, labelled)
        metrics[f"{key}, fp32 {name}"] = {
            "accuracy": round(float((said == labelled.labels).mean()), 5),
            "same_top1_as_int8": round(float((said == ours).mean()), 5),
            "bytes": stage.stat().st_size,
        }
    if final:
        private = card_figures(evaluate(classifier, data, "private", truth=truth))
        metrics[f"{recipe.labels}-private"] = {**private, "measured": date.today().isoformat()}
    return metrics


def card_figures(figures: dict[str, Any]) -> dict[str, Any]:
    """Return the figures of `evaluate` that a card or a record keeps."""
    return {name: value for name, value in figures.items() if name not in ("confusion", "labels")}


def _said(model: Path, dataset: Dataset) -> NDArray[np.int64]:
    classifier = Classifier(model)
    rows = spread(predict(classifier, dataset), classifier.card.labels, dataset.names)
    return np.asarray(rows.argmax(axis=1))


def plot(model: Path, dataset: Dataset, path: Path) -> None:
    """Draw the confusion matrix on ``dataset``."""
    labels = read_card(model).labels
    columns = [dataset.names.index(label) for label in labels]
    table = confusion(dataset.labels, _said(model, dataset), len(dataset.names))
    plot_confusion(table[np.ix_(columns, columns)], labels, path)
