"""Measure the latency of networks relative to the first one, in one process on one thread.

The time is the thread's own, which on a free core is the latency.
"""

import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from edge_fer.bench.models import Ratio
from edge_fer.emotion.session import processor

ROUNDS = 100
SLOW, SLOW_ROUNDS = 0.02, 8
"""What takes more seconds than that takes part in fewer rounds."""

EXTENSIONS = (
    "avx2",
    "avx512f",
    "avx_vnni",
    "avx512_vnni",
    "amx_int8",
    "amx_bf16",
    "asimddp",
    "i8mm",
    "sve",
)
"""Flags of /proc/cpuinfo that decide how fast a small network is."""


def ratios(files: Sequence[tuple[Path, int]], *, rounds: int = ROUNDS) -> list[Ratio]:
    """Return the latency of each file at its chip size in px, batch 1, relative to the first.

    The median of the per-round ratios, with their 10th and 90th percentile as bounds.
    """
    runs = [_runner(path, size) for path, size in files]
    slow = {run for run in runs[1:] if min(_seconds(run) for _ in range(2)) > SLOW}
    found: dict[Callable[[], object], Ratio] = {}
    for group, count in (
        ([run for run in runs if run not in slow], rounds),
        ([runs[0], *slow], min(rounds, SLOW_ROUNDS)),
    ):
        found.update(zip(group, _compare(group, count), strict=True))
    # The first stands in both groups, and is 1 in both.
    return [found[run] for run in runs]


def instructions() -> str:
    """Return the processor's name and those of `EXTENSIONS` that it has."""
    lines = processor().splitlines()
    facts = {key.strip(): value.strip() for key, _, value in (x.partition(":") for x in lines)}
    flags = (facts.get("flags") or facts.get("Features") or "").split()
    known = [name for name in EXTENSIONS if name in flags]
    return f"{facts.get('model name', lines[0])}: {', '.join(known)}"


def _compare(runs: list[Callable[[], object]], rounds: int) -> list[Ratio]:
    """Shuffle the order in each round, so that other work on the machine affects all equally."""
    order, draw = list(range(len(runs))), random.Random(0)
    seconds = np.zeros((rounds, len(runs)))
    for row in seconds:
        draw.shuffle(order)
        for index in order:
            # One call that does not count, since the one before has the caches.
            runs[index]()
            row[index] = _seconds(runs[index])
    shares: NDArray[np.float64] = seconds / seconds[:, :1]
    low, median, high = np.percentile(shares, (10, 50, 90), axis=0)
    return [Ratio(*map(float, row)) for row in zip(median, low, high, strict=True)]


def _seconds(run: Callable[[], object]) -> float:
    """Return the CPU time of this thread, the only one; other jobs on the core do not count."""
    started = time.thread_time()
    run()
    return time.thread_time() - started


def _runner(path: Path, size: int) -> Callable[[], object]:
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    given = session.get_inputs()[0]
    chip = np.random.default_rng(0).normal(size=(1, given.shape[1], size, size))
    feed = {given.name: chip.astype(np.float32)}
    return lambda: session.run(None, feed)
