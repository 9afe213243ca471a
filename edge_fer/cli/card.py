"""`edge-fer card`: write the card of an ONNX file."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_fer.emotion.card import Card, Input
    from edge_fer.emotion.classify import Classifier

HELP = "write the card of your own ONNX model"
DESCRIPTION = (
    "Write the card that a model needs beside it, from its graph and its author's statements: "
    "the labels in the order of the outputs, and how pixels are scaled. The card holds the file's "
    "sha256 and golden vectors, and is tested before it is kept."
)
EXAMPLES = """\
examples:
  edge-fer card net.onnx --labels angry,happy,neutral,sad
  edge-fer card net.onnx --labels happy,waving --own-labels waving --mean 127.5 --std 127.5
"""

CHANNELS = (1, 3)
"""Numbers of channels that the input may have."""


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

    path = arguments.model.with_suffix(".json")
    if path.exists() and not arguments.force:
        raise ModelError(f"{path}: exists already; --force replaces it")
    card = _checked(arguments.model, _draft(arguments))
    takes = card.input
    print(
        f"{path}: {len(card.labels)} labels, {takes.sizes[0]} px, {takes.channels} "
        f"{'channel' if takes.channels == 1 else 'channels'} {takes.layout}, pixels become "
        f"(pixel - {takes.mean:g}) / {takes.std:g}, gives {card.output}"
    )
    return 0


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def _draft(arguments: argparse.Namespace) -> "Card":
    """Return a card from the graph and the options, as if the outputs were logits."""
    from edge_fer.emotion.card import FORMAT, Card, canonical_label, label_error, sha256_of
    from edge_fer.errors import ModelError

    model: Path = arguments.model
    labels, own_labels = (
        [canonical_label(name) for name in _names(text)]
        for text in (arguments.labels, arguments.own_labels)
    )
    error = label_error(labels, own_labels)
    if error is not None:
        raise ModelError(f"labels: {error}")
    return Card(
        format=FORMAT,
        name=model.stem,
        network="foreign",
        precision="unknown",
        sha256=sha256_of(model),
        labels=labels,
        own_labels=own_labels,
        input=_input_of(model, arguments.mean, arguments.std, arguments.size),
        bytes=model.stat().st_size,
    )


def _checked(model: Path, card: "Card") -> "Card":
    """Write the card, complete it by running the model, and return it.

    Raises:
        ModelError: graph, labels and numbers do not match; the folder stays as it was.
    """
    from msgspec.structs import replace

    from edge_fer.emotion.card import write_card
    from edge_fer.emotion.classify import Classifier, golden_vectors
    from edge_fer.errors import ModelError

    path = model.with_suffix(".json")
    before = path.read_bytes() if path.exists() else None
    try:
        write_card(model, card)
        if _gives_probabilities(Classifier(model)):
            card = replace(card, output="probabilities")
            write_card(model, card)
        card = replace(card, golden=golden_vectors(Classifier(model)))
    except ModelError:
        path.unlink() if before is None else path.write_bytes(before)
        raise
    write_card(model, card)
    return card


def _input_of(model: Path, mean: float, std: float, size: int | None) -> "Input":
    from edge_fer.emotion.card import Input
    from edge_fer.emotion.session import input_shape
    from edge_fer.errors import ModelError

    shape = input_shape(model)
    if len(shape) != 4:
        raise ModelError(f"{model}: takes {shape}, must have four axes: batch and one picture")
    axis = next((axis for axis in (1, 3) if shape[axis] in CHANNELS), None)
    if axis is None:
        raise ModelError(f"{model}: takes {shape}, must have an axis of 1 or 3 channels")
    side = shape[2] if size is None else size
    if not isinstance(side, int):
        raise ModelError(f"{model}: takes {shape}, its side is free; name it with --size")
    return Input(
        sizes=[side],
        mean=mean,
        std=std,
        channels=3 if shape[axis] == 3 else 1,
        layout="NCHW" if axis == 1 else "NHWC",
    )


def _gives_probabilities(classifier: "Classifier") -> bool:
    """Return True if the model's outputs of the golden chips are probabilities."""
    import numpy as np

    from edge_fer.emotion.classify import GOLDEN_PATTERNS
    from edge_fer.emotion.session import drawn_chip

    chips = np.stack([drawn_chip(pattern, classifier.size) for pattern in GOLDEN_PATTERNS])
    rows = classifier.logits(chips)
    return bool((rows >= 0).all() and np.allclose(rows.sum(axis=1), 1, atol=1e-3))
