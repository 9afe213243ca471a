"""Measure robustness to corruptions and the effect of alignment on FER-2013 or class folders.

Example: `python -m training.evaluation --data fer2013.npz --labels ferplus --robustness`
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from edge_fer.cli.common import print_json
from edge_fer.cli.tables import Column, print_table
from edge_fer.emotion.card import find_model
from edge_fer.emotion.classify import Classifier
from edge_fer.errors import EdgeFerError
from edge_fer.evaluation.dataset import SPLITS, by_majority, load
from training.evaluation.robustness import PARTS, measure_parts


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the options."""
    parser = argparse.ArgumentParser(
        prog="python -m training.evaluation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, required=True, metavar="PATH")
    parser.add_argument("--split", choices=tuple(SPLITS), default="public")
    parser.add_argument("--model", default="", metavar="NAME|PATH", help="as model.path")
    parser.add_argument("--size", type=int, default=0, metavar="PX", help="as model.size")
    parser.add_argument(
        "--labels", choices=("own", "ferplus"), default="own", help="source of the true labels"
    )
    parser.add_argument(
        "--robustness",
        action="store_true",
        help="measure with the box 5 %% off, roll, few pixels, blur, darkness with noise, and JPEG",
    )
    parser.add_argument(
        "--aligned",
        action="store_true",
        help="measure on the chips that the daemon's aligner cuts from the pictures",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the figures that the options ask for; all of them if they name none.

    Raises:
        DataError: the data cannot be read or has no FER+ votes.
        ModelError: the model or the landmark file cannot be used.
    """
    classifier = Classifier(find_model(arguments.model), size=arguments.size)
    dataset = load(arguments.data, arguments.split, own_labels=classifier.card.own_labels)
    if arguments.labels == "ferplus":
        dataset = by_majority(dataset)
    parts = [name for name in PARTS if getattr(arguments, name)]
    return {
        "model": classifier.card.name,
        "n": len(dataset),
        **measure_parts(classifier, dataset, parts or PARTS),
    }


def print_figures(figures: dict[str, Any], console: Console) -> None:
    """Print a table for each part that was measured."""
    console.print(f"{figures['model']}: {figures['n']} pictures")
    if found := figures.get("robustness"):
        rows = [
            (name, f"{row['accuracy']:.4f}", f"{row['loss']:.2f}")
            for name, row in found["disturbed"].items()
        ]
        rows += [
            ("none", f"{found['clean']:.4f}", ""),
            ("mean", "", f"{found['mean_loss']:.2f}"),
            (f"worst: {found['worst']}", "", f"{found['worst_loss']:.2f}"),
        ]
        print_table(_columns("corruption", "accuracy", "points lost"), rows, console)
    if found := figures.get("aligned"):
        aligned = [
            (
                name.replace("_", " "),
                str(row["n"]),
                f"{row['first']:.4f}",
                f"{row['second']:.4f}",
                f"{row['difference']:+.2f}",
                f"{row['low']:+.2f} to {row['high']:+.2f}",
            )
            for name, row in found.items()
        ]
        headings = ("located by", "n", "unaligned", "aligned", "points gained", "95 % interval")
        print_table(_columns(*headings), aligned, console)


def _columns(first: str, *others: str) -> list[Column]:
    return [Column(first), *(Column(name, right=True) for name in others)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return the exit code. An error is one line on stderr."""
    parsed = make_parser().parse_args(arguments)
    try:
        figures = measure(parsed)
    except EdgeFerError as error:
        print(f"evaluation: {error}", file=sys.stderr)
        return error.exit_code
    if parsed.json:
        print_json(figures)
    else:
        print_figures(figures, Console(highlight=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
