"""Read /proc and /sys; a missing file, or one whose driver fails, reads as None."""

import re
from collections.abc import Mapping
from pathlib import Path


def text(file: Path) -> str | None:
    """Return the content without surrounding white space."""
    try:
        return file.read_text(errors="replace").strip()
    except OSError:
        return None


def number(file: Path) -> int | None:
    """Return the content as an integer; None if it is not one."""
    content = text(file)
    return int(content) if content and re.fullmatch(r"-?\d+", content) else None


def temperatures(root: Path = Path("/")) -> dict[str, float]:
    """Return degrees Celsius by thermal zone."""
    celsius: dict[str, float] = {}
    for zone in sorted((root / "sys/class/thermal").glob("thermal_zone*")):
        value = number(zone / "temp")
        if value is not None:
            celsius[text(zone / "type") or zone.name] = round(value / 1000, 1)
    return celsius


def processors(celsius: Mapping[str, float]) -> float | None:
    """Return the temperature of the processor's hottest zone; of all zones if none has its name."""
    own = [
        value
        for name, value in celsius.items()
        if re.search(r"cpu|x86_pkg|soc", name, re.IGNORECASE)
    ]
    return max(own or celsius.values(), default=None)


def first_line(file: Path) -> str | None:
    """Return the first line; None for an empty file."""
    return next(iter((text(file) or "").splitlines()), None)
