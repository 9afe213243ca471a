"""Measures the figures of docs/background/results.md and writes the page.

    python -m research.results [--render] [NAME ...]

Without a name it measures all of them; `--render` only renews the page. The numbers are
kept in figures.json beside this file.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from pathlib import Path

from edge_fer.bench.device import device_facts
from edge_fer.errors import ConfigError, DataError, EdgeFerError
from research.results import costs, process, talking, timing, variants
from research.results.figures import Figure
from research.results.media import (
    CARPHONE,
    DATA,
    FER2013,
    NEGATIVE,
    PORTRAITS,
    ROOT,
    TALKING,
    TURNING,
    find_data,
    require,
)
from research.results.page import entry, render

RECORD = Path(__file__).with_name("figures.json")
PAGE = ROOT / "docs" / "background" / "results.md"

Measure = Callable[[], dict[str, Figure]]

STILLS = (*PORTRAITS, NEGATIVE)
MEASURES: dict[str, tuple[Measure, Sequence[str]]] = {
    "talking": (talking.talking, (*TALKING, *TURNING, CARPHONE, NEGATIVE)),
    "eight-faces": (costs.eight_faces, STILLS),
    "empty-scene": (costs.empty_scene, STILLS),
    "new-face": (timing.new_face, STILLS),
    "change": (timing.change, (NEGATIVE, CARPHONE)),
    "still-face": (timing.still_face, STILLS),
    "memory": (process.memory, TALKING),
    "start": (process.start, TALKING),
    "variants": (variants.variants, (*TALKING, *STILLS)),
}
"""Name to what measures it and the files it needs."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, record, render."""
    parser = argparse.ArgumentParser(
        prog="research.results", description="Renew docs/background/results.md."
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(MEASURES)}")
    parser.add_argument("--render", action="store_true", help="measure nothing")
    options = parser.parse_args(arguments)
    names = [] if options.render else options.names or list(MEASURES)
    try:
        _check(names)
        for name in names:
            _measure(name)
            write_page()
    except EdgeFerError as error:
        print(f"results: {error}", file=sys.stderr)
        return error.exit_code
    if options.render:
        write_page()
    return 0


def write_page() -> None:
    """Render the page again from the recorded figures."""
    PAGE.write_text(render(json.loads(RECORD.read_text())))


def _check(names: Sequence[str]) -> None:
    for name in names:
        if name not in MEASURES:
            near = get_close_matches(name, MEASURES, 1)
            guess = f"; did you mean {near[0]}?" if near else ""
            raise ConfigError(f"{name}: must be one of {', '.join(MEASURES)}{guess}")
    require({name: MEASURES[name][1] for name in names})
    if "change" in names and find_data() is None:
        raise DataError(f"{DATA}: must be the folder of {FER2013[0]}; for change")


def _measure(name: str) -> None:
    """Measure and put it down at once, so that what follows may fail."""
    started = time.monotonic()
    figures = MEASURES[name][0]()
    print(f"{name}: {time.monotonic() - started:.0f} s", flush=True)
    record = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    command, device = f"python -m research.results {name}", device_facts()
    for key, figure in figures.items():
        record[key] = entry(figure, device, command)
    RECORD.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    sys.exit(main())
