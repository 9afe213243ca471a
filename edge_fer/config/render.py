"""The settings as texts for people and editors: the commented default file and a JSON Schema.

Both come from `edge_fer.config.settings`; nothing about an option is written here.
"""

import json
import textwrap
from typing import Any

import msgspec

from edge_fer.config.options import OPTIONS, Option
from edge_fer.config.settings import Settings

_HEADER = """\
The configuration of edge-fer: every option, what it means and what it may be.
What is left out keeps its default. The environment (EDGE_FER_MQTT__PREFIX=hall) wins over
this file, and --set mqtt.prefix=hall over both. `edge-fer config --effective` prints the sum.
"""


def render(settings: Settings | None = None) -> str:
    """Return a commented TOML file that holds these settings; the defaults if none are given."""
    settings = settings or Settings()
    parts = [_comment(_HEADER)]
    for section, options in OPTIONS.items():
        values = getattr(settings, section)
        parts.append(f"\n\n[{section}]\n{_comment(type(values).__doc__ or '')}")
        parts += [_entry(option, getattr(values, option.name)) for option in options.values()]
    return "".join(parts)


def schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the configuration file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "edge-fer configuration",
        **msgspec.json.schema(Settings),
    }


def _entry(option: Option, value: Any) -> str:
    rule = f"{option.rule[:1].upper()}{option.rule[1:]}; {_toml(option.default)} by default."
    return f"\n{_comment(option.description)}{_comment(rule)}{option.name} = {_toml(value)}\n"


def _comment(text: str) -> str:
    lines = (
        textwrap.wrap(line, width=96, break_long_words=False, break_on_hyphens=False)
        for line in text.splitlines()
    )
    return "".join(f"# {part}\n" for line in lines for part in line)


def _toml(value: str | float | list[str]) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    # JSON strings are TOML strings, but for the one control character that JSON lets stand.
    text = json.dumps(value, ensure_ascii=False)
    return text.replace("\x7f", "\\u007f")
