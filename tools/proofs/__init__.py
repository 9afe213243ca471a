"""What was proved with real parts and takes too long for the tests: records and their page.

A proof's own program makes a `Proof` and calls `save`, which writes `NAME.json` beside this file
and renews docs/background/results.md. Nothing but such a program writes the figures in these files.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

FOLDER = Path(__file__).parent

Verdict = Literal["aim", "floor", "below the floor", "holds", "does not hold"]
"""How far it got; the last two where there is nothing to count."""


@dataclasses.dataclass(frozen=True)
class Proof:
    """One row of the table of proofs, and its section.

    ``rows`` is a table of any columns, the same in each row; ``note`` says what was done, with
    what, and what was not tried.
    """

    title: str
    floor: str
    aim: str
    reached: str
    verdict: Verdict
    command: str
    note: str
    rows: tuple[Mapping[str, str | int | float], ...] = ()


def save(name: str, proof: Proof) -> None:
    """Put it down and renew the page; ``name`` is in lower case, with hyphens."""
    # The page reads what is written here.
    from research.results.__main__ import write_page

    text = json.dumps(dataclasses.asdict(proof), indent=1, ensure_ascii=False)
    (FOLDER / f"{name}.json").write_text(f"{text}\n")
    write_page()


def load() -> dict[str, dict[str, Any]]:
    """Name to record, in the order of names."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
