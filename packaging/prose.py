"""Find words that plain technical English has no use for, with what to write: `make lint`."""

from __future__ import annotations

import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

from counts import ROOT, tracked

INSTEAD = {
    r"anew": "again, or nothing",
    r"somebody": "a person, someone",
    r"of ours": "our, or the name",
    r"(is|are) told": "is reported, is configured",
    r"the like": "name it",
    r"mend(s|ed|ing)?": "fix, repair",
    r"hears?|heard": "receive",
    r"bears?": "accept, allow, tolerate",
    r"for want of": "because ... is missing",
    r"ahead of": "before",
    r"put to the proof": "test",
    r"what becomes? of|what became of": "the outcome, the state",
}
WORDS = re.compile(rf"\b({'|'.join(INSTEAD)})\b", re.IGNORECASE)
CODE = ("edge_fer", "packaging", "training", "research")
TEXT = {".md", ".toml", ".conf", ".service"}


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """Yield what a person reads in a file, with its line: all of a page; strings and comments."""
    content = (ROOT / path).read_text(encoding="utf-8")
    if path.suffix != ".py":
        yield from enumerate(content.splitlines(), 1)
        return
    for token in tokenize.generate_tokens(io.StringIO(content).readline):
        if tokenize.tok_name[token.type] in ("STRING", "COMMENT", "FSTRING_MIDDLE"):
            yield from enumerate(token.string.splitlines(), token.start[0])


def main() -> int:
    """Print each place as ``file:line: word``; return 1 if there is one."""
    own = Path(__file__).resolve().relative_to(ROOT)
    wanted = [
        path
        for path in tracked()
        if path != own
        and (path.suffix in TEXT or (path.suffix == ".py" and path.parts[0] in CODE))
        and path.parts[0] != "tests"
    ]
    found = 0
    for path in wanted:
        for line, text in texts(path):
            for match in WORDS.finditer(text):
                word = match[0].lower()
                instead = next(v for k, v in INSTEAD.items() if re.fullmatch(k, word))
                print(f"{path}:{line}: {match[0]!r}: {instead}")
                found += 1
    return int(found > 0)


if __name__ == "__main__":
    sys.exit(main())
