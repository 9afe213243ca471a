"""Measure how steady the output is and write docs/background/steady.md with its plots.

    EDGE_FER_MEDIA=... EDGE_FER_DATA=... python -m research.steady [--seconds S] [--keep FOLDER]

Stream time is that of the frames, so nothing here depends on the speed of the machine. With
--keep, recordings are kept in FOLDER and used by the next run.
"""

import argparse
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from research.steady import measure, page
from research.steady.plot import draw

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "background" / "steady.md"
PLOTS = ROOT / "docs" / "images"


def main() -> int:
    """Run the command; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m research.steady", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="length of a frozen stream")
    parser.add_argument("--keep", type=Path, help="folder for recordings")
    arguments = parser.parse_args()
    keep = _keeper(arguments.keep)
    seconds: float = arguments.seconds
    streams = measure.Streams(
        frozen={
            title: keep(f"frozen {title} {seconds:g}", make)
            for title, make in measure.frozen_recordings(seconds)
        },
        clips=keep("clips", measure.record_clips),
        pairs=keep(f"pairs {seconds:g}", lambda: measure.record_pairs(seconds)),
        moving=keep("moving", measure.record_moving),
        fades=keep("fades", measure.record_fades),
    )
    text = page.render(streams, seconds)
    PAGE.write_text(text, "utf-8")
    draw(streams, PLOTS)
    print(text)
    return 0


def _keeper(folder: Path | None) -> Callable[[str, Callable[[], T]], T]:
    """Return a function that makes something once, or loads it from the folder."""

    def keep(name: str, make: Callable[[], T]) -> T:
        print(name, file=sys.stderr, flush=True)
        if folder is None:
            return make()
        path = folder / (name.replace("/", "_") + ".pickle")
        if path.is_file():
            return pickle.loads(path.read_bytes())  # type: ignore[no-any-return]
        made = make()
        folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pickle.dumps(made))
        return made

    return keep


if __name__ == "__main__":
    sys.exit(main())
