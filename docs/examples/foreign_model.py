"""Writes a stand-in for another author's model: six labels, 128 px, three channels, random weights.

    python docs/examples/foreign_model.py FILE.onnx [--nhwc]

It ends in a softmax and takes pixels as Keras scales them, 0 to 1. With --nhwc the channels come
last, as in models converted from TensorFlow.
"""

import argparse
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

LABELS, SIDE, CHANNELS, WIDTH = 6, 128, 3, 8


def foreign_model(*, nhwc: bool) -> onnx.ModelProto:
    """One strided convolution, pooling, a dense layer and a softmax."""
    draw = np.random.RandomState(0)
    weights = {
        "filters": draw.normal(0, 0.3, (WIDTH, CHANNELS, 5, 5)),
        "dense": draw.normal(0, 3, (WIDTH, LABELS)),
    }
    planes = "planes" if nhwc else "pixels"
    nodes = [
        helper.make_node("Conv", [planes, "filters"], ["edges"], strides=[4, 4]),
        helper.make_node("Relu", ["edges"], ["rectified"]),
        helper.make_node("GlobalAveragePool", ["rectified"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("MatMul", ["flat", "dense"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"]),
    ]
    if nhwc:
        nodes.insert(0, helper.make_node("Transpose", ["pixels"], [planes], perm=[0, 3, 1, 2]))
    side = [SIDE, SIDE, CHANNELS] if nhwc else [CHANNELS, SIDE, SIDE]
    graph = helper.make_graph(
        nodes,
        "foreign",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, [1, *side])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [1, LABELS])],
        [numpy_helper.from_array(value.astype(np.float32), key) for key, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8  # onnxruntime 1.23 reads it
    return model


def main() -> None:
    """Write the file that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--nhwc", action="store_true")
    arguments = parser.parse_args()
    onnx.save(foreign_model(nhwc=arguments.nhwc), arguments.file)


if __name__ == "__main__":
    main()
