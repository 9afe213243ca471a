"""Save results of the bench as files, read them, and compare two of them.

A file holds the output of `edge-fer bench --json`. Two files are two runs, so `compare` also
notes where device, model or settings differ.
"""

import json
import re
from pathlib import Path
from typing import Any

import msgspec

from edge_fer.errors import DataError

SCHEMA = 1
"""Version of the format; it increases when a figure changes its meaning or place."""

FIGURES = (
    "fps",
    "rss_mb",
    "peak_mb",
    "pace.core_share",
    "pace.cpu_s_per_min",
    "first_event.from_start_s",
    "ack.p50_ms",
    "ack.p95_ms",
)
"""Figures that are compared besides the stages."""

LEAST_MS = 0.01
"""Least old time of a stage for a meaningful ratio."""

SAME = ("edge_fer", "model", "model_sha256", "size", "frame_size", "frames")
"""Values that must not differ, with device and settings, for the ratios to compare one thing."""


class SavedResult(msgspec.Struct):
    """Fields that every result must have."""

    schema: int
    stages: dict[str, dict[str, float]]
    fps: float
    device: dict[str, Any]
    settings: dict[str, dict[str, Any]]
    unsteady: list[str]
    frames: int
    model: str


def save(figures: dict[str, Any], path: Path) -> None:
    """Write a result.

    Raises:
        DataError: the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(figures, indent=1) + "\n")
    except OSError as error:
        raise _error(path, f"cannot be written: {_plain(error)}") from error


def read(path: Path) -> dict[str, Any]:
    """Read a result that `save` wrote.

    Raises:
        DataError: the file cannot be read, is damaged, or has another schema.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _error(path, f"cannot be read: {_plain(error)}") from error
    try:
        figures: dict[str, Any] = msgspec.json.decode(content, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _error(path, f"is damaged: {_one_line(error)}") from error
    schema = figures.get("schema")
    if schema != SCHEMA:
        raise _error(
            path, f"schema = {schema!r}: must be {SCHEMA}, as --save of this version writes"
        )
    try:
        msgspec.convert(figures, SavedResult)
    except msgspec.ValidationError as error:
        raise _error(path, f"is not a result of the bench: {_one_line(error)}") from error
    return figures


def compare(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Return ratios of ``new`` to ``old`` by stage and figure, and notes on other differences."""
    stages = [name for name in new["stages"] if name in old["stages"]]
    rows = {name: _row(old["stages"][name], new["stages"][name]) for name in stages}
    figures = {name: _ratio(_at(old, name), _at(new, name)) for name in FIGURES}
    return {"schema": SCHEMA, "stages": rows, "figures": figures, "notes": _notes(old, new)}


def _row(old: dict[str, float], new: dict[str, float]) -> dict[str, float | None]:
    times = {key: old.get(key) for key in new}
    return {
        key: _ratio(time if time and time >= LEAST_MS else None, new[key])
        for key, time in times.items()
    }


def _ratio(old: float | None, new: float | None) -> float | None:
    return round(new / old, 4) if old and new is not None else None


def _at(figures: dict[str, Any], name: str) -> float | None:
    """Return the figure of that name, where "a.b" is b of a; None if it was not measured."""
    value: Any = figures
    for key in name.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, (int, float)) else None


def _notes(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    notes = [_differs(name, old.get(name), new.get(name)) for name in SAME]
    for group in ("device", "settings"):
        before, after = _flat(old[group]), _flat(new[group])
        notes += [
            _differs(f"{group}.{name}", before.get(name), after.get(name))
            for name in dict.fromkeys([*before, *after])
        ]
    for name in dict.fromkeys([*old["stages"], *new["stages"]]):
        if name not in old["stages"] or name not in new["stages"]:
            notes.append(f"stage {name}: only in {'new' if name in new['stages'] else 'old'}")
    for name, figures in (("old", old), ("new", new)):
        first, *rest = figures["unsteady"] or [""]
        more = f"; and {len(rest)} more" if rest else ""
        notes.append(first and f"{name} is unsteady: {first}{more}")
    return [note for note in notes if note]


def _differs(name: str, old: Any, new: Any) -> str:
    return "" if old == new else f"{name}: {_shown(old)} -> {_shown(new)}"


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value)) or "none"
    text = "none" if value in (None, "") else str(value)
    return text[:12] if re.fullmatch("[0-9a-f]{64}", text) else text


def _flat(group: dict[str, Any]) -> dict[str, Any]:
    """Flatten {"a": {"b": 1}} to {"a.b": 1}."""
    flat: dict[str, Any] = {}
    for name, value in group.items():
        if isinstance(value, dict):
            flat |= {f"{name}.{key}": inner for key, inner in value.items()}
        else:
            flat[name] = value
    return flat


def _error(path: Path, text: str) -> DataError:
    return DataError(f"{path}: {text}")


def _plain(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _one_line(error: Exception) -> str:
    text = str(error).splitlines()[0]
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]
