"""Reading /proc and /sys: what is not there, or whose driver does not answer, is None."""

import re
from collections.abc import Mapping
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


def temperatures(root: Path = Path("/")) -> dict[str, float]:
    """Degrees Celsius by thermal zone."""
    celsius: dict[str, float] = {}
    for zone in sorted((root / "sys/class/thermal").glob("thermal_zone*")):
        value = number(zone / "temp")
        if value is not None:
            celsius[text(zone / "type") or zone.name] = round(value / 1000, 1)
    return celsius


def processors(celsius: Mapping[str, float]) -> float | None:
    """Of the processor's hottest zone; of all zones where none is called after it."""
    own = [
        value
        for name, value in celsius.items()
        if re.search(r"cpu|x86_pkg|soc", name, re.IGNORECASE)
    ]
    return max(own or celsius.values(), default=None)


def first_line(file: Path) -> str | None:
    """The first line; None of an empty file."""
    return next(iter((text(file) or "").splitlines()), None)
