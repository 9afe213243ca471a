"""The network as ONNX: uint8 luma in, one row of values a cell out; fp32 and INT8."""

import copy
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import onnx
import torch
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process
from torch import Tensor, nn

from edge_fer.types import Luma
from training.detector.net import VALUES, FaceNet
from training.export import cap_versions

INPUT, OUTPUT = "luma", "cells"

OPSET: Final = 17


class _Exported(nn.Module):
    """Joins the levels to one tensor (1, cells, `VALUES`) with scores from 0 to 1."""

    def __init__(self, net: FaceNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, luma: Tensor) -> Tensor:
        rows = [level.flatten(2) for level in self.net(luma.float())]
        cells = torch.cat(rows, 2).transpose(1, 2)
        return torch.cat([cells[..., :1].sigmoid(), cells[..., 1:]], 2)


def export(net: FaceNet, path: Path) -> Path:
    """Write the network as an fp32 ONNX file for pictures of any size in steps of 32 px."""
    path.parent.mkdir(parents=True, exist_ok=True)
    folded = copy.deepcopy(net).cpu().float().eval()
    axes = {INPUT: {2: "height", 3: "width"}, OUTPUT: {1: "cells"}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the other exporter needs more packages
        torch.onnx.export(
            _Exported(folded).eval(),
            (torch.zeros(1, 1, 64, 96, dtype=torch.uint8),),
            str(path),
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_axes=axes,
            opset_version=OPSET,
            dynamo=False,
        )
    cap_versions(path)
    return path


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, pictures: Iterable[Luma]) -> None:
        self._pictures: Iterator[Luma] = iter(pictures)

    def get_next(self) -> dict[str, Any] | None:
        picture = next(self._pictures, None)
        return None if picture is None else {INPUT: picture[None, None]}


def quantize(fp32: Path, int8: Path, pictures: Iterable[Luma]) -> Path:
    """Write ``int8`` (QDQ, weights per channel) calibrated on ``pictures``.

    Each level's last convolution stays fp32: score, place and points have ranges too different
    for one scale, and it is one in fifty of the multiplications.
    """
    prepared = int8.with_suffix(".prepared.onnx")
    quant_pre_process(str(fp32), str(prepared), skip_symbolic_shape=True)
    graph = onnx.load(prepared).graph
    shapes = {item.name: list(item.dims) for item in graph.initializer}
    last = [
        node.name
        for node in graph.node
        if node.op_type == "Conv" and shapes.get(node.input[1], [0])[0] == VALUES
    ]
    quantize_static(
        str(prepared),
        str(int8),
        _Reader(pictures),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
        reduce_range=True,
        calibrate_method=CalibrationMethod.MinMax,
        op_types_to_quantize=["Conv", "Add", "Resize"],
        nodes_to_exclude=last,
    )
    prepared.unlink()
    cap_versions(int8)
    return int8
