"""`edge-fer evaluate`: a model's figures on a labelled data set."""

import argparse
from pathlib import Path
from typing import Any

from edge_fer.cli.common import add_json, print_json

HELP = "measure a model on labelled pictures"
DESCRIPTION = (
    "Run a model over FER-2013 (npz, or the official csv) or class folders: "
    "single pass, no test-time augmentation."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what only this command has."""
    parser.add_argument("--data", type=Path, required=True, metavar="PATH")
    parser.add_argument("--split", choices=("train", "public", "private"), default="public")
    parser.add_argument("--model", default="", metavar="NAME|PATH")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Measure and print.

    Raises:
        DataError: the data cannot be read.
        ModelError: the model cannot be used.
    """
    from edge_fer.emotion.card import find_model
    from edge_fer.measure.evaluate import evaluate

    figures = evaluate(find_model(arguments.model), arguments.data, arguments.split)
    if arguments.json:
        print_json(figures)
    else:
        _print_table(figures)
    return 0


def _print_table(figures: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    console.print(f"[bold]{figures['model']}[/]: {figures['n']} pictures, {figures['seconds']} s")
    for key in ("accuracy", "accuracy_no_duplicates", "macro_f1", "ece"):
        value = figures[key]
        console.print(f"{key:>24}  {'unknown' if value is None else f'{value:.4f}'}")
    table = Table()
    for heading in ("label", "n", "precision", "recall", "F1"):
        table.add_column(heading, justify="right")
    for label, row in figures["per_class"].items():
        numbers = (f"{row[key]:.3f}" for key in ("precision", "recall", "f1"))
        table.add_row(label, str(row["n"]), *numbers)
    console.print(table)
