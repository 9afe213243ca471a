"""Whether an INT8 file gives the same answers on other CPUs as on this one.

    python -m research.agreement [--pictures N] [MODEL.onnx ...]

Runs each model in models/ over N pictures of PublicTest here and on the emulated CPUs of
`emulation`, writes agreement.json and the table of agreement.md in docs/background, exits with 1
if too few answers agree. A file whose rows exist already, over as many pictures, is not run again;
delete agreement.json to run all. For other models it prints the table and writes nothing.
Says nothing about speed: an emulated CPU has none of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_fer.emotion.card import Card, read_card
from edge_fer.emotion.classify import softmax
from edge_fer.emotion.session import to_tensor
from edge_fer.errors import DataError, EdgeFerError
from edge_fer.evaluation.dataset import load
from edge_fer.vision.pixels import resize_square
from research.emulation import CPUS, HERE, Cpu, Emulator
from research.progress import Progress, StepError

ROOT = Path(__file__).resolve().parents[1]
CACHE = ROOT / ".cache" / "emulation"
RECORD = ROOT / "docs" / "background" / "agreement.json"
PAGE = ROOT / "docs" / "background" / "agreement.md"
SCRIPT = Path(__file__).with_name("scores.py")

FILES = ("fer2013.npz", "fer2013.csv")
"""FER-2013, in the order of preference."""

SEED = 7
FLOOR = 0.97
"""Least share of pictures with the same top label."""

HEADINGS = (
    "model",
    "CPU",
    "as in",
    "with",
    "onnxruntime",
    "same top-1, %",
    "largest score difference",
    "right, %",
)

ALL = (HERE, *CPUS)

Row = dict[str, Any]
"""A model on a CPU, as the record has it."""

Run = dict[str, NDArray[Any]]
"""What `scores.py` writes."""


def main() -> int:
    """Measure, write, print; 1 where a model falls below the floor."""
    parser = argparse.ArgumentParser(description="Run models on CPUs that this machine is not.")
    parser.add_argument("models", nargs="*", type=Path, metavar="MODEL.onnx")
    parser.add_argument("--pictures", type=int, default=1000, metavar="N")
    arguments = parser.parse_args()
    shipped = sorted((ROOT / "models").glob("*-int8.onnx"))
    known = [] if arguments.models else kept(shipped, arguments.pictures)
    done = {row["model"] for row in known}
    models = arguments.models or [model for model in shipped if model.stem not in done]
    progress = Progress(1 + len(models), CACHE / "log.txt")
    try:
        rows = sorted(
            known + _measure(models, arguments.pictures, progress), key=lambda row: row["model"]
        )
    except EdgeFerError as error:
        print(f"agreement: {error}", file=sys.stderr)
        return error.exit_code
    except (StepError, OSError) as error:
        progress.show_failure(error)
        return 1
    record = {"split": "public", "seed": SEED, "floor": FLOOR, "rows": rows}
    if not arguments.models:
        RECORD.write_text(json.dumps(record, indent=1) + "\n")
        PAGE.write_text(render(PAGE.read_text(), record))
    print(table(rows))
    below = too_different(rows)
    for row in below:
        print(
            f"{row['model']} on {row['cpu']}: same_top1 = {row['same_top1']}: must be {FLOOR} "
            "or more; quantize with reduce_range",
            file=sys.stderr,
        )
    return 1 if below else 0


def kept(models: Sequence[Path], pictures: int, record: Path = RECORD) -> list[Row]:
    """The record's rows of those ``models`` that it has on every CPU, over ``pictures``."""
    rows: list[Row] = json.loads(record.read_text())["rows"] if record.exists() else []
    wanted = {read_card(model).sha256 for model in models}
    rows = [row for row in rows if row["sha256"] in wanted and row["n"] == pictures]
    cpus: dict[str, set[str]] = {}
    for row in rows:
        cpus.setdefault(row["sha256"], set()).add(row["cpu"])
    every = {cpu.name or cpu.machine for cpu in ALL}
    return [row for row in rows if cpus[row["sha256"]] == every]


def _measure(models: Sequence[Path], pictures: int, progress: Progress) -> list[Row]:
    cards = [read_card(model) for model in models]
    images, truth = _pictures(pictures)
    progress.begin("qemu, and an arm64 Python")
    emulator = Emulator(CACHE)
    emulator.prepare(progress)
    progress.end()
    rows = []
    for model, card in zip(models, cards, strict=True):
        progress.begin(f"{model.stem} on {1 + len(CPUS)} CPUs")
        side = card.input.sizes[0]
        chips = np.stack([resize_square(image, side) for image in images])
        runs = _run_everywhere(model, to_tensor(chips, card.input), emulator, progress)
        rows += [_row(card, cpu, run, runs[0], truth) for cpu, run in zip(ALL, runs, strict=True)]
        progress.end()
    return rows


def _pictures(count: int) -> tuple[NDArray[np.uint8], list[str]]:
    """Pictures (N, H, W) of PublicTest, drawn by the seed, and the label of each."""
    place = Path(os.environ.get("EDGE_FER_DATA", "data"))
    files = [file for name in FILES if (file := place / name).is_file()]
    if not files:
        raise DataError(f"{place}: no data; name the folder of {FILES[0]} in EDGE_FER_DATA")
    dataset = load(files[0], "public")
    pick = draw(len(dataset), count)
    return dataset.images[pick], [dataset.names[label] for label in dataset.labels[pick]]


def _run_everywhere(
    model: Path, tensor: NDArray[np.float32], emulator: Emulator, progress: Progress
) -> list[Run]:
    """What `scores.py` wrote on each of `ALL`."""
    # Pictures lie on the disk only while the other processes need them.
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        chips = Path(folder) / "chips.npy"
        np.save(chips, tensor)

        def run(cpu: Cpu) -> Run:
            outputs = Path(folder) / f"{cpu.name}.npz"
            files = map(str, (SCRIPT, model.resolve(), chips, outputs))
            progress.run([*emulator.command(cpu), *files])
            with np.load(outputs) as found:
                return dict(found)

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return list(pool.map(run, ALL))


def _row(card: Card, cpu: Cpu, run: Run, here: Run, truth: Sequence[str]) -> Row:
    ours, theirs = scores(here["outputs"], card), scores(run["outputs"], card)
    return {
        "model": card.name,
        "sha256": card.sha256,
        "cpu": cpu.name or cpu.machine,
        "like": cpu.like,
        "instructions": run["cpu"].tolist(),
        "onnxruntime": str(run["onnxruntime"]),
        "n": len(truth),
        **compare(ours, theirs, truth, card.labels),
    }


def draw(count: int, pictures: int) -> NDArray[np.int64]:
    """Indices of that many of ``count`` pictures, each as likely as the others, in order."""
    order: NDArray[np.int64] = np.random.RandomState(SEED).permutation(count)
    return np.sort(order[:pictures])


def scores(outputs: NDArray[np.float32], card: Card) -> NDArray[np.float32]:
    """A network's raw outputs (N, labels) as the calibrated scores that the daemon has."""
    raw: NDArray[np.float32] = outputs
    if card.output == "probabilities":
        raw = np.log(np.maximum(outputs, 1e-12))
    return softmax(raw / np.float32(card.temperature))


def compare(
    ours: NDArray[np.float32],
    theirs: NDArray[np.float32],
    truth: Sequence[str],
    labels: Sequence[str],
) -> dict[str, float]:
    """What differs between two tables of scores (N, labels), and how often theirs are right."""
    said = theirs.argmax(axis=1)
    right = [labels[index] == name for index, name in zip(said, truth, strict=True)]
    return {
        "same_top1": round(float(np.mean(ours.argmax(axis=1) == said)), 4),
        "largest_difference": round(float(np.abs(ours - theirs).max()), 4),
        "accuracy": round(float(np.mean(right)), 4),
    }


def too_different(rows: Sequence[Row]) -> list[Row]:
    """Those below the floor."""
    return [row for row in rows if row["same_top1"] < FLOOR]


def table(rows: Sequence[Row]) -> str:
    """Rows as a Markdown table."""
    cells = [HEADINGS, ("---",) * len(HEADINGS), *map(_cells, rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)


def _cells(row: Row) -> tuple[str, ...]:
    return (
        f"`{row['model']}`",
        row["cpu"],
        row["like"],
        ", ".join(row["instructions"]),
        row["onnxruntime"],
        f"{100 * row['same_top1']:.1f}",
        f"{row['largest_difference']:.3f}",
        f"{100 * row['accuracy']:.1f}",
    )


def render(page: str, record: dict[str, Any]) -> str:
    """Return ``page`` with the record's table."""
    rows = record["rows"]
    said = f"{rows[0]['n']:,} pictures of PublicTest, drawn by seed {record['seed']}:"
    text = f"<!-- agreement -->\n{said}\n\n{table(rows)}\n<!-- /agreement -->"
    return re.sub("<!-- agreement -->.*?<!-- /agreement -->", lambda _: text, page, flags=re.S)


if __name__ == "__main__":
    sys.exit(main())
