"""Tables in Markdown, the parts of our pages that tools renew, and the clips they are about."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from edge_fer.errors import DataError

VARIABLE = "EDGE_FER_MEDIA"


def media_clips(*kinds: str) -> list[Path]:
    """The clips with these suffixes in the folder that the variable names.

    Raises:
        DataError: there is none.
    """
    folder = Path(os.environ.get(VARIABLE, "media"))
    clips = [clip for kind in kinds for clip in sorted(folder.glob(f"*.{kind}"))]
    if not clips:
        raise DataError(f"{folder}: must be a folder of clips; set {VARIABLE}, or name the clips")
    return clips


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows as Markdown; the second is that of the dashes."""
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def fill(page: Path, name: str, text: str) -> None:
    """Put ``text`` between `<!-- NAME -->` and `<!-- /NAME -->`; the rest stays as it is.

    Raises:
        DataError: the page has no such place.
    """
    head, opening, rest = page.read_text().partition(f"<!-- {name} -->\n")
    _, closing, tail = rest.partition(f"<!-- /{name} -->")
    if not closing:
        raise DataError(f"{page}: must have a place <!-- {name} --> … <!-- /{name} -->")
    page.write_text(f"{head}{opening}{text}\n{closing}{tail}")
