"""Export a torch network to an fp32 ONNX file: batch norm folded, only one head."""

import copy
import math
import warnings
from collections.abc import Sequence
from pathlib import Path

import onnx
import torch
from torch import nn

from training.data import SPEC

OPSET = 17
"""Runs in every onnxruntime from 1.14 on, and its legacy exporter keeps GlobalAveragePool,
which the INT8 kernels know."""

IR_VERSION = 8


def export(
    net: nn.Module, path: Path, sizes: Sequence[int] = SPEC.sizes, *, auxiliary: bool = False
) -> Path:
    """Write ``net`` to ``path`` with a free batch size and check the file.

    With more than one of ``sizes`` (sides of the chip in px, the first is the default) height
    and width are free as well. With ``auxiliary`` the file has the FER+ head, not the other.
    """
    net = copy.deepcopy(net).to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    net = net.eval().float()
    labels: int = net.labels  # type: ignore[assignment]
    head: nn.Linear = net.head  # type: ignore[assignment]
    rows = slice(labels, None) if auxiliary else slice(labels)
    only = nn.Linear(head.in_features, len(head.bias[rows]))
    only.load_state_dict({"weight": head.weight[rows], "bias": head.bias[rows]})
    net.head = only
    free = {0: "n"} if len(set(sizes)) == 1 else {0: "n", 2: "height", 3: "width"}
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            net,
            (torch.zeros(1, SPEC.channels, sizes[0], sizes[0]),),
            str(path),
            dynamo=False,
            opset_version=OPSET,
            input_names=["chips"],
            output_names=["logits"],
            dynamic_axes={"chips": free, "logits": {0: "n"}},
        )
    cap_versions(path)
    return path


def cap_versions(path: Path) -> None:
    """Lower the IR version so that the oldest supported onnxruntime (1.23) reads the file."""
    model = onnx.load(path)
    model.ir_version = IR_VERSION
    onnx.checker.check_model(model)
    onnx.save(model, path)


def costs(path: Path, size: int = SPEC.sizes[0]) -> tuple[int, int]:
    """Return parameters and multiply-accumulates of an fp32 file, at ``size`` px if it is free."""
    model = onnx.load(path)
    for axis in (2, 3):
        side = model.graph.input[0].type.tensor_type.shape.dim[axis]
        side.dim_value = side.dim_value or size
    model = onnx.shape_inference.infer_shapes(model)
    weights = {item.name: tuple(item.dims) for item in model.graph.initializer}
    shapes = {
        value.name: [size.dim_value or 1 for size in value.type.tensor_type.shape.dim]
        for value in (*model.graph.value_info, *model.graph.output)
    }
    parameters = macs = 0
    for node in model.graph.node:
        if node.op_type == "Identity" and node.input[0] in weights:
            # The exporter keeps equal tensors once.
            weights[node.output[0]] = weights[node.input[0]]
        elif node.op_type in {"Conv", "Gemm"}:
            parameters += sum(math.prod(weights[name]) for name in node.input[1:])
            macs += math.prod(shapes[node.output[0]]) * math.prod(weights[node.input[1]][1:])
    return parameters, macs
