"""What each option of `edge_fer.config.settings` may be, read from the structs themselves.

One table for the reader, the default file and every message, so that none of them can
disagree with the settings. It reads no file.
"""

import dataclasses
import difflib
import re
import typing
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import inspect

from edge_fer.config.settings import Settings
from edge_fer.errors import printable

_LONGEST_SHOWN: Final = 100
_PASSWORD: Final = re.compile(r"(://[^/@:]*):.*@", re.DOTALL)
_BOUNDS: Final = {"gt": "above", "ge": "at least", "lt": "below", "le": "at most"}


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class Option:
    """One line of the configuration file."""

    section: str
    name: str
    hint: Any
    """The annotation, `msgspec.Meta` included."""
    kind: inspect.Type
    default: Any

    @property
    def path(self) -> str:
        """The name used in every message: ``section.option``."""
        return f"{self.section}.{self.name}"

    @property
    def description(self) -> str:
        """Meaning and unit, as written in `edge_fer.config.settings`."""
        metas = (part for part in typing.get_args(self.hint) if isinstance(part, msgspec.Meta))
        return next((meta.description for meta in metas if meta.description), "")

    @property
    def choices(self) -> tuple[str, ...]:
        """The words it may be, in the order of the settings; empty where it is free."""
        return tuple(choice for choice in _literals(self.hint) if choice)

    @property
    def bounds(self) -> str:
        """Such as "at least 20 and at most 1000"; empty where there are none."""
        limits = ((words, getattr(self.kind, name, None)) for name, words in _BOUNDS.items())
        return " and ".join(f"{words} {limit}" for words, limit in limits if limit is not None)

    @property
    def rule(self) -> str:
        """What completes "must be"."""
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        if isinstance(self.kind, inspect.ListType):
            return "a list of strings" + (", not empty" if self.kind.min_length else "")
        if isinstance(self.kind, inspect.StrType):
            return f"a string that matches {self.kind.pattern}" if self.kind.pattern else "a string"
        noun = "a whole number" if isinstance(self.kind, inspect.IntType) else "a number"
        return f"{noun}, {self.bounds}" if self.bounds else noun


def _literals(hint: Any) -> tuple[str, ...]:
    parts = typing.get_args(hint)
    if typing.get_origin(hint) is typing.Literal:
        return parts
    return tuple(choice for part in parts for choice in _literals(part))


def _options(section: str, struct: type[msgspec.Struct]) -> dict[str, Option]:
    defaults = struct()
    options = {}
    for field in msgspec.structs.fields(struct):
        kind = inspect.type_info(field.type)
        if isinstance(kind, inspect.Metadata):
            kind = kind.type
        default = getattr(defaults, field.name)
        options[field.name] = Option(section, field.name, field.type, kind, default)
    return options


OPTIONS: Final[Mapping[str, Mapping[str, Option]]] = {
    field.name: _options(field.name, field.type) for field in msgspec.structs.fields(Settings)
}
"""Section to option name to option, in the order of the default file."""


def unknown_section(name: str) -> str:
    """Say that there is no such section, and which one may have been meant."""
    text = f"unknown section [{_plain(name)}]"
    return text + _meant(name, [f"[{section}]" for section in OPTIONS])


def unknown_option(section: str, name: str) -> str:
    """Say that a known section has no such option, and which one may have been meant."""
    text = f"unknown option '{_plain(name)}' in [{section}]"
    return text + (_meant(name, [f"'{own}'" for own in OPTIONS[section]]) or _elsewhere(name))


def stray_option(name: str) -> str:
    """Say that an option stands before the first section."""
    return f"unknown option '{_plain(name)}' outside any section" + _elsewhere(name)


def _meant(name: str, quoted: list[str]) -> str:
    bare = {words[1:-1]: words for words in quoted}
    # A name longer than any of ours cannot be close, and comparing it would take quadratic time.
    close = difflib.get_close_matches(name[:64].lower(), bare, n=1)
    return f"; did you mean {bare[close[0]]}?" if close else ""


def _elsewhere(name: str) -> str:
    homes = [options[name].path for options in OPTIONS.values() if name in options]
    return f"; did you mean {' or '.join(homes)}?" if homes else ""


def _plain(name: str) -> str:
    return _cut(printable(name))


def shown(value: object) -> str:
    """Return any TOML value on one short line, without the passwords in addresses."""
    if isinstance(value, str):
        return _cut(repr(_PASSWORD.sub(r"\1:***@", value)))
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and value.bit_length() > 64:
        # Python refuses to write integers of thousands of digits in decimal.
        return _cut(hex(value))
    if isinstance(value, list):
        return _cut(f"[{', '.join(map(_shown_item, value))}]")
    return "{…}" if isinstance(value, dict) else str(value)


def _shown_item(value: object) -> str:
    return "…" if isinstance(value, list | dict) else shown(value)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"
