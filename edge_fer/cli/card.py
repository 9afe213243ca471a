"""`edge-fer card`: write the card of an ONNX file."""

import argparse
from pathlib import Path

HELP = "write the card of your own ONNX model"
DESCRIPTION = (
    "Write the card that a model needs beside it, from its graph and its author's statements: "
    "the labels in the order of the outputs, and how pixels are scaled. The card holds the file's "
    "sha256 and golden vectors, and is checked before it stays."
)
EXAMPLES = """\
examples:
  edge-fer card net.onnx --labels angry,happy,neutral,sad
  edge-fer card net.onnx --labels happy,waving --own-labels waving --mean 127.5 --std 127.5
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument("model", type=Path, metavar="ONNX", help="the model file")
    parser.add_argument(
        "--labels", required=True, metavar="A,B,…", help="in the order of the outputs"
    )
    parser.add_argument(
        "--own-labels",
        default="",
        metavar="A,…",
        help="labels of the model that are not in the vocabulary",
    )
    parser.add_argument(
        "--mean",
        type=float,
        default=0.0,
        help="subtracted from each pixel, in units of 0-255; default 0",
    )
    parser.add_argument(
        "--std",
        type=float,
        default=255.0,
        help="divides each pixel after that; default 255, which gives 0 to 1",
    )
    parser.add_argument(
        "--size", type=int, metavar="PX", help="side of the input if the graph leaves it free"
    )
    parser.add_argument("--force", action="store_true", help="replace an existing card")


def run(arguments: argparse.Namespace) -> int:
    """Write the card and print its path.

    Raises:
        ModelError: model, labels and numbers do not match, or there is a card already.
    """
    from edge_fer.errors import ModelError
    from edge_fer.evaluation.cards import draft_card

    path = arguments.model.with_suffix(".json")
    if path.exists() and not arguments.force:
        raise ModelError(f"{path}: exists already; --force replaces it")
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
