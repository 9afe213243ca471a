"""A model file in onnxruntime: opened, compared with its card, run. Only this file imports it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from edge_fer.emotion.card import Card
from edge_fer.errors import ModelError

PROVIDERS: Final = {
    "tensorrt": "TensorrtExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
"""What `model.provider` may name, the fastest first, and onnxruntime's name for it."""

PROVIDER: Final = PROVIDERS["cpu"]

RUNTIME: Final = f"onnxruntime {ort.__version__}, {PROVIDER}, options 1"
"""All that an optimized file depends on besides the model and the processor. The last number
goes up with every change of `session_options` that changes what the optimizer writes."""


class Session:
    """A model file, .onnx or .ort, that fits its card and is ready to run.

    ``provider`` is a key of `PROVIDERS`; what it cannot do is done by the ones behind it.
    ``engines`` is the folder where TensorRT keeps what it builds.

    Raises:
        ModelError: onnxruntime refuses the file, its graph is not what the card says, or the
            provider cannot be started on this machine.
    """

    def __init__(
        self,
        file: Path,
        card: Card,
        *,
        threads: int,
        provider: str = "cpu",
        engines: Path | None = None,
    ) -> None:
        self.file, self.provider = file, provider
        self._session = _open(file, session_options(threads), chain(provider, engines))
        # Where a library of the provider's is missing, onnxruntime names it and goes on.
        if PROVIDERS[provider] not in self._session.get_providers():
            raise ModelError(f"{file}: onnxruntime cannot start {PROVIDERS[provider]} here")
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


def built_in() -> list[str]:
    """The providers that this onnxruntime is built with, the fastest first."""
    built = ort.get_available_providers()
    return [name for name, its_name in PROVIDERS.items() if its_name in built]


def chain(provider: str, engines: Path | None) -> list[tuple[str, dict[str, str]]]:
    """The provider and those behind it with their options, as onnxruntime takes them."""
    names: Sequence[str] = list(PROVIDERS)
    options: dict[str, dict[str, str]] = {}
    if engines is not None:
        # To build an engine takes minutes on a Jetson, to load one a second.
        options["tensorrt"] = {
            "trt_engine_cache_enable": "1",
            "trt_engine_cache_path": str(engines),
            "trt_timing_cache_enable": "1",
            "trt_timing_cache_path": str(engines),
        }
    built = built_in()
    behind = [name for name in names[names.index(provider) :] if name in (provider, *built)]
    return [(PROVIDERS[name], options.get(name, {})) for name in behind]


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
    """How networks are run: what docs/background/onnxruntime.md, which compares the others, leaves over.

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


def _open(file: Path, options: Any, providers: Sequence[Any] = (PROVIDER,)) -> Any:
    try:
        # Its own way out is to print a notice on stdout and to try the same once more.
        return ort.InferenceSession(
            str(file), options, providers=list(providers), enable_fallback=0
        )
    except Exception as error:  # onnxruntime raises a dozen private types
        raise ModelError(f"{file}: onnxruntime cannot load it ({_plain(error)})") from error


def _plain(error: Exception) -> str:
    return str(error)[:160]


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
