"""Draw the plots of docs/background/models.md as PNG files."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

mpl.use("Agg")
from matplotlib import pyplot as plt

OURS, THEIRS = "#0072b2", "#d55e00"
"""Colours of Okabe and Ito's palette, which colour-blind people can distinguish."""


@dataclasses.dataclass(frozen=True, slots=True)
class Point:
    """One network in a plot of accuracy against its cost."""

    name: str
    cost: float
    accuracy: float
    """In %."""
    ours: bool
    path: str = ""
    """Points with the same one are joined: the stages of a model."""
    hollow: bool = False
    """The cost is not from this machine's run."""


def plot_tradeoff(panels: Sequence[tuple[str, Sequence[Point]]], label: str, path: Path) -> None:
    """Draw accuracy over a cost on a log scale, one panel below the other."""
    heights = [max(len(points), 6) for _, points in panels]
    figure, axes = plt.subplots(
        len(panels),
        1,
        figsize=(9, 1.4 + 0.3 * sum(heights)),
        squeeze=False,
        sharex=True,
        height_ratios=heights,
        layout="constrained",
    )
    for (title, points), place in zip(panels, axes[:, 0], strict=True):
        _draw_points(place, points)
        place.set(title=title, ylabel="accuracy, %", xscale="log")
        place.grid(alpha=0.3)
    axes[-1, 0].set(xlabel=label)
    axes[-1, 0].xaxis.set_major_locator(mpl.ticker.LogLocator(subs=(1, 2, 5)))
    axes[-1, 0].xaxis.set_major_formatter(mpl.ticker.FormatStrFormatter("%g"))
    axes[-1, 0].xaxis.set_minor_formatter(mpl.ticker.NullFormatter())
    _save(figure, path)


def _draw_points(axes: Any, points: Sequence[Point]) -> None:
    for joined in {point.path for point in points if point.path}:
        stages = [point for point in points if point.path == joined]
        costs, accuracies = ([getattr(p, name) for p in stages] for name in ("cost", "accuracy"))
        axes.plot(costs, accuracies, color=OURS, lw=1, alpha=0.5)
    for point in points:
        colour = OURS if point.ours else THEIRS
        axes.plot(
            point.cost,
            point.accuracy,
            "o" if point.ours else "s",
            color=colour,
            mfc="white" if point.hollow else colour,
        )
    _name_points(axes, points)


def _name_points(axes: Any, points: Sequence[Point]) -> None:
    """Write the names in a column at the right, each connected to its point."""
    below = sorted(points, key=lambda point: point.accuracy)
    low, high = axes.get_ylim()
    heights = _spread([(point.accuracy - low) / (high - low) for point in below])
    for place, point in zip(heights, below, strict=True):
        colour = OURS if point.ours else THEIRS
        axes.annotate(
            f"{point.name}  {point.accuracy:.1f}",
            (point.cost, point.accuracy),
            (1.03, place),
            textcoords="axes fraction",
            va="center",
            fontsize=8,
            color=colour,
            arrowprops={
                "arrowstyle": "-",
                "color": colour,
                "lw": 0.5,
                "alpha": 0.45,
                "relpos": (0, 0.5),
            },
        )


def _spread(wanted: Sequence[float]) -> list[float]:
    """Return heights near those ``wanted``, which rise from 0 to 1, at least a line apart."""
    gap, heights = 1 / max(len(wanted), 6), list(wanted)
    for place in range(1, len(heights)):
        heights[place] = max(heights[place], heights[place - 1] + gap)
    ceiling = 1.0
    for place in reversed(range(len(heights))):
        heights[place] = min(heights[place], ceiling)
        ceiling = heights[place] - gap
    return heights


def plot_front(rows: Sequence[tuple[str, float, float, bool]], label: str, path: Path) -> None:
    """Draw points of (name, cost, accuracy in %, on the front); the front is a line."""
    figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
    front = sorted((cost, accuracy) for _, cost, accuracy, best in rows if best)
    axes.plot(*zip(*front, strict=True), "-", color=OURS, lw=1)
    for name, cost, accuracy, best in rows:
        axes.plot(cost, accuracy, "o", color=OURS, mfc=OURS if best else "white")
        axes.annotate(name, (cost, accuracy), (5, -3), textcoords="offset points", fontsize=8)
    axes.set(xlabel=label, ylabel="PublicTest, %")
    axes.margins(x=0.12)
    axes.grid(alpha=0.3)
    _save(figure, path)


def plot_reliability(bins: Sequence[tuple[str, dict[str, list[Any]]]], path: Path) -> None:
    """Draw accuracy over confidence by bin, a panel per model; bars show the size of a bin."""
    figure, axes = plt.subplots(
        1, len(bins), figsize=(0.6 + 3.4 * len(bins), 3.6), squeeze=False, layout="constrained"
    )
    for (name, columns), place in zip(bins, axes[0], strict=True):
        edges = np.linspace(0, 1, len(columns["n"]) + 1)
        share = np.array(columns["n"]) / max(sum(columns["n"]), 1)
        place.bar(edges[:-1], share, width=np.diff(edges), align="edge", color="#cccccc")
        place.plot((0, 1), (0, 1), "--", color="black", lw=0.8)
        pairs = zip(columns["confidence"], columns["accuracy"], strict=True)
        known = [pair for pair in pairs if pair[0] is not None]
        place.plot(*zip(*known, strict=True), "o-", color=OURS)
        place.set(title=name, xlabel="confidence", xlim=(0, 1), ylim=(0, 1))
        place.title.set_fontsize(9)
    axes[0, 0].set(ylabel="accuracy; grey: share of the pictures")
    _save(figure, path)


def plot_confusions(
    tables: Sequence[tuple[str, NDArray[np.int64], Sequence[str]]], path: Path
) -> None:
    """Draw rows of true labels and columns of predictions, a panel per model; % of the row."""
    figure, axes = plt.subplots(
        1,
        len(tables),
        figsize=(0.6 + 4.2 * len(tables), 4.4),
        squeeze=False,
        layout="constrained",
    )
    for (name, counts, labels), place in zip(tables, axes[0], strict=True):
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        place.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for row, column in np.ndindex(*shares.shape):
            colour = "white" if shares[row, column] > 0.5 else "black"
            text = f"{100 * shares[row, column]:.0f}"
            place.text(column, row, text, ha="center", va="center", color=colour, fontsize=8)
        place.set_xticks(range(len(labels)), labels, rotation=40, ha="right")
        place.set_yticks(range(len(labels)), labels)
        place.set(title=name, xlabel="predicted")
        place.title.set_fontsize(9)
    axes[0, 0].set(ylabel="label")
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90, metadata={"Software": None})
    plt.close(figure)
