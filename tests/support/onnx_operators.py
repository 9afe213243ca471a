"""What an ONNX file computes: its operators as written, and as onnxruntime runs them."""

from collections import Counter
from pathlib import Path

import onnx
import onnxruntime as ort
from onnx import TensorProto

FLOAT_CONVOLUTIONS = {"Conv", "FusedConv", "NhwcFusedConv"}


def written(model: Path) -> Counter[str]:
    return Counter(node.op_type for node in onnx.load(model).graph.node)


def optimized(model: Path, folder: Path) -> Counter[str]:
    """Count the operators that are left after all of onnxruntime's own optimizations."""
    options = ort.SessionOptions()
    options.optimized_model_filepath = str(folder / f"{model.stem}.optimized.onnx")
    options.log_severity_level = 3
    ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    return written(Path(options.optimized_model_filepath))


def quantized_types(model: Path) -> tuple[set[int], set[tuple[int, bool]]]:
    """Types of the activations; types of the convolutions' weights and whether per channel."""
    graph = onnx.load(model).graph
    tensors = {item.name: item for item in graph.initializer}
    makers = {node.output[0]: node for node in graph.node}
    activations = {
        tensors[node.input[2]].data_type for node in graph.node if node.op_type == "QuantizeLinear"
    }
    weights = set()
    for node in graph.node:
        if node.op_type == "Conv":
            maker = makers[node.input[1]]
            scales = tensors[maker.input[1]].dims
            weight = tensors[maker.input[0]]
            per_channel = list(scales) == [weight.dims[0]]
            weights.add((weight.data_type, per_channel))
    return activations, weights


U8_ACTIVATIONS_S8_WEIGHTS = ({TensorProto.UINT8}, {(TensorProto.INT8, True)})
