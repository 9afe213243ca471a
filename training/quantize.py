"""Quantize an fp32 ONNX file to INT8: QDQ, unsigned activations, signed weights per channel.

That form is the one onnxruntime runs fast on x86 and on arm64 alike. The calibration pick is
kept as numbers: ids, seed, a hash of the pixels and the ranges found.
"""

import hashlib
import itertools
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from edge_fer.emotion.session import to_tensor
from edge_fer.evaluation.dataset import Dataset
from edge_fer.vision.pixels import resize_square
from training.data import SPEC
from training.export import cap_versions
from training.recipe import Quantize


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    """Feeds the picked chips one at a time, each size in its turn."""

    def __init__(self, images: Any, sizes: Sequence[int]) -> None:
        turns = zip(images, itertools.cycle(sizes))
        self._batches: Iterator[Any] = (
            to_tensor(resize_square(image, size)[None], SPEC) for image, size in turns
        )

    def get_next(self) -> dict[str, Any] | None:
        chip = next(self._batches, None)
        return None if chip is None else {"chips": chip}


def quantize(
    fp32: Path,
    int8: Path,
    dataset: Dataset,
    options: Quantize,
    record: Path,
    sizes: Sequence[int] = SPEC.sizes,
) -> Path:
    """Write ``int8`` from ``fp32``, calibrated on ``dataset``, and the ``record`` of that."""
    pick = pick_images(dataset, options)
    prepared = int8.with_suffix(".prepared.onnx")
    quant_pre_process(str(fp32), str(prepared), skip_symbolic_shape=True)
    quantize_static(
        str(prepared),
        str(int8),
        _Reader(dataset.images[pick], sizes),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
        reduce_range=options.reduce_range,
        calibrate_method=CalibrationMethod.MinMax,
    )
    prepared.unlink()
    cap_versions(int8)
    write_record(int8, dataset, pick, options, record)
    return int8


def pick_images(dataset: Dataset, options: Quantize) -> Any:
    """Return the indices of the calibration pictures: as many of each label, chosen by the seed."""
    draw = np.random.RandomState(options.seed)  # its stream is frozen for good, unlike default_rng
    names = np.unique(dataset.labels)
    each = options.images // len(names)
    picks = [draw.permutation(np.flatnonzero(dataset.labels == name))[:each] for name in names]
    return np.sort(np.concatenate(picks))


def write_record(int8: Path, dataset: Dataset, pick: Any, options: Quantize, record: Path) -> None:
    """Write ids, seed, hash and ranges of the calibration, without pictures."""
    content = {
        "model": int8.stem,
        "split": "train",
        "seed": options.seed,
        "ids": dataset.ids[pick].tolist(),
        "pixels_sha256": hashlib.sha256(dataset.images[pick].tobytes()).hexdigest(),
        "ranges": activation_ranges(int8),
    }
    text = json.dumps(content, indent=1)
    # A list stays on its line, so that a diff shows what changed.
    text = re.sub(r"\[[^\[\]]*\]", lambda match: json.dumps(json.loads(match[0])), text)
    record.write_text(text + "\n")


def activation_ranges(int8: Path) -> dict[str, list[float]]:
    """Return each tensor's [lowest, highest] value that its quantization can represent."""
    graph = onnx.load(int8).graph
    values = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
    ranges = {}
    for node in graph.node:
        if node.op_type != "QuantizeLinear" or values[node.input[1]].ndim:
            continue
        scale, zero = float(values[node.input[1]]), int(values[node.input[2]])
        ranges[node.input[0]] = [round(-zero * scale, 5), round((255 - zero) * scale, 5)]
    return ranges
