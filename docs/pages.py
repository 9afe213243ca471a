"""Tables in Markdown, and the parts of the documentation that programs renew."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from edge_fer.errors import DataError

VARIABLE = "EDGE_FER_MEDIA"
TEST_RESULTS = Path(__file__).parent / "background" / "stress-tests.md"
"""The page with the results of tests that `make test` does not run."""


def media_clips(*kinds: str) -> list[Path]:
    """Return the clips with these suffixes in the folder that the variable names.

    Raises:
        DataError: there is none.
    """
    folder = Path(os.environ.get(VARIABLE, "media"))
    clips = [clip for kind in kinds for clip in sorted(folder.glob(f"*.{kind}"))]
    if not clips:
        raise DataError(f"{folder}: must be a folder of clips; set {VARIABLE}, or name the clips")
    return clips


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return the rows as Markdown; the second row must be that of the dashes."""
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def fill(page: Path, name: str, text: str) -> None:
    """Put ``text`` between `<!-- NAME -->` and `<!-- /NAME -->`; keep the rest of the page.

    Raises:
        DataError: the page has no such place.
    """
    head, opening, rest = page.read_text().partition(f"<!-- {name} -->\n")
    _, closing, tail = rest.partition(f"<!-- /{name} -->")
    if not closing:
        raise DataError(f"{page}: must have a place <!-- {name} --> … <!-- /{name} -->")
    page.write_text(f"{head}{opening}{text}\n{closing}{tail}")


def write_test_result(
    name: str,
    result: str,
    command: str,
    rows: Sequence[Mapping[str, object]] = (),
    page: Path = TEST_RESULTS,
) -> None:
    """Renew one result on the page of long tests: a line, the command, and a table.

    Each of ``rows`` maps a column's heading to its cell; all have the same columns.
    """
    text = f"**Result**: {result} (`{command}`)."
    if rows:
        head = list(rows[0])
        cells = [head, ["---"] * len(head), *([str(row[key]) for key in head] for row in rows)]
        text += f"\n\n{table(cells)}"
    fill(page, name, text)
