"""The outcome of bad input: a result, or an EdgeFerError of one line, or a fault."""

import unicodedata
import warnings
from collections.abc import Callable

from edge_fer.errors import EdgeFerError

LONGEST = 600
"""Characters of a line."""


def judge(call: Callable[[], object], *, several: bool = False) -> str:
    """Return "" for a result, "refused" for an EdgeFerError in order, else what is wrong.

    With ``several`` the error may have a line for each mistake.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            call()
        except EdgeFerError as error:
            return fault_of(str(error), several=several) or "refused"
        except Exception as error:
            return f"{type(error).__name__}: {str(error)[:200]}"
    return ""


def fault_of(text: str, *, several: bool = False) -> str:
    """Return what is wrong with the text of an error; "" if nothing."""
    lines = text.split("\n") if several else [text]
    if any(len(line.splitlines()) != 1 for line in lines):
        return f"not one line: {text[:200]!r}"
    if any(unicodedata.category(char) in {"Cc", "Cs"} for line in lines for char in line):
        return f"control characters: {text[:200]!r}"
    long = max(map(len, lines))
    return f"a line of {long} characters: {text[:200]!r}" if long > LONGEST else ""
