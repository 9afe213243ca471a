"""Measure onnxruntime's options for networks this small and renew docs/background/onnxruntime.md.

    python -m research.session_options [--rounds N] [MODEL.onnx ...]

Each choice is run in turn with the options that `edge_fer.emotion.session` sets, in CPU time of
this process. Memory, and threads that work beside the caller, are measured in processes of
their own. Without models, takes the INT8 ones of models/.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from docs.pages import fill, table
from edge_fer.bench.models import Ratio, ratio
from edge_fer.build import interleave
from edge_fer.emotion.card import Card, read_card, shipped_models
from edge_fer.emotion.session import PROVIDER, drawn_chip, optimize, session_options, to_tensor

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "background" / "onnxruntime.md"

CROWD, LOADS, WARM_UPS = 8, 15, 10
"""Chips of a large batch; rounds in which a file is loaded; rounds that are not counted."""

PROCESSES, LOOKS, PERIOD_S = 5, 40, 0.02
"""Processes of each choice; in each, chips classified, one in so many seconds."""

Change = Callable[[Any], None]
"""Makes other options of the present ones."""


def _set(name: str, value: object) -> Change:
    if "." in name:
        return lambda options: options.add_session_config_entry(name, value)
    return lambda options: setattr(options, name, value)


def _fixed(side: int) -> Change:
    def change(options: Any) -> None:
        for name, size in (("n", 1), ("height", side), ("width", side)):
            options.add_free_dimension_override_by_name(name, size)

    return change


def _as_they_are(options: Any) -> None:
    """No change."""


def _spinning(options: Any) -> None:
    options.intra_op_num_threads = 2
    options.add_session_config_entry("session.intra_op.allow_spinning", "1")


PRESENT: Final = "the present ones"
AGAIN: Final = f"{PRESENT} again"
COMPILED: Final = "compiled copy, .ort"
SHAPED: Final = "shape known when loading"

CHOICES: Final[dict[str, Change]] = {
    AGAIN: _as_they_are,
    "no memory arena": _set("enable_cpu_mem_arena", False),
    "no memory pattern": _set("enable_mem_pattern", False),
    "no reuse of memory": _set("enable_mem_reuse", False),
    "nodes in parallel": _set("execution_mode", ort.ExecutionMode.ORT_PARALLEL),
    **{
        f"graph optimization: {level.lower()}": _set(
            "graph_optimization_level", getattr(ort.GraphOptimizationLevel, f"ORT_{level}")
        )
        for level in ("DISABLE_ALL", "ENABLE_BASIC", "ENABLE_EXTENDED")
    },
    "weights not packed at the start": _set("session.disable_prepacking", "1"),
    "denormal numbers as zero": _set("session.set_denormal_as_zero", "1"),
}
"""Tried on each model in this process: one chip, a crowd's batch, and loading."""

IN_PROCESSES: Final[dict[str, Change]] = {
    PRESENT: _as_they_are,
    "no memory arena": _set("enable_cpu_mem_arena", False),
    "weights not packed at the start": _set("session.disable_prepacking", "1"),
    "2 threads": _set("intra_op_num_threads", 2),
    "2 threads that spin": _spinning,
    COMPILED: _as_they_are,
}
"""Tried in processes of their own."""


def open_session(model: Path, change: Change) -> Any:
    """A session with the present options but for ``change``."""
    options = session_options(threads=1)
    change(options)
    return ort.InferenceSession(str(model), options, providers=[PROVIDER])


def chips_for(card: Card, count: int) -> NDArray[np.float32]:
    """``count`` different chips as the network takes them."""
    side = card.input.sizes[0]
    chips = np.stack([drawn_chip((3, 5 + k, 1), side) for k in range(count)])
    return to_tensor(chips, card.input)


def run(session: Any, batches: Sequence[NDArray[np.float32]]) -> None:
    """Classify batch after batch, as `edge_fer.emotion.session` does."""
    name = session.get_inputs()[0].name
    for batch in batches:
        session.run(None, {name: batch})


def run_bound(session: Any, batch: NDArray[np.float32]) -> None:
    """The same through an I/O binding."""
    binding = session.io_binding()
    binding.bind_cpu_input(session.get_inputs()[0].name, batch)
    binding.bind_output(session.get_outputs()[0].name)
    session.run_with_iobinding(binding)
    binding.copy_outputs_to_cpu()


def compare(side: Callable[[], Any], present: Callable[[], Any], rounds: int) -> Ratio:
    """CPU time of one in terms of the other."""
    timed = interleave([side, present], warm_ups=WARM_UPS, rounds=rounds, clock=time.process_time)
    return ratio(timed)


def by_choice(model: Path, rounds: int) -> str:
    """A Markdown table of ratios for one model."""
    card = read_card(model)
    one, crowd = chips_for(card, 1), chips_for(card, CROWD)
    now = open_session(model, _as_they_are)
    batches = [one], [crowd]
    rows: list[Sequence[str]] = [
        (f"`{card.name}`", "1 chip", f"{CROWD} chips", "loading"),
        ("---",) * 4,
    ]
    with tempfile.TemporaryDirectory() as folder:
        compiled = Path(folder) / "copy.ort"
        optimize(model, compiled)
        opened = {name: partial(open_session, model, change) for name, change in CHOICES.items()}
        opened[COMPILED] = partial(open_session, compiled, _as_they_are)
        opened[SHAPED] = partial(open_session, model, _fixed(card.input.sizes[0]))
        for name, load in opened.items():
            session = load()
            cells = [
                str(compare(partial(run, session, batch), partial(run, now, batch), rounds))
                for batch in (batches[:1] if name == SHAPED else batches)
            ]
            cells += ["-"] * (len(batches) - len(cells))
            rows.append((name, *cells, str(compare(load, opened[AGAIN], LOADS))))
    bound = [
        str(compare(partial(run_bound, now, batch[0]), partial(run, now, batch), rounds))
        for batch in batches
    ]
    rows.append(("I/O binding", *bound, "-"))
    for count in (CROWD // 2, CROWD):
        batch = chips_for(card, count)
        singles = [batch[k : k + 1] for k in range(count)]
        cost = compare(partial(run, now, singles), partial(run, now, [batch]), rounds)
        rows.append((f"{count} chips one by one, not in a batch", "-", str(cost), "-"))
    return table(rows)


def in_processes(model: Path) -> str:
    """Resident memory, and time and CPU time of a chip now and then, as a Markdown table."""
    with tempfile.TemporaryDirectory() as folder:
        compiled = Path(folder) / "copy.ort"
        optimize(model, compiled)
        turns = [
            [_in_process(name, model, compiled) for name in IN_PROCESSES] for _ in range(PROCESSES)
        ]
    figures = np.array(turns)
    rows: list[Sequence[str]] = [
        (f"`{model.stem}`", "memory, MiB", "time of a chip", "CPU time of a chip"),
        ("---",) * 4,
        (PRESENT, f"{figures[:, 0, 0].mean():.1f}", "1", "1"),
    ]
    for k, name in enumerate(list(IN_PROCESSES)[1:], start=1):
        more = figures[:, k, 0] - figures[:, 0, 0]
        memory = f"{np.median(more):+.1f} ({more.min():+.1f} to {more.max():+.1f})"
        costs = [str(ratio(figures[:, [k, 0], column])) for column in (1, 2)]
        rows.append((name, memory, *costs))
    return table(rows)


def _in_process(name: str, model: Path, compiled: Path) -> list[float]:
    """What `alone` prints in a process of its own."""
    files = str(model), str(compiled if name == COMPILED else model)
    command = [sys.executable, "-m", "research.session_options", "--alone", name, *files]
    printed = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
    return [float(word) for word in printed.split()]


def alone(name: str, model: Path, file: Path) -> None:
    """Print MiB that a session and its runs added, and seconds and CPU seconds of a chip."""
    one, crowd = (chips_for(read_card(model), count) for count in (1, CROWD))
    before = _resident_mib()
    session = open_session(file, IN_PROCESSES[name])
    run(session, [one, crowd] * 3)
    took, busy = [], time.process_time()
    for _ in range(LOOKS):
        started = time.perf_counter()
        run(session, [one])
        took.append(time.perf_counter() - started)
        time.sleep(PERIOD_S)
    busy = (time.process_time() - busy) / LOOKS
    print(_resident_mib() - before, np.percentile(took, 10), busy)


def _resident_mib() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


def main() -> None:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(description="Try onnxruntime's options.")
    parser.add_argument("models", nargs="*", type=Path, metavar="MODEL.onnx")
    parser.add_argument("--rounds", type=int, default=40, metavar="N")
    parser.add_argument("--alone", choices=IN_PROCESSES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.alone:
        return alone(arguments.alone, *arguments.models)
    models = arguments.models or [m for m in shipped_models() if m.stem.endswith("int8")]
    parts = [by_choice(model.resolve(), arguments.rounds) for model in models]
    parts += [in_processes(model.resolve()) for model in models]
    text = "\n\n".join([f"onnxruntime {ort.__version__}, {arguments.rounds} rounds:", *parts])
    if not arguments.models:
        fill(PAGE, "options", text)
    return print(text)


if __name__ == "__main__":
    main()
