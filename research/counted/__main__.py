"""What a frame costs in instructions, which no other load on the machine changes.

    python -m research.counted [--check | --record] [--runs N] [--only x86_64|aarch64]

Runs `work.py` under the counters of `counters` and prints the table. `--record` writes
counted.json and the table of counted.md in docs/background; `--check` exits 1 if a figure exceeds
its record by more than the tolerance. Takes some minutes a run.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np

from edge_fer.errors import EdgeFerError
from research.counted import record
from research.counted.counters import ROOT, WORK, Callgrind, Plugin
from research.counted.record import Row
from research.counted.scenes import scenes
from research.counted.work import PHASES
from research.progress import Progress, StepError

RECORD = ROOT / "docs" / "background" / "counted.json"
PAGE = ROOT / "docs" / "background" / "counted.md"
CACHE = ROOT / ".cache" / "emulation" / "counted"

TOLERANCE = 0.05
"""Of a figure; some hundred times what runs of the same code differ by."""

MACHINES = (Callgrind.machine, Plugin.machine)


def main() -> int:
    """Count; write, or compare."""
    parser = argparse.ArgumentParser(description="Count the instructions of a frame.")
    wish = parser.add_mutually_exclusive_group()
    wish.add_argument("--check", action="store_true", help="compare with the record")
    wish.add_argument("--record", action="store_true", help="make this the record")
    parser.add_argument("--runs", type=int, metavar="N", help="3 for a record, otherwise 1")
    parser.add_argument("--only", choices=MACHINES, help="not the other machine")
    arguments = parser.parse_args()
    runs = arguments.runs or (3 if arguments.record else 1)
    machines = [arguments.only] if arguments.only else list(MACHINES)
    progress = Progress(len(machines) * (1 + runs), CACHE / "log.txt")
    try:
        rows = _count(machines, runs, progress)
    except EdgeFerError as error:
        print(f"counted: {error}", file=sys.stderr)
        return error.exit_code
    except (StepError, OSError, ValueError) as error:
        progress.show_failure(error)
        return 1
    print(record.table(rows))
    if arguments.record:
        _write(rows)
    return check(rows) if arguments.check else 0


def _count(machines: list[str], runs: int, progress: Progress) -> list[Row]:
    pictures = scenes()
    # Pictures lie on the disk only while the other processes need them.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        frames = folder / "frames.npz"
        np.savez(frames, face=pictures["face"], empty=pictures["empty"])
        return [_row(machine, frames, runs, progress) for machine in machines]


def _row(machine: str, frames: Path, runs: int, progress: Progress) -> Row:
    counter: Callgrind | Plugin = (
        Callgrind(frames.parent) if machine == Callgrind.machine else Plugin(frames.parent, CACHE)
    )
    progress.begin(f"a counter for {machine}")
    counter.prepare(progress)
    progress.end()
    counted = {name: frames for name, (_, _, _, frames) in PHASES.items()}
    found = []
    for number in range(runs):
        progress.begin(f"{machine}, run {number + 1}")
        run = counter.count([str(WORK), str(frames)])
        found.append(record.per_phase(run.marks, counted))
        progress.end()
    told = json.loads(run.printed)
    phases = {
        name: {**figures, "frames": counted[name], "faces": told["faces"][name]}
        for name, figures in record.summed_up(found).items()
    }
    return {
        "machine": machine,
        **counter.facts(),
        "versions": told["versions"],
        "runs": runs,
        "phases": phases,
    }


def _write(rows: list[Row]) -> None:
    """Put these machines' rows in the place of their old ones."""
    known = json.loads(RECORD.read_text())["rows"] if RECORD.exists() else []
    by_machine = {row["machine"]: row for row in [*known, *rows]}
    kept = {"tolerance": TOLERANCE, "rows": [by_machine[name] for name in sorted(by_machine)]}
    RECORD.write_text(json.dumps(kept, indent=1) + "\n")
    PAGE.write_text(record.render(PAGE.read_text(), kept))


def check(rows: list[Row]) -> int:
    """Say what differs from the record; 1 where a comparable figure grew."""
    kept = json.loads(RECORD.read_text())
    by_machine = {row["machine"]: row for row in kept["rows"]}
    code = 0
    for row in rows:
        recorded = by_machine.get(row["machine"])
        if recorded is None:
            print(f"{row['machine']}: no record of it, nothing to compare: --record makes one")
            continue
        if differences := record.incomparable(row, recorded):
            print("\n".join(differences))
            continue
        grew, fell = record.beyond(row, recorded, kept["tolerance"])
        if fell:
            print("\n".join(fell), f"\nless than before; to keep it: {record.ADVICE}")
        if grew:
            print("\n".join([*grew, record.ADVICE]), file=sys.stderr)
            code = 1
    return code


if __name__ == "__main__":
    sys.exit(main())
