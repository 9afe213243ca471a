"""Describe each option of `edge_fer.config.settings`: its kind, bounds, rule and default.

The reader, the default file and every message use this one table, which is made from the structs
themselves, so none of them can disagree with the settings. This module reads no file.
"""

import dataclasses
import difflib
import functools
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
_BOUNDS: Final = {
    "gt": "above",
    "ge": "at least",
    "lt": "below",
    "le": "at most",
    "multiple_of": "a multiple of",
}
_NOUNS: Final = {
    inspect.BoolType: ("true or false", "true and false"),
    inspect.IntType: ("a whole number", "whole numbers"),
    inspect.FloatType: ("a number", "numbers"),
    inspect.StrType: ("a string", "strings"),
}
"""Singular and plural of each kind without choices."""


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class Option:
    """One option of the configuration file."""

    section: str
    name: str
    hint: Any
    """The annotation, including `msgspec.Meta`."""
    kind: inspect.Type
    """The permitted kind of value, without the None of an optional option."""
    item: inspect.Type
    """The kind of a single value: that of the items if the option is a list, else ``kind``."""
    optional: bool
    """True if the option may be unset, which is None in the settings."""
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
        """The permitted values as text, in the order of the settings; empty without a Literal."""
        return tuple(str(choice) for choice in _literals(self.hint) if choice not in ("", None))

    @property
    def bounds(self) -> str:
        """Such as "at least 20 and at most 1000"; empty if there are none."""
        limits = ((words, getattr(self.item, name, None)) for name, words in _BOUNDS.items())
        return " and ".join(f"{words} {limit}" for words, limit in limits if limit is not None)

    @property
    def rule(self) -> str:
        """The words that complete "must be"."""
        choices, kind, item = ", ".join(self.choices), self.kind, self.item
        one, many = _NOUNS.get(type(item), ("", ""))
        if not isinstance(kind, inspect.ListType):
            return f"one of {choices}" if choices else f"{one}{_pattern(item)}{_after(self.bounds)}"
        each = f", each {self.bounds}" if self.bounds else ""
        items = f"any of {choices}" if choices else f"{many}{_pattern(item, many=True)}{each}"
        return f"a list of {items}" + (", not empty" if kind.min_length else "")


def _after(bounds: str) -> str:
    return f", {bounds}" if bounds else ""


def _pattern(kind: inspect.Type, *, many: bool = False) -> str:
    pattern = getattr(kind, "pattern", None)
    return f" that {'match' if many else 'matches'} {pattern}" if pattern else ""


def _literals(hint: Any) -> tuple[Any, ...]:
    parts = typing.get_args(hint)
    if typing.get_origin(hint) is typing.Literal:
        return parts
    return tuple(choice for part in parts for choice in _literals(part))


def _plain_kind(kind: inspect.Type) -> inspect.Type:
    """Return the kind of a single value, without description and None.

    Raises:
        TypeError: the kind is none of those that an option may have.
    """
    if isinstance(kind, inspect.Metadata):
        kind = kind.type
    parts = kind.types if isinstance(kind, inspect.UnionType) else (kind,)
    kinds = [part for part in parts if not isinstance(part, inspect.NoneType)]
    literals = [part for part in kinds if isinstance(part, inspect.LiteralType)]
    if literals and len(literals) == len(kinds):
        values = (value for part in literals for value in part.values)
        return inspect.LiteralType(tuple(value for value in values if value is not None))
    if len(kinds) == 1 and type(kinds[0]) in _NOUNS:
        return kinds[0]
    raise TypeError(f"unsupported kind of option: {kind}")


def _option(section: str, field: msgspec.structs.FieldInfo, default: Any) -> Option:
    kind = inspect.type_info(field.type)
    if isinstance(kind, inspect.Metadata):
        kind = kind.type
    parts = kind.types if isinstance(kind, inspect.UnionType) else (kind,)
    lists = [part for part in parts if isinstance(part, inspect.ListType)]
    item = _plain_kind(lists[0].item_type if lists else kind)
    whole = lists[0] if lists else item
    return Option(section, field.name, field.type, whole, item, _is_optional(kind), default)


def _is_optional(kind: inspect.Type) -> bool:
    if isinstance(kind, inspect.LiteralType):
        return None in kind.values
    parts = kind.types if isinstance(kind, inspect.UnionType) else ()
    return any(isinstance(part, inspect.NoneType) or _is_optional(part) for part in parts)


Options = Mapping[str, Mapping[str, Option]]
"""Section to option name to option, in the order of the default file."""


@functools.cache
def options_of(settings: type[Settings]) -> Options:
    """Return the options of these settings.

    Raises:
        TypeError: the kind of an option is not supported.
    """
    return {
        section.name: {
            field.name: _option(section.name, field, getattr(section.type(), field.name))
            for field in msgspec.structs.fields(section.type)
        }
        for section in msgspec.structs.fields(settings)
    }


OPTIONS: Final = options_of(Settings)


def unknown_section(name: str, options: Options = OPTIONS) -> str:
    """Return the message about an unknown section, with the closest known one."""
    text = f"unknown section [{_plain(name)}]"
    return text + _meant(name, [f"[{section}]" for section in options])


def unknown_option(section: str, name: str, options: Options = OPTIONS) -> str:
    """Return the message about an unknown option of a known section, with the closest known one."""
    text = f"unknown option '{_plain(name)}' in [{section}]"
    near = _meant(name, [f"'{own}'" for own in options[section]])
    return text + (near or _elsewhere(name, options))


def stray_option(name: str, options: Options = OPTIONS) -> str:
    """Return the message about an option before the first section."""
    return f"unknown option '{_plain(name)}' outside any section" + _elsewhere(name, options)


def _meant(name: str, quoted: list[str]) -> str:
    bare = {words[1:-1]: words for words in quoted}
    # A name longer than all known ones cannot be close, and comparing it takes quadratic time.
    close = difflib.get_close_matches(name[:64].lower(), bare, n=1)
    return f"; did you mean {bare[close[0]]}?" if close else ""


def _elsewhere(name: str, options: Options) -> str:
    homes = [section[name].path for section in options.values() if name in section]
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
