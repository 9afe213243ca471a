"""Draw learning curves and confusion matrices of a run as PNG files."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

mpl.use("Agg")
from matplotlib import pyplot as plt


def plot_history(history: Sequence[dict[str, float]], path: Path) -> None:
    """Draw loss and PublicTest accuracy by epoch."""
    epochs = [record["epoch"] for record in history]
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    left.plot(epochs, [record["loss"] for record in history])
    left.set(title="loss (augmented training chips)", xlabel="epoch")
    right.plot(epochs, [100 * record["valid_accuracy"] for record in history])
    right.set(title="PublicTest accuracy, averaged weights, %", xlabel="epoch")
    for axes in (left, right):
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=90)
    plt.close(figure)


def plot_confusion(counts: NDArray[np.int64], labels: Sequence[str], path: Path) -> None:
    """Draw rows of true labels and columns of predictions; cells are shares of the row."""
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure, axes = plt.subplots(figsize=(5, 4.4), layout="constrained")
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(*shares.shape):
        colour = "white" if shares[row, column] > 0.5 else "black"
        text = f"{100 * shares[row, column]:.0f}"
        axes.text(column, row, text, ha="center", va="center", color=colour)
    axes.set_xticks(range(len(labels)), labels, rotation=40, ha="right")
    axes.set_yticks(range(len(labels)), labels)
    axes.set(xlabel="predicted", ylabel="label")
    figure.savefig(path, dpi=90)
    plt.close(figure)
