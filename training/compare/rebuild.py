"""Rebuild well-known networks with random weights as ONNX files, to measure their cost.

The only file that imports timm, from which all but mini_XCEPTION come.
"""

import functools
import importlib
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import onnx
import torch
from onnxruntime.transformers.float16 import convert_float_to_float16
from torch import nn

from edge_fer.emotion.card import FER2013_LABELS
from training.compare.mini_xception import mini_xception
from training.compare.peers import Rebuilt
from training.export import IR_VERSION, OPSET, costs


def rebuild(peer: Rebuilt, size: int, folder: Path) -> tuple[Path, int, int]:
    """Write <folder>/<net>-<size>.onnx if it is not there; its path, parameters and MACs.

    Weights and biases are counted after the norms have been folded away.
    """
    stem = f"{peer.net}{'-pooled' if peer.pooled else ''}-{size}"
    full = folder / f"{stem}.onnx"
    if not full.exists():
        _export(_network(peer), torch.zeros(1, peer.channels, size, size), full)
    parameters, macs = costs(full)
    return _halved(full) if peer.half else full, parameters, macs


def _network(peer: Rebuilt) -> nn.Module:
    if peer.net == "mini_xception":
        return mini_xception(len(FER2013_LABELS), peer.channels)
    net: Any = _timm().create_model(
        peer.net, num_classes=len(FER2013_LABELS), in_chans=peer.channels
    )
    if peer.pooled:
        width = net.pre_logits.fc1.in_channels
        net.pre_logits = nn.Identity()
        net.head.fc = nn.Linear(width, len(FER2013_LABELS))
    built: nn.Module = net
    return built


@functools.cache
def _timm() -> Any:
    if "+cpu" in torch.__version__ and "+" not in version("torchvision"):
        # timm imports torchvision, whose plain wheel is built for CUDA: beside a torch for CPUs
        # its operators do not load, and it stumbles over these two, which no network here uses.
        for name in ("nms", "qnms"):
            torch.library.define(f"torchvision::{name}", "(Tensor a, Tensor b, float c) -> Tensor")
    return importlib.import_module("timm")


def _export(net: nn.Module, example: torch.Tensor, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            net.eval(),
            (example,),
            str(path),
            dynamo=False,
            opset_version=OPSET,
            input_names=["chips"],
            output_names=["scores"],
        )
    model = onnx.load(path)
    model.ir_version = IR_VERSION
    onnx.save(model, path)


def _halved(full: Path) -> Path:
    path = full.with_name(f"{full.stem}-fp16.onnx")
    if not path.exists():
        with warnings.catch_warnings():
            # Random weights near zero are clipped to the smallest half.
            warnings.simplefilter("ignore")
            model = convert_float_to_float16(onnx.load(full), keep_io_types=True)
        onnx.save(model, path)
    return path
