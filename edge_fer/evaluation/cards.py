"""Writing a model's card: golden vectors as this machine computes them, and a card to begin with.

Figures come from `evaluate`; what only people know (data, licence, limits) they put in.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from edge_fer.emotion.card import (
    FORMAT,
    Card,
    Golden,
    Input,
    canonical_label,
    label_error,
    sha256_of,
)
from edge_fer.emotion.classify import Classifier
from edge_fer.emotion.session import drawn_chip, input_shape
from edge_fer.errors import ModelError

PATTERNS = ((3, 5, 0), (1, 0, 1), (7, 2, 3))
"""Of the golden vectors' chips."""

CHANNELS = (1, 3)


def write_card(model: Path, card: Card) -> None:
    """Write the card beside the model."""
    text = msgspec.json.format(msgspec.json.encode(card), indent=1)
    model.with_suffix(".json").write_bytes(text + b"\n")


def golden_vectors(model: Path) -> list[Golden]:
    """Scores of the drawn chips, as this machine computes them."""
    classifier = Classifier(model)
    vectors = []
    for pattern in PATTERNS:
        scores = classifier.classify([drawn_chip(pattern, classifier.size)])[0]
        rounded = {label: round(value, 4) for label, value in scores.items()}
        vectors.append(Golden(pattern=pattern, scores=rounded))
    return vectors


def draft_card(
    model: Path,
    labels: Sequence[str],
    own_labels: Sequence[str],
    *,
    mean: float,
    std: float,
    size: int | None,
) -> Card:
    """Write a card for somebody's ``model`` and return it; it is tried before it stays.

    ``labels`` are in the order of the outputs; ``own_labels`` are those of them outside our
    vocabulary. Side, channels and layout are the graph's, ``size`` is only needed where it
    leaves the side free. Whether the network ends in a softmax is seen from its answers.

    Raises:
        ModelError: graph, labels and numbers do not fit each other; the folder is as it was.
    """
    labels, own_labels = (
        [canonical_label(name) for name in labels],
        [canonical_label(name) for name in own_labels],
    )
    fault = label_error(labels, own_labels)
    if fault is not None:
        raise ModelError(f"labels: {fault}")
    card = Card(
        format=FORMAT,
        name=model.stem,
        network="foreign",
        precision="unknown",
        sha256=sha256_of(model),
        labels=labels,
        own_labels=own_labels,
        input=_input_of(model, mean, std, size),
        bytes=model.stat().st_size,
    )
    path = model.with_suffix(".json")
    before = path.read_bytes() if path.exists() else None
    try:
        write_card(model, card)
        if _gives_probabilities(Classifier(model)):
            card = msgspec.structs.replace(card, output="probabilities")
            write_card(model, card)
        card = msgspec.structs.replace(card, golden=golden_vectors(model))
    except ModelError:
        path.unlink() if before is None else path.write_bytes(before)
        raise
    write_card(model, card)
    return card


def _input_of(model: Path, mean: float, std: float, size: int | None) -> Input:
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


def _gives_probabilities(classifier: Classifier) -> bool:
    chips = np.stack([drawn_chip(pattern, classifier.size) for pattern in PATTERNS])
    rows = classifier.logits(chips)
    return bool((rows >= 0).all() and np.allclose(rows.sum(axis=1), 1, atol=1e-3))
