"""Load HSE's FaceRes into torch: a MobileNetV1 trained on identities, age and gender.

FaceRes is published as a TensorFlow.js graph: faceres.json lists the arrays, faceres.bin contains
them in this order. Batch norm is folded into the pointwise convolutions; a scale and a shift
follow each depthwise convolution.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

Arrays = dict[str, NDArray[np.float32]]
STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)
"""Strides of the depthwise convolutions; the first convolution has stride 2."""
WIDTH = 1024
"""Number of features."""


def read_arrays(graph: Path, content: Path) -> Arrays:
    """Return the constants of a TensorFlow.js graph model by name, as float32.

    Raises:
        ValueError: the two files do not fit together.
    """
    data, arrays, start = content.read_bytes(), {}, 0
    groups: list[dict[str, Any]] = json.loads(graph.read_text())["weightsManifest"]
    for entry in (weight for group in groups for weight in group["weights"]):
        kind = np.dtype(entry.get("quantization", entry)["dtype"]).newbyteorder("<")
        count = int(np.prod(entry["shape"], dtype=int))
        values = np.frombuffer(data, kind, count, start)
        arrays[entry["name"]] = values.reshape(entry["shape"]).astype(np.float32)
        start += values.nbytes
    if start != len(data):
        raise ValueError(f"{content}: holds {len(data)} bytes, {graph} names {start}")
    return arrays


class FaceRes(nn.Module):
    """Map grey pictures (N, 1, S, S) to features (N, 1024).

    A grey picture has three equal channels, so the first kernel is summed over its channels.
    """

    width = WIDTH

    def __init__(self, arrays: Arrays, *, mean: float, std: float) -> None:
        super().__init__()
        self.mean, self.std = mean, std
        self.first = nn.Conv2d(1, 32, 3, stride=2)
        self.depthwise, self.pointwise = nn.ModuleList(), nn.ModuleList()
        for number, stride in enumerate(STRIDES, 1):
            kernel = arrays[f"conv_pw_{number}/convolution/merged_input"]
            inputs, outputs = kernel.shape[2:]
            depth = nn.Conv2d(inputs, inputs, 3, stride, padding=stride % 2, groups=inputs)
            self.depthwise.append(depth)
            self.pointwise.append(nn.Conv2d(inputs, outputs, 1))
        self._take(arrays)

    def _take(self, arrays: Arrays) -> None:
        kernel = arrays["conv1/convolution/merged_input"].sum(2, keepdims=True)
        _fill(self.first, kernel.transpose(3, 2, 0, 1), arrays["conv1_bn/batchnorm_1/sub"])
        for number, (depth, point) in enumerate(
            zip(self.depthwise, self.pointwise, strict=True), 1
        ):
            scale = arrays[f"conv_dw_{number}_bn/batchnorm_1/mul"]
            kernel = arrays[f"conv_dw_{number}/depthwise_kernel"].transpose(2, 3, 0, 1)
            shift = arrays[f"conv_dw_{number}_bn/batchnorm_1/sub"]
            _fill(depth, kernel * scale[:, None, None, None], shift)
            kernel = arrays[f"conv_pw_{number}/convolution/merged_input"].transpose(3, 2, 0, 1)
            _fill(point, kernel, arrays[f"conv_pw_{number}_bn/batchnorm_1/sub"])

    def forward(self, chips: torch.Tensor) -> torch.Tensor:
        """Return features (N, 1024) of ``chips`` (N, 1, S, S), scaled as (luma - mean) / std."""
        maps = F.relu6(self.first(_pad(chips * self.std + self.mean)))
        # A single channel has no memory order; this sets the order of all later layers.
        maps = maps.contiguous(memory_format=torch.channels_last)
        for stride, depth, point in zip(STRIDES, self.depthwise, self.pointwise, strict=True):
            maps = F.relu6(depth(maps if stride == 1 else _pad(maps)))
            maps = F.relu6(point(maps))
        return maps.mean((2, 3))


def _fill(layer: nn.Module, weight: NDArray[np.float32], bias: NDArray[np.float32]) -> None:
    state = {"weight": weight, "bias": bias}
    layer.load_state_dict(
        {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in state.items()}
    )


def _pad(maps: torch.Tensor) -> torch.Tensor:
    """Pad like TensorFlow's SAME for a 3 x 3 kernel at stride 2: more at the bottom and right."""
    bottom, right = (1 if side % 2 else 0 for side in maps.shape[-2:])
    return F.pad(maps, (right, 1, bottom, 1))
