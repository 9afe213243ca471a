"""A model file in onnxruntime: opened, compared with its card, run. Only this file imports it."""

from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from edge_fer.emotion.card import Card
from edge_fer.errors import ModelError

PROVIDER: Final = "CPUExecutionProvider"

RUNTIME: Final = f"onnxruntime {ort.__version__}, {PROVIDER}, options 1"
"""All that an optimized file depends on besides the model and the processor. The last number
goes up with every change of `session_options` that changes what the optimizer writes."""


class Session:
    """A model file, .onnx or .ort, that fits its card and is ready to run.

    Raises:
        ModelError: onnxruntime refuses the file, or its graph is not what the card says.
    """

    def __init__(self, file: Path, card: Card, *, threads: int) -> None:
        self.file = file
        self._session = _open(file, session_options(threads))
        self._input = _check_graph(file, self._session, card)
        self._batched = not isinstance(self._session.get_inputs()[0].shape[0], int)

    def run(self, tensor: NDArray[np.float32]) -> NDArray[np.float32]:
        """The batch (N, …) in the card's layout to the network's raw outputs (N, labels).

        Raises:
            ModelError: the graph cannot be run on tensors of that shape.
        """
        batches = [tensor] if self._batched else [tensor[k : k + 1] for k in range(len(tensor))]
        try:
            rows = [self._session.run(None, {self._input: batch})[0] for batch in batches]
        except Exception as error:  # onnxruntime raises a dozen private types
            raise ModelError(
                f"{self.file}: onnxruntime cannot run it on {tensor.shape} ({_plain(error)})"
            ) from error
        return np.concatenate(rows)


def input_shape(model: Path) -> list[int | str | None]:
    """What the first input of a graph takes, ahead of any card; a free axis is no number.

    Raises:
        ModelError: onnxruntime refuses the file.
    """
    shape: list[int | str | None] = _open(model, session_options(threads=1)).get_inputs()[0].shape
    return shape


def optimize(model: Path, target: Path) -> None:
    """Write ``target``, an .ort file: ``model`` as onnxruntime rewrites it for this processor.

    Raises:
        ModelError: the model cannot be loaded or the file not be written.
    """
    options = session_options(threads=1)
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.optimized_model_filepath = str(target)
    options.add_session_config_entry("session.save_model_format", "ORT")
    _open(model, options)


def session_options(threads: int) -> Any:
    """How networks are run: what docs/onnxruntime.md, which compares the others, leaves over.

    All graph optimizations, packed weights and the memory arena are onnxruntime's own choice.
    """
    options = ort.SessionOptions()
    # One by default: on a chip of a millisecond a second one cost more than it brought.
    options.intra_op_num_threads = threads
    # A chain of layers has no two that could run at a time.
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # A spinning pool would burn a core between two frames.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _open(file: Path, options: Any) -> Any:
    try:
        return ort.InferenceSession(str(file), options, providers=[PROVIDER])
    except Exception as error:  # onnxruntime raises a dozen private types
        raise ModelError(f"{file}: onnxruntime cannot load it ({_plain(error)})") from error


def _plain(error: Exception) -> str:
    return str(error).replace("\n", " ")[:160]


def _check_graph(file: Path, session: Any, card: Card) -> str:
    """Compare the graph with the card, in each of its sizes, and return the input's name."""
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if len(inputs) != 1 or len(outputs) != 1:
        raise ModelError(
            f"{file}: has {len(inputs)} inputs and {len(outputs)} outputs, must have one of each"
        )
    spec, shape = card.input, inputs[0].shape
    for side in spec.sizes:
        nchw = spec.layout == "NCHW"
        wanted = [spec.channels, side, side] if nchw else [side, side, spec.channels]
        if len(shape) != 4 or any(
            isinstance(have, int) and have != want
            for have, want in zip(shape[1:], wanted, strict=True)
        ):
            raise ModelError(f"{file}: graph takes {shape[1:]} but its card says {wanted}")
    if inputs[0].type != "tensor(float)":
        raise ModelError(f"{file}: input is {inputs[0].type}, must be tensor(float)")
    count = outputs[0].shape[-1]
    if isinstance(count, int) and count != len(card.labels):
        raise ModelError(f"{file}: card lists {len(card.labels)} labels but the output has {count}")
    name: str = inputs[0].name
    return name
