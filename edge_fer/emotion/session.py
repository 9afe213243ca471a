"""A model file in onnxruntime, from uint8 crops to raw outputs, and its compiled copy.

Only this file imports onnxruntime. `to_tensor` is the one place where pixels become numbers:
training, calibration, evaluation, the bench and the daemon all call it, so that a network gets
the same input everywhere.

A compiled copy is the graph as onnxruntime optimizes it for this device, kept in a cache as
``<model>.<key>.<sha256>.ort``. The key stands for the model's sha256, onnxruntime, its options
and the processor, so a copy made with anything else is not found and never stale; the sha256 is
the copy's own and reveals damage. TensorRT's engines are kept beside it, in a folder
``<model>.<key>.tensorrt``.
"""

import glob
import hashlib
import os
import platform
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from edge_fer.emotion.card import Card, Input, sha256_of
from edge_fer.errors import ModelError

PROVIDERS: Final = {
    "tensorrt": "TensorrtExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
"""Value of model.provider to onnxruntime's name, the fastest first."""

PROVIDER: Final = PROVIDERS["cpu"]

RUNTIME: Final = f"onnxruntime {ort.__version__}, {PROVIDER}, options 1"
"""Everything besides the model and the processor that a compiled copy depends on. Raise the last
number with every change of `session_options` that changes the optimized graph."""


CPUINFO: Final = Path("/proc/cpuinfo")

_OF_THE_PROCESSOR: Final = {
    "vendor_id",
    "cpu family",
    "model",
    "model name",
    "stepping",
    "flags",
    "CPU implementer",
    "CPU architecture",
    "CPU variant",
    "CPU part",
    "CPU revision",
    "Features",
    "isa",
    "uarch",
}
"""Lines of /proc/cpuinfo that decide which kernels run, on x86, Arm and RISC-V."""


def to_tensor(chips: NDArray[np.uint8], spec: Input) -> NDArray[np.float32]:
    """Convert crops (N, S, S) uint8 luma to float32 in the layout of the card.

    Each pixel becomes ``(pixel - mean) / std``. With three channels the luma is repeated.
    """
    scaled = (chips.astype(np.float32) - np.float32(spec.mean)) / np.float32(spec.std)
    axis = 1 if spec.layout == "NCHW" else 3
    tensor: NDArray[np.float32] = np.repeat(np.expand_dims(scaled, axis), spec.channels, axis=axis)
    return tensor


def drawn_chip(pattern: tuple[int, int, int], size: int) -> NDArray[np.uint8]:
    """Return the crop (S, S) of a golden vector: ``(a x + b y + c x y) mod 256``."""
    a, b, c = pattern
    y, x = np.mgrid[:size, :size]
    return np.asarray((a * x + b * y + c * x * y) % 256, np.uint8)


class Session:
    """A loaded model file, .onnx or .ort, that matches its card.

    ``provider`` is a key of `PROVIDERS`; the slower ones run the operators it lacks.
    ``engines`` is the folder for TensorRT's engines.

    Raises:
        ModelError: onnxruntime cannot load the file, its graph does not match the card, or the
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
        # If a library of the provider is missing, onnxruntime prints its name and continues.
        if PROVIDERS[provider] not in self._session.get_providers():
            raise ModelError(f"{file}: onnxruntime cannot start {PROVIDERS[provider]} here")
        self._input = _check_graph(file, self._session, card)
        self._batched = not isinstance(self._session.get_inputs()[0].shape[0], int)

    def run(self, tensor: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run a batch (N, …) float32 in the card's layout; return raw outputs (N, labels).

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


def available_providers() -> list[str]:
    """Return the providers that this onnxruntime is built with, the fastest first."""
    built = ort.get_available_providers()
    return [name for name, its_name in PROVIDERS.items() if its_name in built]


def chain(provider: str, engines: Path | None) -> list[tuple[str, dict[str, str]]]:
    """Return the provider and its fallbacks with their options, as onnxruntime takes them."""
    names: Sequence[str] = list(PROVIDERS)
    options: dict[str, dict[str, str]] = {}
    if engines is not None:
        # Building an engine takes minutes on a Jetson, loading one takes a second.
        options["tensorrt"] = {
            "trt_engine_cache_enable": "1",
            "trt_engine_cache_path": str(engines),
            "trt_timing_cache_enable": "1",
            "trt_timing_cache_path": str(engines),
        }
    built = available_providers()
    behind = [name for name in names[names.index(provider) :] if name in (provider, *built)]
    return [(PROVIDERS[name], options.get(name, {})) for name in behind]


def input_shape(model: Path) -> list[int | str | None]:
    """Return the shape of a graph's first input without a card; a free axis is not a number.

    Raises:
        ModelError: onnxruntime cannot load the file.
    """
    shape: list[int | str | None] = _open(model, session_options(threads=1)).get_inputs()[0].shape
    return shape


def optimize(model: Path, target: Path) -> None:
    """Write ``model`` as optimized for this processor to ``target``, an .ort file.

    Raises:
        ModelError: the model cannot be loaded or the file cannot be written.
    """
    options = session_options(threads=1)
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.optimized_model_filepath = str(target)
    options.add_session_config_entry("session.save_model_format", "ORT")
    _open(model, options)


def session_options(threads: int) -> Any:
    """Return the options under which networks run; docs/background/onnxruntime.md compares others.

    All graph optimizations, packed weights and the memory arena keep onnxruntime's defaults.
    """
    options = ort.SessionOptions()
    # One by default: for a crop of a millisecond, a second thread costs more than it saves.
    options.intra_op_num_threads = threads
    # A chain of layers has no two operators that could run in parallel.
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # A spinning pool would use a core between two frames.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _open(file: Path, options: Any, providers: Sequence[Any] = (PROVIDER,)) -> Any:
    try:
        # The built-in fallback prints a notice on stdout and tries the same again.
        return ort.InferenceSession(
            str(file), options, providers=list(providers), enable_fallback=0
        )
    except Exception as error:  # onnxruntime raises a dozen private types
        raise ModelError(f"{file}: onnxruntime cannot load it ({_plain(error)})") from error


def _plain(error: Exception) -> str:
    return str(error)[:160]


def _check_graph(file: Path, session: Any, card: Card) -> str:
    """Check the graph against the card in each of its sizes; return the input's name."""
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


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the cache folder: systemd's $CACHE_DIRECTORY, else edge-fer in the user's cache."""
    # systemd separates several directories by colons.
    if given := environ.get("CACHE_DIRECTORY", "").split(":")[0]:
        return Path(given)
    # Path.expanduser raises if the user has no home.
    home = environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111
    return Path(home) / "edge-fer"


def compile_model(model: Path, card: Card, folder: Path) -> Path:
    """Write the compiled copy of ``model`` to ``folder``, remove older ones, return its path.

    Raises:
        ModelError: the model cannot be optimized, or the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # A copy gets its name when it is complete, so that no process loads half of it.
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            draft = Path(scratch) / "draft.ort"
            optimize(model, draft)
            copy = folder / f"{model.stem}.{_key(card)}.{sha256_of(draft)}.ort"
            draft.replace(copy)
        for other in _copies(model, "*", folder):
            if other != copy:
                other.unlink(missing_ok=True)
    except OSError as error:
        raise ModelError(
            f"{folder}: cannot keep a compiled model ({_os_reason(error)}); name a folder "
            "that can be written in CACHE_DIRECTORY"
        ) from error
    return copy


def engine_folder(model: Path, card: Card, folder: Path) -> Path:
    """Create and return the folder of TensorRT's engines for this model; remove older ones.

    Raises:
        ModelError: the cache cannot be written.
    """
    own = folder / f"{model.stem}.{_key(card)}.tensorrt"
    try:
        own.mkdir(parents=True, exist_ok=True)
        for other in folder.glob(f"{glob.escape(model.stem)}.*.tensorrt"):
            if other != own and other.name.rsplit(".", 2)[0] == model.stem:
                shutil.rmtree(other)
    except OSError as error:
        raise ModelError(f"{own}: cannot keep TensorRT's engines ({_os_reason(error)})") from error
    return own


def find_copy(model: Path, card: Card, folder: Path) -> Path | None:
    """Return the copy for this model, onnxruntime and processor, or None."""
    return next(iter(_copies(model, _key(card), folder)), None)


def check_copy(copy: Path) -> None:
    """Check a copy against the sha256 in its name.

    Raises:
        ModelError: it is damaged or cannot be read.
    """
    try:
        digest = sha256_of(copy)
    except OSError as error:
        raise ModelError(f"{copy}: cannot be read ({_os_reason(error)})") from error
    if digest != copy.name.split(".")[-2]:
        raise ModelError(f"{copy}: is damaged, `edge-fer compile` makes it again")


def processor(cpuinfo: Path = CPUINFO) -> str:
    """Describe the processor and its instruction sets; identical cores count once."""
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else [platform.processor()]
    kept = {line for line in lines if line.partition(":")[0].strip() in _OF_THE_PROCESSOR}
    return "\n".join([platform.machine(), *sorted(kept)])


def _os_reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _key(card: Card) -> str:
    text = "\n".join([card.sha256, RUNTIME, processor()])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _copies(model: Path, key: str, folder: Path) -> list[Path]:
    """Return the copies of ``model``, sorted; ``key`` may be ``*``.

    Copies of other models whose names begin alike are left out.
    """
    found = folder.glob(f"{glob.escape(model.stem)}.{key}.*.ort")
    return sorted(copy for copy in found if copy.name.rsplit(".", 3)[0] == model.stem)
