"""Compare models, or two forms of one model: alternating in one process, as ratios with intervals.

Times of one run are compared with each other only, so that the machine's speed cancels out.
"""

import dataclasses
import itertools
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from edge_fer.bench.playback import WARM_UP, Samples, decode_ahead, loop
from edge_fer.build import build_classifier, build_pipeline, interleave
from edge_fer.cameras import Camera
from edge_fer.config.settings import Settings
from edge_fer.emotion.card import find_model, read_card, shipped_models
from edge_fer.emotion.classify import Classifier
from edge_fer.emotion.session import compile_model
from edge_fer.errors import ModelError

LOADS, CHIPS = 25, 300
"""Rounds in which files are loaded, and in which one chip is classified."""

QUIET_PERCENTILE = 10
"""Percentile of a side's times that is compared, since other work on the machine only adds time."""

BOOTSTRAP_DRAWS = 2000

BLOCK, LEAST_BLOCKS = 10, 5
"""Frames that the bootstrap draws together, since neighbours are alike; least number of blocks."""


MODEL_STAGES = ("align", "quality", "classify")
"""Stages that depend on the model. The others do the same work with each model; a difference of
some percent there comes from where their tables happen to lie in memory."""


@dataclasses.dataclass(frozen=True, slots=True)
class Ratio:
    """The ratio of two sides' times with its interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        """Return for example "0.62 (0.60-0.64)"."""
        return f"{self.value:.2f} ({self.low:.2f}-{self.high:.2f})"


def ratio(seconds: NDArray[np.float64], *, seed: int = 0) -> Ratio:
    """Return the first side's time to the second's of ``seconds`` (rounds, 2), with its interval.

    The 95 % interval is a bootstrap over rounds.
    """
    draws = np.random.default_rng(seed).integers(len(seconds), size=(BOOTSTRAP_DRAWS, len(seconds)))
    times = np.percentile(seconds[draws], QUIET_PERCENTILE, axis=1)
    low, high = np.percentile(times[:, 0] / times[:, 1], (2.5, 97.5))
    first, second = np.percentile(seconds, QUIET_PERCENTILE, axis=0)
    return Ratio(*(round(float(value), 4) for value in (first / second, low, high)))


def totals_interval(
    streams: Sequence[NDArray[np.float64]], *, seed: int = 0
) -> tuple[float, float] | None:
    """Return the 95 % interval of the first side's total to the second's, of streams (frames, 2).

    The bootstrap draws blocks of frames. Return None if there are too few, or if the second side
    took no time.
    """
    blocks = np.concatenate(
        [np.add.reduceat(one, np.arange(0, len(one), BLOCK)) for one in streams]
    )
    draws = np.random.default_rng(seed).integers(len(blocks), size=(BOOTSTRAP_DRAWS, len(blocks)))
    totals = blocks[draws].sum(axis=1)
    if len(blocks) < LEAST_BLOCKS or not (totals[:, 1] > 0).all():
        return None
    low, high = np.percentile(totals[:, 0] / totals[:, 1], (2.5, 97.5))
    return round(float(low), 4), round(float(high), 4)


def share(part: float, whole: float) -> float | None:
    """Return the quotient, rounded; None if ``whole`` is 0."""
    return round(float(part / whole), 4) if whole else None


def check_models(names: Sequence[str]) -> None:
    """Check the names before a long measurement, without loading a model.

    Raises:
        ModelError: a model's name is unknown, or its card is missing or damaged.
    """
    for name in names:
        read_card(find_model(name))


def compare_models(
    settings: Settings, own: Classifier, names: Sequence[str], camera: Camera, frames: int
) -> list[dict[str, Any]]:
    """Return the CPU time of each named model relative to ``own``: its stage and the whole frame.

    Each model has a pipeline that differs in nothing else and runs at the model's default size. A
    frame's time with another model is the time with ``own`` after exchanging the model's stages.

    Raises:
        CameraError: the camera fails or has no frame.
        ModelError: a model is missing or damaged.
    """
    others = [_open(settings, name) for name in names]
    sides = [(build_pipeline(settings, model), Samples()) for model in (own, *others)]
    stream = itertools.islice(loop(camera), WARM_UP + frames)
    for number, frame in enumerate(stream if camera.live else decode_ahead(stream)):
        for pipeline, samples in reversed(sides) if number % 2 else sides:
            samples.process(pipeline, frame)
    ours, *theirs = (samples.without_first(WARM_UP).cpu for _, samples in sides)
    whole = _sum(ours, ["frame"])
    rest = whole - _sum(ours, MODEL_STAGES)
    return [
        {
            "model": model.card.name,
            "size": model.size,
            **_ratios("classify", _sum(cpu, ["classify"]), _sum(ours, ["classify"])),
            **_ratios("frame", rest + _sum(cpu, MODEL_STAGES), whole),
        }
        for model, cpu in zip(others, theirs, strict=True)
    ]


def _open(settings: Settings, name: str) -> Classifier:
    model = replace(settings.model, path=name, size=0, budget_ms=0.0)
    return build_classifier(replace(settings, model=model))


def _sum(cpu: dict[str, list[float]], stages: Sequence[str]) -> NDArray[np.float64]:
    """Return the seconds of some stages together, by frame (N,)."""
    total: NDArray[np.float64] = np.array([cpu[name] for name in stages]).sum(axis=0)
    return total


def _ratios(
    name: str, seconds: NDArray[np.float64], base: NDArray[np.float64]
) -> dict[str, float | list[float] | None]:
    """Return ratio and interval under that name; None where they cannot be computed."""
    interval = totals_interval([np.stack([seconds, base], axis=1)])
    return {
        f"{name}_ratio": share(seconds.sum(), base.sum()),
        f"{name}_interval_95": None if interval is None else list(interval),
    }


def compile_and_compare(
    model: Path, cache: Path, *, size: int = 0, threads: int = 1
) -> dict[str, Any]:
    """Compile ``model`` into ``cache`` and return the figures that `edge-fer compile` prints.

    Raises:
        ModelError: the model cannot be used, the cache cannot be written, or the copy fails the
            golden vectors and is removed.
    """
    plain = Classifier(model, size=size, threads=threads)
    copy = compile_model(model, plain.card, cache)
    compiled = Classifier(model, size=size, threads=threads, cache=cache)
    if not compiled.compiled:
        copy.unlink()
        raise ModelError(f"{model}: cannot be compiled by this onnxruntime for this processor")
    load = compare_loading(model, cache, threads=threads)
    latency = compare_latency(compiled, plain)
    return {
        "model": plain.card.name,
        "path": str(copy),
        "bytes": copy.stat().st_size,
        "load": load.value,
        "load_interval_95": [load.low, load.high],
        "latency": latency.value,
        "latency_interval_95": [latency.low, latency.high],
    }


def compare_latency(first: Classifier, second: Classifier) -> Ratio:
    """Return the time of one chip with the first relative to the second, each at its own size."""
    sides = [
        partial(side.classify, [np.zeros((side.size, side.size), np.uint8)])
        for side in (first, second)
    ]
    return ratio(interleave(sides, warm_ups=10, rounds=CHIPS))


def compare_loading(model: Path, cache: Path, *, threads: int) -> Ratio:
    """Return the load time with the compiled copy in ``cache`` relative to without it."""
    start = partial(Classifier, model, threads=threads)
    sides = [partial(start, cache=cache), start]
    return ratio(interleave(sides, warm_ups=1, rounds=LOADS))


def compare_precision(classifier: Classifier, *, threads: int) -> dict[str, Any] | None:
    """Compare INT8 with fp32 on this device and advise which to use; None if one is missing.

    The two files have the same name but for the ending, ``-int8`` and ``-fp32``.

    Raises:
        ModelError: the other file does not match its card or does not take the same size.
    """
    stem, _, own = classifier.path.stem.rpartition("-")
    files = {name: classifier.path.with_name(f"{stem}-{name}.onnx") for name in ("int8", "fp32")}
    if own not in files or not all(file.with_suffix(".json").is_file() for file in files.values()):
        return None
    pair = [Classifier(file, size=classifier.size, threads=threads) for file in files.values()]
    measured = compare_latency(*pair)
    faster = own
    if not measured.low <= 1 <= measured.high:
        faster = "int8" if measured.value < 1 else "fp32"
    return {
        **{name: file.stem for name, file in files.items()},
        "int8_to_fp32": measured.value,
        "interval_95": [measured.low, measured.high],
        "advice": f"int8 takes {measured} times as long as fp32: {_advice(files, own, faster)}",
    }


def _advice(files: dict[str, Path], own: str, faster: str) -> str:
    if own == faster:
        return f"keep {files[own].stem}"
    file = files[faster]
    return f"set model.path = {file.stem if file in shipped_models() else file}"
