"""Damages input and hands it in; the record says how often, and what came of it.

    python -m tools.fuzz [NAME ...] [--count N] [--first K]

A fault is told by its number, and `--first NUMBER --count 1` shows it again.
"""

import argparse
import logging
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tools import proofs
from tools.fuzz import datasets, files, parsers
from tools.fuzz.alive import alive
from tools.fuzz.child import cases
from tools.proofs import Proof, save

FLOOR, AIM, FILES, SWAPS = 100_000, 1_000_000, 10_000, 100
"""Cases: of our own parsers at least, and at best; of files; of networks in a running daemon."""
ALIVE = "onnx, daemon running"
SHOWN = 5
Row = dict[str, str | int | float]


def outcomes(name: str, first: int, count: int, folder: Path) -> Iterator[tuple[int, str]]:
    """Number and outcome of each case."""
    if name == ALIVE:
        yield from alive(first, count)
    elif name in files.NAMES:
        yield from cases(name, first, count)
    else:
        target = {**parsers.targets(folder), **datasets.targets(folder)}[name]
        for number in range(first, first + count):
            yield number, target.run(name, number)


def all_names() -> list[str]:
    """In the order of the record."""
    with tempfile.TemporaryDirectory() as scratch:
        own = {**parsers.targets(Path(scratch)), **datasets.targets(Path(scratch))}
    return [*own, *files.NAMES, ALIVE]


def fuzz(name: str, first: int, count: int) -> Row:
    """Run the cases of one target; its row of the record. Faults are printed."""
    tally = {"": 0, "refused": 0}
    faults: list[int] = []
    with tempfile.TemporaryDirectory(dir="/dev/shm") as scratch:
        for number, outcome in outcomes(name, first, count, Path(scratch)):
            if outcome in tally:
                tally[outcome] += 1
            else:
                faults.append(number)
                print(f"{name} {number}: {outcome}", flush=True)
    shown = ", ".join(map(str, faults[:SHOWN])) + (", …" if len(faults) > SHOWN else "")
    return {
        "input": name,
        "cases": count,
        "read": tally[""],
        "refused": tally["refused"],
        "faults": f"{len(faults)}: {shown}" if faults else 0,
    }


def keep(row: Row) -> None:
    """Put a row into the record, in the place of an older one."""
    old = proofs.load().get("fuzz", {}).get("rows", [])
    rows = {one["input"]: one for one in [*old, row]}
    names = all_names()
    save("fuzz", proof([rows[name] for name in names if name in rows], names))


def proof(rows: list[Row], names: list[str]) -> Proof:
    """The record; without all of its rows, or with a fault, it is below the floor."""
    least = dict.fromkeys(names, FLOOR) | dict.fromkeys(files.NAMES, FILES) | {ALIVE: SWAPS}
    done = {str(row["input"]): int(row["cases"]) for row in rows}
    faults = sum(row["faults"] != 0 for row in rows)
    own = min(count for name, count in done.items() if least[name] == FLOOR or len(done) == 1)
    verdict: proofs.Verdict = "below the floor"
    if not faults and all(done.get(name, 0) >= count for name, count in least.items()):
        verdict = "aim" if own >= AIM else "floor"
    return Proof(
        title="Damaged input",
        floor="10⁵ cases a parser, 10⁴ a kind of file: a result or one line",
        aim="10⁶ a parser",
        reached=f"{sum(done.values()):,} cases, at least {own:,} of each of our parsers, "
        f"{len(rows)} of {len(names)} inputs; "
        + (f"faults in {faults} of {len(rows)} inputs" if faults else "no fault"),
        verdict=verdict,
        command="make fuzz",
        note=NOTE,
        rows=tuple(rows),
    )


NOTE = (
    "Valid seeds, each with up to eight damages by number: bits, bytes, pieces cut, doubled or "
    "moved, odd numbers, control characters, words of the format. What came of a case is a fault "
    "if it is neither a result nor an EdgeFerError of one printable line, if it warns, hangs, "
    "prints, or ends the process. Files that C and C++ read are handed to a child process, whose "
    f'death is seen, with a card that says they are whole. "{ALIVE}": each network is put in '
    "the place of the one that runs, and the daemon, which must go on filming, is told to reload."
)


def main() -> None:
    """Run what is asked for; a whole run renews the record."""
    names = all_names()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(names)}")
    parser.add_argument("--count", type=int, help="cases of each; the floor if not given")
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(names):
        parser.error(f"no input is called {', '.join(unknown)}")
    logging.disable()
    small = {**dict.fromkeys(files.NAMES, FILES), ALIVE: SWAPS}
    bad = False
    for name in arguments.names or names:
        least = small.get(name, FLOOR)
        row = fuzz(name, arguments.first, arguments.count or least)
        print(*(f"{key} {value}" for key, value in row.items()), sep=", ", flush=True)
        bad = bad or row["faults"] != 0
        if int(row["cases"]) >= least:
            keep(row)
    sys.exit(bad)


if __name__ == "__main__":
    main()
