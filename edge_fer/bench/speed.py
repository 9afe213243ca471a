"""Two ways to run a network, one against the other, in one process: ratios, with intervals."""

import dataclasses
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_fer.daemon.build import interleave
from edge_fer.emotion.card import shipped_models
from edge_fer.emotion.classify import Classifier
from edge_fer.emotion.compiled import compile_model
from edge_fer.errors import ModelError

LOADS, CHIPS = 25, 300
"""Rounds in which files are loaded; in which one chip is classified."""

UNDISTURBED = 10
"""Percentile of a side's times that is compared: other work on the machine only ever adds."""

DRAWS = 2000
"""Of the bootstrap."""

BLOCK, LEAST_BLOCKS = 10, 5
"""Frames that the bootstrap draws together, since neighbours are alike; how many it needs."""


@dataclasses.dataclass(frozen=True, slots=True)
class Ratio:
    """Of the times of two sides, with bounds; whoever measures says which."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        """Such as "0.62 (0.60-0.64)"."""
        return f"{self.value:.2f} ({self.low:.2f}-{self.high:.2f})"


def ratio(seconds: NDArray[np.float64], *, seed: int = 0) -> Ratio:
    """Of the first side to the second of ``seconds`` (rounds, 2), with its 95 % interval.

    The bootstrap draws rounds.
    """
    draws = np.random.default_rng(seed).integers(len(seconds), size=(DRAWS, len(seconds)))
    times = np.percentile(seconds[draws], UNDISTURBED, axis=1)
    low, high = np.percentile(times[:, 0] / times[:, 1], (2.5, 97.5))
    first, second = np.percentile(seconds, UNDISTURBED, axis=0)
    return Ratio(*(round(float(value), 4) for value in (first / second, low, high)))


def totals_interval(
    streams: Sequence[NDArray[np.float64]], *, seed: int = 0
) -> tuple[float, float] | None:
    """The 95 % interval of the first side's total to the second's, of streams (frames, 2).

    The bootstrap draws blocks of frames. None of too few, or where the second side took no time.
    """
    blocks = np.concatenate(
        [np.add.reduceat(one, np.arange(0, len(one), BLOCK)) for one in streams]
    )
    draws = np.random.default_rng(seed).integers(len(blocks), size=(DRAWS, len(blocks)))
    totals = blocks[draws].sum(axis=1)
    if len(blocks) < LEAST_BLOCKS or not (totals[:, 1] > 0).all():
        return None
    low, high = np.percentile(totals[:, 0] / totals[:, 1], (2.5, 97.5))
    return round(float(low), 4), round(float(high), 4)


def share(part: float, whole: float) -> float | None:
    """The quotient, rounded; None of nothing."""
    return round(float(part / whole), 4) if whole else None


def compile_and_compare(
    model: Path, cache: Path, *, size: int = 0, threads: int = 1
) -> dict[str, Any]:
    """Compile ``model`` into ``cache`` and return what `edge-fer compile` prints.

    Raises:
        ModelError: the model is at fault, the cache cannot be written, or the copy fails the
            golden vectors; it is removed then.
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
    """How long one chip takes the first, in terms of the second; each at its own size."""
    sides = [
        partial(side.classify, [np.zeros((side.size, side.size), np.uint8)])
        for side in (first, second)
    ]
    return ratio(interleave(sides, warm_ups=10, rounds=CHIPS))


def compare_loading(model: Path, cache: Path, *, threads: int) -> Ratio:
    """How long a start takes with the compiled copy in ``cache``, in terms of one without."""
    start = partial(Classifier, model, threads=threads)
    sides = [partial(start, cache=cache), start]
    return ratio(interleave(sides, warm_ups=1, rounds=LOADS))


def compare_precision(classifier: Classifier, *, threads: int) -> dict[str, Any] | None:
    """INT8 against fp32 on this device, and which to take; None where one of them is not there.

    The two are files of one name but for the ending, ``-int8`` and ``-fp32``, with their cards.

    Raises:
        ModelError: the other file does not fit its card, or does not take the same size.
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
