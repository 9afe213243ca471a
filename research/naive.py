"""The daemon's pipeline against the naive one on clips whose faces were checked by eye.

    python -m research.naive [--clips FOLDER] [--set section.option=value ...] [CLIP ...]

Prints a Markdown table, a row for each clip of boxes/ that is there, and the two of all together:
those where faces can be found, and all. Ratios are of CPU time and hold for this machine; what
was found and said is the same on every machine with the same model file.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from edge_fer.bench.naive import Run, play, pool
from edge_fer.build import build_classifier, build_naive, build_pipeline
from edge_fer.cameras import open_camera
from edge_fer.config.load import load
from edge_fer.config.settings import Settings
from edge_fer.errors import DataError, EdgeFerError
from research.annotations import Fit, Truth, fit, read_truth, total

ROOT = Path(__file__).resolve().parents[1]
BOXES = Path(__file__).with_name("boxes")
CACHE = ROOT / ".cache"
"""Where `make` puts the clips that it fetches."""

HEADINGS = (
    "clip",
    "frames",
    "mean CPU, ours / naive (95 %)",
    "p95",
    "coverage",
    "agreement",
    "false boxes",
    "found by ours",
    "by naive",
)

Row = tuple[Run, Fit, Fit]
"""What was seen of a clip, and how well our boxes and those of the naive detector fit."""


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Ours against the naive pipeline, clip by clip.")
    parser.add_argument("clips", nargs="*", metavar="CLIP", help="names; else all of boxes/")
    parser.add_argument(
        "--clips",
        dest="folder",
        type=Path,
        metavar="FOLDER",
        default=Path(os.environ.get("EDGE_FER_MEDIA", "media")),
        help="where they are, beside .cache; $EDGE_FER_MEDIA",
    )
    parser.add_argument("--set", action="append", default=[], metavar="section.option=value")
    arguments = parser.parse_args()
    try:
        files = find_clips(arguments.clips, [arguments.folder, CACHE])
        settings = load(None, arguments.set)
        rows = {truth.clip: _measure(settings, file, truth) for file, truth in files}
    except EdgeFerError as error:
        print(f"against: {error}", file=sys.stderr)
        return error.exit_code
    print(table(rows))
    return 0


def find_clips(names: Sequence[str], folders: Sequence[Path]) -> list[tuple[Path, Truth]]:
    """The named clips, or all that are there, with their faces.

    Raises:
        DataError: a named clip has no checked boxes or is not there, or none is.
    """
    places = [BOXES / f"{name}.json" for name in names] or sorted(BOXES.glob("*.json"))
    found = []
    for truth in map(read_truth, places):
        file = next((f / truth.clip for f in folders if (f / truth.clip).is_file()), None)
        if file is not None:
            found.append((file, truth))
        elif names:
            raise DataError(f"{truth.clip}: must be in {' or '.join(map(str, folders))}")
    if not found:
        raise DataError(f"no clip of {BOXES} is in {' or '.join(map(str, folders))}")
    return found


def _measure(settings: Settings, file: Path, truth: Truth) -> Row:
    classifier = build_classifier(settings)
    camera = msgspec.structs.replace(settings.camera, source=f"file:{file}", pace="fast")
    run = play(
        build_pipeline(settings, classifier), build_naive(settings, classifier), open_camera(camera)
    )
    ours, naive = (fit([pair[side] for pair in run.reports], truth) for side in (0, 1))
    return run, ours, naive


def table(rows: dict[str, Row]) -> str:
    """As Markdown."""
    cells = [HEADINGS, ("---",) * len(HEADINGS)]
    cells += [_cells(f"`{clip}`", [row]) for clip, row in rows.items()]
    seen = [row for row in rows.values() if row[2].found]
    if seen:
        cells.append(_cells("those with faces for the naive one", seen))
    cells.append(_cells("all", list(rows.values())))
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)


def _cells(name: str, rows: Sequence[Row]) -> tuple[str, ...]:
    figures = pool([row[0] for row in rows])
    ours, naive = total([row[1] for row in rows]), total([row[2] for row in rows])
    interval = figures.mean_cpu_interval_95
    bounds = f" ({interval[0]:.3f}-{interval[1]:.3f})" if interval else ""
    return (
        name,
        f"{figures.frames:,}",
        f"{_number(figures.mean_cpu_ratio)}{bounds}",
        _number(figures.p95_ratio),
        _share(figures.covered, figures.naive_boxes),
        _share(figures.same, figures.compared),
        _share(ours.false, ours.boxes),
        _share(ours.found, ours.faces),
        _share(naive.found, naive.faces),
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} % of {whole:,}" if whole else "-"


if __name__ == "__main__":
    sys.exit(main())
