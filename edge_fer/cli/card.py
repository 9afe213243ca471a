"""`edge-fer card`: a card for somebody's ONNX file."""

import argparse
from pathlib import Path

HELP = "write a card for somebody's ONNX model"
DESCRIPTION = (
    "Write the card that a model needs beside it, from its graph and what its author says: "
    "labels in the order of the outputs, and how pixels are scaled. It holds the file's sha256 "
    "and golden vectors, and is tried before it stays."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what only this command has."""
    parser.add_argument("model", type=Path, metavar="ONNX")
    parser.add_argument("--labels", required=True, metavar="A,B,…", help="in the outputs' order")
    parser.add_argument(
        "--own-labels", default="", metavar="A,…", help="those of them outside our vocabulary"
    )
    parser.add_argument(
        "--mean", type=float, default=0.0, help="subtracted from each pixel, in units of 0-255"
    )
    parser.add_argument(
        "--std", type=float, default=255.0, help="divides after that; 0 and 255 make it 0 to 1"
    )
    parser.add_argument("--size", type=int, metavar="PX", help="where the graph leaves it free")
    parser.add_argument("--force", action="store_true", help="replace the card that is there")


def run(arguments: argparse.Namespace) -> int:
    """Write the card and say where it is.

    Raises:
        ModelError: model, labels and numbers do not fit each other, or there is a card already.
    """
    from edge_fer.errors import ModelError
    from edge_fer.evaluation.cards import draft_card

    path = arguments.model.with_suffix(".json")
    if path.exists() and not arguments.force:
        raise ModelError(f"{path}: is there already; --force replaces it")
    card = draft_card(
        arguments.model,
        _names(arguments.labels),
        _names(arguments.own_labels),
        mean=arguments.mean,
        std=arguments.std,
        size=arguments.size,
    )
    takes = card.input
    print(
        f"{path}: {len(card.labels)} labels, {takes.sizes[0]} px, {takes.channels} "
        f"{'channel' if takes.channels == 1 else 'channels'} {takes.layout}, pixels become "
        f"(pixel - {takes.mean:g}) / {takes.std:g}, gives {card.output}"
    )
    return 0


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]
