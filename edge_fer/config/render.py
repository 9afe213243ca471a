"""Render the settings as the commented default file and as a JSON Schema.

Both come from `edge_fer.config.settings`; this module holds no text about a single option.
"""

import json
import math
import textwrap
from collections.abc import Sequence
from typing import Any

import msgspec

from edge_fer.config.options import Option, options_of
from edge_fer.config.settings import Settings

_HEADER = """\
Configuration of edge-fer: every option with its meaning, its permitted values and its default.
An option that is left out keeps its default. Environment variables (EDGE_FER_MQTT__PREFIX=hall)
override this file, and --set mqtt.prefix=hall overrides both. `edge-fer config --effective`
prints the resulting settings.
"""


def render(settings: Settings | None = None, *, cameras: Sequence[str] = ()) -> str:
    """Return a commented TOML file with these settings; with the defaults if none are given.

    ``cameras`` are lines that describe the kinds of `camera.source`.
    """
    notes = {"camera.source": cameras}
    settings = settings or Settings()
    parts = [_comment(_HEADER)]
    for section, options in options_of(type(settings)).items():
        values = getattr(settings, section)
        parts.append(f"\n\n[{section}]\n{_comment(type(values).__doc__ or '')}")
        parts += [
            _entry(option, getattr(values, option.name), notes.get(option.path, ()))
            for option in options.values()
        ]
    return "".join(parts)


def schema(settings: type[Settings] = Settings) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the configuration file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "edge-fer configuration",
        **msgspec.json.schema(settings),
    }


def _entry(option: Option, value: Any, notes: Sequence[str]) -> str:
    default = "unset" if option.default is None else _toml(option.default)
    rule = f"{option.rule[:1].upper()}{option.rule[1:]}; {default} by default."
    # TOML has no null: an option that is unset stands in the file as a comment.
    line = f"# {option.name} =" if value is None else f"{option.name} = {_toml(value)}"
    description = "\n".join([option.description, *(f"- {note}." for note in notes)])
    return f"\n{_comment(description)}{_comment(rule)}{line}\n"


def _comment(text: str) -> str:
    lines = (
        textwrap.wrap(line, width=96, break_long_words=False, break_on_hyphens=False)
        for line in text.splitlines()
    )
    return "".join(f"# {part}\n" for line in lines for part in line)


def _toml(value: str | float | list[Any]) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    # JSON strings are TOML strings, except that JSON permits one control character unescaped.
    text = json.dumps(value, ensure_ascii=False)
    return text.replace("\x7f", "\\u007f")
