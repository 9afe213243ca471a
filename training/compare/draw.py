"""Collect the data of the plots in docs/background/models.md and draw them."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

from edge_fer.emotion.card import LABELS, TRUTHS, read_card
from edge_fer.emotion.classify import Classifier
from edge_fer.evaluation.dataset import Dataset, by_majority
from edge_fer.evaluation.evaluate import confusion, predict, reliability, spread
from training.compare import plots
from training.compare.peers import Measured
from training.compare.rows import Row

COSTS = {
    "latency": "latency / mini_XCEPTION at 64 px, fp32 (hollow: measured on another processor)",
    "bytes": "MB (10^6 bytes) of the file",
}
SPLITS = {"private": "PrivateTest: shipped files", "public": "PublicTest: every stage"}


def draw_tradeoffs(rows: Sequence[Row], peers: Sequence[Measured], folder: Path) -> None:
    """Draw accuracy over latency and over bytes, on both test splits, a panel per label set."""
    rows = [row for row in rows if row.stage != "scaled"]
    for kind, label in COSTS.items():
        panels = [
            (f"{title}, {TRUTHS[truth]} labels", [*ours, *theirs])
            for truth in TRUTHS
            for split, title in SPLITS.items()
            for ours in [_ours(rows, kind, split, truth)]
            for theirs in [_theirs(peers, kind, split) if truth == "fer2013" else []]
            if ours or theirs
        ]
        plots.plot_tradeoff(panels, label, folder / f"accuracy-{kind}.png")


def draw_sizes(rows: Sequence[Row], folder: Path) -> None:
    """Draw accuracy on PublicTest over latency, a line per model over its chip sizes."""
    files = sorted((row for row in rows if row.stage in {"int8", "scaled"}), key=lambda r: r.size)
    named = [dataclasses.replace(row, name=f"{row.model} {row.size} px") for row in files]
    panels = [
        (f"PublicTest, {TRUTHS[truth]} labels", points)
        for truth in TRUTHS
        if (points := _ours(named, "latency", "public", truth))
    ]
    plots.plot_tradeoff(panels, COSTS["latency"].partition(" (")[0], folder / "sizes.png")


def draw_search(records: Sequence[Path], folder: Path) -> None:
    """Draw each search of `training.search` with its Pareto front."""
    for record in records:
        rows = [
            (row["name"], row["latency"]["value"], 100 * row["accuracy"], row["best"])
            for row in json.loads(record.read_text())["variants"]
        ]
        plots.plot_front(rows, COSTS["latency"].partition(" (")[0], folder / f"{record.stem}.png")


def draw_shipped(models: Sequence[Path], public: Dataset, folder: Path) -> None:
    """Draw confusion matrices and reliability diagrams of the files on PublicTest.

    A model whose card gives figures by FER+ majority is measured by it, the others by FER-2013's
    own labels.
    """
    tables, bins = [], []
    for model in models:
        card = read_card(model)
        labels = card.labels
        data = by_majority(public) if card.figures("public")[0] == "ferplus" else public
        known = [name for name in LABELS if name in labels]
        said = spread(predict(Classifier(model), data), labels, data.names)
        table = confusion(data.labels, said.argmax(1), len(data.names))[: len(known), : len(known)]
        tables.append((model.stem, table, known))
        bins.append((model.stem, reliability(said, data.labels)))
    plots.plot_confusions(tables, folder / "confusion.png")
    plots.plot_reliability(bins, folder / "reliability.png")


def _ours(rows: Sequence[Row], kind: str, split: str, truth: str) -> list[plots.Point]:
    """Return our rows that have both the cost and the accuracy by those labels."""
    points = []
    for row in rows:
        if row.truth != truth:
            continue
        accuracy = getattr(row, split).get("accuracy")
        latency = None if row.latency is None else row.latency.value
        cost = latency if kind == "latency" else (row.bytes or 0) / 1e6 or None
        if accuracy is not None and cost is not None:
            points.append(plots.Point(row.name, cost, 100 * accuracy, ours=True, path=row.model))
    return points


def _theirs(peers: Sequence[Measured], kind: str, split: str) -> list[plots.Point]:
    """Return the measured peers that have both and predict all seven labels."""
    points = []
    for peer in peers:
        accuracy: float | None = getattr(peer, split)
        cost = peer.ratio if kind == "latency" else peer.bytes / 1e6
        if accuracy is not None and cost is not None and peer.comparable:
            hollow = kind == "latency"
            points.append(plots.Point(peer.name, cost, accuracy, ours=False, hollow=hollow))
    return points
