"""A torch network to an fp32 ONNX file: batch norm folded, the FER-2013 head alone."""

import copy
import warnings
from pathlib import Path

import onnx
import torch
from torch import nn

from training.data import SPEC

OPSET = 17
"""Runs in every onnxruntime from 1.14 on, and its legacy exporter keeps GlobalAveragePool,
which the INT8 kernels know."""

IR_VERSION = 8


def export(net: nn.Module, path: Path) -> Path:
    """Write ``net`` to ``path`` with a free batch size and check the file."""
    net = copy.deepcopy(net).to(memory_format=torch.contiguous_format).eval().float()
    labels: int = net.labels  # type: ignore[assignment]
    head: nn.Linear = net.head  # type: ignore[assignment]
    only = nn.Linear(head.in_features, labels)
    only.load_state_dict({"weight": head.weight[:labels], "bias": head.bias[:labels]})
    net.head = only
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            net,
            (torch.zeros(1, SPEC.channels, SPEC.sizes[0], SPEC.sizes[0]),),
            str(path),
            dynamo=False,
            opset_version=OPSET,
            input_names=["chips"],
            output_names=["logits"],
            dynamic_axes={"chips": {0: "n"}, "logits": {0: "n"}},
        )
    cap_versions(path)
    return path


def cap_versions(path: Path) -> None:
    """Lower the IR version so that the oldest supported onnxruntime (1.23) reads the file."""
    model = onnx.load(path)
    model.ir_version = IR_VERSION
    onnx.checker.check_model(model)
    onnx.save(model, path)
