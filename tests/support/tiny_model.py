"""A tiny ONNX network with its card, made on the spot: real files for the real runtime.

The network looks at the mean brightness alone: dark chips get the first label, bright ones the
last, so that a test can say what it will answer.
"""

from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edge_fer.emotion.card import FER2013_LABELS, FORMAT, Card, Input, sha256_of


def write_tiny_model(
    folder: Path,
    name: str = "tiny-fp32",
    *,
    labels: tuple[str, ...] = FER2013_LABELS,
    size: int = 48,
    further_sizes: tuple[int, ...] = (),
    channels: Literal[1, 3] = 1,
    **changes: Any,
) -> Path:
    """Write model and card; ``changes`` replace fields of the card.

    With further sizes the graph's height and width are free.
    """
    path = folder / f"{name}.onnx"
    sides = ("height", "width") if further_sizes else (size, size)
    onnx.save(_graph(len(labels), sides, channels), path)
    card = Card(
        format=FORMAT,
        name=name,
        network="tiny",
        precision="fp32",
        sha256=sha256_of(path),
        labels=list(labels),
        input=Input(sizes=[size, *further_sizes], mean=128, std=64, channels=channels),
    )
    write_card(path, msgspec.structs.replace(card, **changes))
    return path


def write_card(model: Path, card: Card) -> None:
    model.with_suffix(".json").write_bytes(msgspec.json.encode(card))


def _graph(labels: int, sides: tuple[int | str, ...], channels: int) -> onnx.ModelProto:
    """logit k = (2 m - 1) * slope k, with m the mean of the scaled chip."""
    slopes = np.linspace(-4, 4, labels, dtype=np.float32)
    weight = np.repeat(slopes[None] / channels, channels, axis=0)
    nodes = [
        helper.make_node("GlobalAveragePool", ["chips"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weight"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("chips", TensorProto.FLOAT, ["n", channels, *sides])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", labels])],
        [numpy_helper.from_array(weight, "weight")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    return model
