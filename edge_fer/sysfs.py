"""Reading /proc and /sys: what is not there, or whose driver does not answer, is None."""

import re
from pathlib import Path


def text(file: Path) -> str | None:
    """The content without the white space around it."""
    try:
        return file.read_text(errors="replace").strip()
    except OSError:
        return None


def number(file: Path) -> int | None:
    """A whole number; None where the content is something else."""
    content = text(file)
    return int(content) if content and re.fullmatch(r"-?\d+", content) else None


def first_line(file: Path) -> str | None:
    """The first line; None of an empty file."""
    return next(iter((text(file) or "").splitlines()), None)
