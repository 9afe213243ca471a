"""`edge-fer models`: the installed models and their cards, each checked against its sha256."""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_fer.cli.common import add_json, print_json

if TYPE_CHECKING:
    from edge_fer.emotion.card import Card

HELP = "list the models, or show one"
DESCRIPTION = (
    "List the installed models and mark the default, or show the card of one. Every file is "
    "checked against the sha256 on its card. The name in the first column is enough for "
    "model.path and --model."
)
EXAMPLES = """\
examples:
  edge-fer models                          list the installed models
  edge-fer models ultralight-ferplus       show one card on one screen
  edge-fer models ./own-int8.onnx --json   print the whole card of your own model
"""

SPLITS = {"public": "PublicTest", "private": "PrivateTest"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the model."""
    parser.add_argument("model", nargs="?", help="name of an installed model or path to an .onnx")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the table, or one card.

    Raises:
        ModelError: a file is missing, damaged or does not match its card.
    """
    import msgspec

    from edge_fer.emotion.card import find_model, read_card, shipped_models

    paths = [find_model(arguments.model)] if arguments.model else shipped_models()
    cards = [read_card(path) for path in paths]
    if arguments.json:
        print_json(msgspec.to_builtins(cards))
    elif arguments.model:
        _print_card(paths[0], cards[0])
    else:
        _print_table(paths, cards)
    return 0


def short_name(model: Path, shipped: Sequence[Path]) -> str:
    """Return the shortest name that `find_model` resolves to ``model`` and to no other network."""
    words = model.stem.split("-")
    for count in range(1, len(words)):
        start = "-".join(words[:count])
        found = [one.stem for one in shipped if f"{one.stem}-".startswith(f"{start}-")]
        networks = {stem.rpartition("-")[0] for stem in found}
        if len(networks) == 1 and found[0] == model.stem:
            return start
    return model.stem


def _print_table(paths: "Sequence[Path]", cards: "Sequence[Card]") -> None:
    from edge_fer.cli.tables import Column, make_console, print_table
    from edge_fer.emotion.card import TRUTHS, find_model

    columns = [Column("name"), Column("MB", right=True), Column("labels"), Column("accuracy", True)]
    extra = ("no copies", "macro F1", "MACs", "px")
    columns += [Column(name, right=True, optional=True) for name in extra]
    columns.append(Column("file", optional=True))
    default = find_model("") if paths else None
    rows = []
    for path, card in zip(paths, cards, strict=True):
        truth, figures = card.figures("private")
        rows.append(
            (
                short_name(path, paths) + (" (default)" if path == default else ""),
                f"{(card.bytes or 0) / 1e6:.2f}",
                TRUTHS.get(truth, "-"),
                *(_percent(figures.get(key)) for key in ("accuracy", "accuracy_no_duplicates")),
                f"{figures['macro_f1']:.3f}" if figures else "-",
                f"{(card.macs or 0) / 1e6:.1f} M",
                ", ".join(map(str, card.input.sizes)),
                card.name,
            )
        )
    console = make_console()
    print_table(columns, rows, console)
    console.print(
        "accuracy on FER-2013's PrivateTest; no copies: without the pictures that are also in "
        "the training split; every sha256 verified"
    )


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.2f} %"


def _print_card(path: Path, card: "Card") -> None:
    from edge_fer.cli.tables import make_console, print_pairs

    console = make_console()
    print_pairs([*_identity(path, card), *_accuracy(card), *_origin(card)], console)
    console.print("--json prints the whole card")


def _identity(path: Path, card: "Card") -> Iterator[tuple[str, str]]:
    from edge_fer.emotion.card import find_model, shipped_models

    shipped = shipped_models()
    default = path in shipped and path == find_model("")
    yield "model", card.name + (" (default)" if default else "")
    if path in shipped and short_name(path, shipped) != card.name:
        yield "short name", short_name(path, shipped)
    yield "file", str(path)
    yield "sha256", card.sha256
    yield "labels", ", ".join(card.labels)
    size, *others = card.input.sizes
    further = f" (also {', '.join(map(str, others))})" if others else ""
    channels = "grey" if card.input.channels == 1 else "3 channels"
    yield "input", f"{size} px{further}, {channels}, {card.input.layout}"
    amounts = [
        f"{card.bytes / 1e6:.2f} MB" if card.bytes else "",
        f"{card.parameters:,} parameters" if card.parameters else "",
        f"{card.macs / 1e6:.1f} M MACs" if card.macs else "",
    ]
    precision = card.precision if card.precision != "unknown" else ""
    yield "size", ", ".join(filter(None, [*amounts, precision]))


def _accuracy(card: "Card") -> Iterator[tuple[str, str]]:
    from edge_fer.emotion.card import TRUTHS

    for split, title in SPLITS.items():
        truth, figures = card.figures(split)
        if figures:
            yield title, f"{_summary(figures)}, by {TRUTHS[truth]} labels"
    further = [
        f"{size} px {_percent(card.accuracy_at(size))}"
        for size in card.input.sizes[1:]
        if card.accuracy_at(size) is not None
    ]
    if further:
        yield "", f"PublicTest at {', '.join(further)}"


def _summary(figures: dict[str, Any]) -> str:
    parts = [f"accuracy {_percent(figures['accuracy'])}"]
    if figures.get("accuracy_no_duplicates") is not None:
        parts.append(f"without copies {_percent(figures['accuracy_no_duplicates'])}")
    parts += [f"{title} {figures[key]:.3f}" for key, title in FIGURES.items() if key in figures]
    return ", ".join(parts)


FIGURES = {"macro_f1": "macro F1", "ece": "ECE"}


def _origin(card: "Card") -> Iterator[tuple[str, str]]:
    for key, value in card.data.items():
        yield ("trained on" if key == "name" else key), value
    for number, limit in enumerate(card.limits):
        yield "" if number else "limits", limit
    if card.command:
        yield "made by", card.command
