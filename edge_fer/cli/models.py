"""`edge-fer models`: the installed models and their cards, each checked against its sha256."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from edge_fer.cli.common import add_json, print_json

if TYPE_CHECKING:
    from edge_fer.emotion.card import Card

HELP = "list models and their cards"
DESCRIPTION = (
    "List the installed models, or one by name or path, with what their cards "
    "say; each file is checked against its sha256."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what only this command has."""
    parser.add_argument("model", nargs="?", help="a shipped name or an .onnx path")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the table, or all of one card.

    Raises:
        ModelError: a file is missing, damaged or does not fit its card.
    """
    import msgspec

    from edge_fer.emotion.card import find_model, read_card, shipped_models

    paths = [find_model(arguments.model)] if arguments.model else shipped_models()
    cards = [read_card(path) for path in paths]
    if arguments.json:
        print_json(msgspec.to_builtins(cards))
    elif arguments.model:
        _print_card(msgspec.to_builtins(cards[0]))
    else:
        _print_table(cards)
    return 0


def _print_table(cards: "Sequence[Card]") -> None:
    from rich.console import Console
    from rich.table import Table

    from edge_fer.emotion.card import TRUTHS

    table = Table(title="models (sha256 verified)")
    table.add_column("name", no_wrap=True)
    for heading in ("input", "MB", "MACs", "labels of", "Private Test", "no copies", "macro F1"):
        table.add_column(heading, justify="right")
    for card in cards:
        truth, figures = card.figures("private")
        table.add_row(
            card.name,
            f"{', '.join(map(str, card.input.sizes))} px",
            f"{(card.bytes or 0) / 1e6:.2f}",
            f"{(card.macs or 0) / 1e6:.1f} M",
            TRUTHS.get(truth, "-"),
            *(_percent(figures.get(key)) for key in ("accuracy", "accuracy_no_duplicates")),
            f"{figures['macro_f1']:.3f}" if figures else "-",
        )
    Console().print(table)


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.2f} %"


def _print_card(card: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.pretty import Pretty
    from rich.table import Table

    table = Table(title=card["name"], show_header=False)
    table.add_column(style="bold")
    table.add_column()
    for key, value in card.items():
        table.add_row(key, value if isinstance(value, str) else Pretty(value))
    Console().print(table)
