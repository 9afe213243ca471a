"""Where settings come from: a TOML file, the environment and ``--set``.

Each source is read into assignments that remember their origin. Whether a value is good is
the business of `edge_fer.daemon.config`.
"""

import dataclasses
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from msgspec import inspect

from edge_fer.daemon.options import (
    OPTIONS,
    Option,
    shown,
    stray_option,
    unknown_option,
    unknown_section,
)

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PREFIX: Final = "EDGE_FER_"
_TOML_PLACE: Final = re.compile(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", re.S)


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class Assignment:
    """A value given to an option that exists."""

    origin: str
    """The file's path, the environment variable's name or ``--set``."""
    option: Option
    value: Any


@dataclasses.dataclass(frozen=True, slots=True)
class Mistake:
    """One line that says where and what is wrong, and what would be right."""

    text: str


Found = Assignment | Mistake


def read_file(path: Path) -> Iterator[Found]:
    """Read a configuration file."""
    document = _document(path)
    if isinstance(document, Mistake):
        yield document
        return
    for section, table in document.items():
        if isinstance(table, dict) and section in OPTIONS:
            for name, value in table.items():
                yield _assign(str(path), section, name, value)
        elif isinstance(table, dict):
            yield Mistake(f"{path}: {unknown_section(section)}")
        elif section in OPTIONS:
            yield Mistake(f"{path}: {section} = {shown(table)}: must be a section, [{section}]")
        else:
            yield Mistake(f"{path}: {stray_option(section)}")


def read_environment(environ: Mapping[str, str]) -> Iterator[Found]:
    """Read ``EDGE_FER_SECTION__OPTION``; names without a double underscore are not settings."""
    for variable, text in environ.items():
        section, separator, name = variable.removeprefix(PREFIX).lower().partition("__")
        if variable.startswith(PREFIX) and separator:
            yield _assign_text(variable, section, name, text)


def read_overrides(overrides: Sequence[str]) -> Iterator[Found]:
    """Read the values of ``--set section.option=value``."""
    for override in overrides:
        key, equals, text = override.partition("=")
        section, dot, name = key.strip().partition(".")
        if not (equals and dot):
            yield Mistake(f"--set: {shown(override)}: must be section.option=value")
        else:
            yield _assign_text("--set", section, name, text)


def _assign(origin: str, section: str, name: str, value: Any) -> Found:
    if section not in OPTIONS:
        return Mistake(f"{origin}: {unknown_section(section)}")
    if name not in OPTIONS[section]:
        return Mistake(f"{origin}: {unknown_option(section, name)}")
    return Assignment(origin, OPTIONS[section][name], value)


def _assign_text(origin: str, section: str, name: str, text: str) -> Found:
    found = _assign(origin, section, name, text)
    if isinstance(found, Mistake):
        return found
    return dataclasses.replace(found, value=_from_text(text, found.option.kind))


def _from_text(text: str, kind: inspect.Type) -> Any:
    """Take the text as the TOML value the option wants, else as it stands.

    A number stays text for an option that wants a string, so that a device may be named 7.
    """
    try:
        document = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        value: Any = text
    else:
        value = document["value"] if len(document) == 1 else text
    if isinstance(kind, inspect.ListType) and isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    wants_text = isinstance(kind, inspect.StrType | inspect.LiteralType | inspect.UnionType)
    return text if wants_text and not isinstance(value, str) else value


def _document(path: Path) -> dict[str, Any] | Mistake:
    text = _text(path)
    if isinstance(text, Mistake):
        return text
    try:
        return tomllib.loads(text)
    except RecursionError:
        return Mistake(f"{path}: must be TOML, not nested this deeply")
    except ValueError as error:
        return Mistake(f"{path}: {_syntax_error(str(error), text)}")


def _text(path: Path) -> str | Mistake:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return Mistake(f"{path}: no such file; `edge-fer config` prints one to start from")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        column = error.start - error.object.rfind(b"\n", 0, error.start)
        return Mistake(f"{path}: line {line}, column {column}: must be UTF-8 text")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return Mistake(f"{path}: cannot be read ({reason.lower()})")


def _syntax_error(message: str, text: str) -> str:
    place = _TOML_PLACE.fullmatch(message)
    if place is None:
        return f"must be TOML: {message[:1].lower()}{message[1:]}"
    reason, line, column = place.groups()
    if line is None:
        line, column = text.count("\n") + 1, len(text) - text.rfind("\n")
    return f"line {line}, column {column}: must be TOML: {reason[:1].lower()}{reason[1:]}"
