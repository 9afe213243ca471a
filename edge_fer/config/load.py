"""Load the configuration from all sources, check it as a whole and report all mistakes at once.

Later sources override earlier ones: defaults, file, environment
(``EDGE_FER_MQTT__PREFIX=hall``), ``--set``. Each source yields assignments that record their
origin. The options themselves are in `edge_fer.config.settings`; this module opens no camera and
no model.
"""

import dataclasses
import os
import re
import socket
import sys
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
from msgspec import inspect

from edge_fer.config.broker_url import parse_broker
from edge_fer.config.options import (
    OPTIONS,
    Option,
    Options,
    options_of,
    shown,
    stray_option,
    unknown_option,
    unknown_section,
)
from edge_fer.config.settings import Settings
from edge_fer.errors import ConfigError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_S = TypeVar("_S", bound=Settings)

PREFIX: Final = "EDGE_FER_"
_TOML_PLACE: Final = re.compile(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", re.S)


SYSTEM_FILE: Final = Path("/etc/edge-fer/edge-fer.toml")

_NOT_TEXT: Final = "must be UTF-8 text without control characters"
PROHIBITED: Final = (
    "inferring emotions of people at work or in education is prohibited in the EU "
    "(AI Act, article 5(1)(f))"
)
_REFUSED_USE: Final = re.compile(
    r"\b(work|office|employ|staff|school|educat|universit|college|class|student|pupil|teach|train)",
    re.IGNORECASE,
)


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class Assignment:
    """A value assigned to a known option."""

    origin: str
    """The file's path, the environment variable's name or ``--set``."""
    option: Option
    value: Any


@dataclasses.dataclass(frozen=True, slots=True)
class Mistake:
    """One line that says what is wrong, where, and what would be right."""

    text: str


Found = Assignment | Mistake


def read_file(path: Path, options: Options = OPTIONS) -> Iterator[Found]:
    """Read a configuration file."""
    document = _document(path)
    if isinstance(document, Mistake):
        yield document
        return
    for section, table in document.items():
        if isinstance(table, dict) and section in options:
            for name, value in table.items():
                yield _assign(str(path), section, name, value, options)
        elif isinstance(table, dict):
            yield Mistake(f"{path}: {unknown_section(section, options)}")
        elif section in options:
            yield Mistake(f"{path}: {section} = {shown(table)}: must be a section, [{section}]")
        else:
            yield Mistake(f"{path}: {stray_option(section, options)}")


def read_environment(environ: Mapping[str, str], options: Options = OPTIONS) -> Iterator[Found]:
    """Read ``EDGE_FER_SECTION__OPTION``; names without a double underscore are not settings."""
    for variable, text in environ.items():
        section, separator, name = variable.removeprefix(PREFIX).lower().partition("__")
        if variable.startswith(PREFIX) and separator:
            yield _assign_text(variable, section, name, text, options)


def read_overrides(overrides: Sequence[str], options: Options = OPTIONS) -> Iterator[Found]:
    """Read the values of ``--set section.option=value``."""
    for override in overrides:
        key, equals, text = override.partition("=")
        section, dot, name = key.strip().partition(".")
        if not (equals and dot):
            yield Mistake(f"--set: {shown(override)}: must be section.option=value")
        else:
            yield _assign_text("--set", section, name, text, options)


def _assign(origin: str, section: str, name: str, value: Any, options: Options) -> Found:
    if section not in options:
        return Mistake(f"{origin}: {unknown_section(section, options)}")
    if name not in options[section]:
        return Mistake(f"{origin}: {unknown_option(section, name, options)}")
    return Assignment(origin, options[section][name], value)


def _assign_text(origin: str, section: str, name: str, text: str, options: Options) -> Found:
    found = _assign(origin, section, name, text, options)
    if isinstance(found, Mistake):
        return found
    return dataclasses.replace(found, value=_from_text(text, found.option))


def _from_text(text: str, option: Option) -> Any:
    """Return the text as a TOML value if the option accepts its type, else as it stands.

    An empty text unsets an optional option. A list may be written with commas alone.
    """
    if option.optional and not text.strip():
        return None
    if not isinstance(option.kind, inspect.ListType):
        return _one_from_text(text, option.item)
    value = _parsed(text)
    if isinstance(value, list | dict):
        return value
    parts = (value if isinstance(value, str) else text).split(",")
    return [_one_from_text(part.strip(), option.item) for part in parts if part.strip()]


def _one_from_text(text: str, kind: inspect.Type) -> Any:
    """Return a single value.

    A number stays text if the option accepts text, so that a device may be named 7.
    """
    value = _parsed(text)
    if isinstance(kind, inspect.LiteralType):
        values = [
            choice for choice in kind.values if choice == value and type(choice) is type(value)
        ]
        wants_text = not values and any(isinstance(choice, str) for choice in kind.values)
    else:
        wants_text = isinstance(kind, inspect.StrType)
    return text if wants_text and not isinstance(value, str) else value


def _parsed(text: str) -> Any:
    try:
        document = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    return document["value"] if len(document) == 1 else text


def _document(path: Path) -> dict[str, Any] | Mistake:
    text = _text(path)
    if isinstance(text, Mistake):
        return text
    try:
        return tomllib.loads(text)
    except RecursionError:
        return Mistake(f"{path}: must be TOML that is not nested so deeply")
    except ValueError as error:
        return Mistake(f"{path}: {_syntax_error(str(error), text)}")


def _text(path: Path) -> str | Mistake:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return Mistake(f"{path}: no such file; `edge-fer config` prints a default file")
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


def load(
    path: Path | None,
    overrides: Sequence[str] = (),
    environ: Mapping[str, str] = os.environ,
) -> Settings:
    """Return the settings from file, environment and ``--set`` over the defaults.

    Without a path the file is $EDGE_FER_CONFIG, else the system's file if it exists.

    Raises:
        ConfigError: with one line for each mistake in all sources.
    """
    return load_as(Settings, path, overrides, environ)


def load_as(
    settings: type[_S],
    path: Path | None,
    overrides: Sequence[str] = (),
    environ: Mapping[str, str] = os.environ,
) -> _S:
    """Return settings of this type, loaded as `load` does; for settings with more options.

    Raises:
        ConfigError: with one line for each mistake in all sources.
    """
    path, options = path or default_path(environ), options_of(settings)
    found = [
        *(read_file(path, options) if path else ()),
        *read_environment(environ, options),
        *read_overrides(overrides, options),
    ]
    return combine(settings, found)


def combine(settings: type[_S], found: Sequence[Found]) -> _S:
    """Return the settings of assignments over the defaults; later ones win.

    Raises:
        ConfigError: with one line per mistake.
    """
    mistakes = [item.text for item in found if isinstance(item, Mistake)]
    chosen: dict[str, Assignment] = {}
    for item in found:
        if isinstance(item, Assignment):
            wrong = _mistakes(item)
            mistakes += wrong
            if not wrong:
                chosen[item.option.path] = item
    mistakes += _contradictions(chosen)
    if mistakes:
        raise ConfigError(*mistakes)
    return _settings(settings, chosen)


def default_path(environ: Mapping[str, str], system: Path = SYSTEM_FILE) -> Path | None:
    """Return the file to read when none is named; None if there is none."""
    if named := environ.get("EDGE_FER_CONFIG"):
        return Path(named)
    try:
        system.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        # It may exist; reading it reports what is wrong, while the defaults would hide it.
        return system
    return system


def require_acknowledged(settings: Settings) -> None:
    """Require that the user has declared what edge-fer is used for.

    Raises:
        ConfigError: `privacy.acknowledge_use` is empty; the text says why it is required and how
            to set it.
    """
    if settings.privacy.acknowledge_use:
        return
    option = OPTIONS["privacy"]["acknowledge_use"]
    variable = f"{PREFIX}{option.section}__{option.name}".upper()
    raise ConfigError(
        f"{option.path} = '': must be {option.rule}",
        f"why: people in view must be informed, and {PROHIBITED}",
        f"how: set {option.name} in section [{option.section}] of the configuration file, "
        f"or --set {option.path}=home, or {variable}=home in the environment",
    )


def device_name(settings: Settings, host: str | None = None) -> str:
    """Return `device.name`, else the host name with '-' for all but letters, digits and '_.-'."""
    if settings.device.name:
        return settings.device.name
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "-", socket.gethostname() if host is None else host)
    return plain.strip("-.")[:64] or "edge-fer"


def _mistakes(item: Assignment) -> list[str]:
    complaint = _complaint(item.option, item.value)
    if complaint:
        return [_worded(item, complaint)]
    if item.option.path != "mqtt.brokers":
        return []
    return [f"{item.origin}: {text}" for text in map(_address_mistake, item.value) if text]


def _complaint(option: Option, value: Any) -> str | None:
    """Return what the value must be, or None if it is valid."""
    try:
        msgspec.convert(value, option.hint)
    except msgspec.ValidationError:
        return _must(option, value)
    except UnicodeEncodeError:
        return _NOT_TEXT
    if any(map(_is_unprintable, value if isinstance(value, list) else [value])):
        return _NOT_TEXT
    pattern = getattr(option.item, "pattern", None)
    texts = value if isinstance(value, list) else [value]
    # In Python, "$" also matches before a final line break, which msgspec accepts.
    if pattern and not all(text is None or re.fullmatch(pattern, text) for text in texts):
        return _must(option, value)
    return None


def _must(option: Option, value: Any) -> str:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    wants = int | float if isinstance(option.item, inspect.FloatType) else int
    if option.bounds and is_number and isinstance(value, wants) and option.kind is option.item:
        return f"must be {option.bounds}"
    text = f"must be {option.rule}"
    if option.path == "privacy.acknowledge_use" and _REFUSED_USE.search(str(value)):
        text += f"; use at work and in education is refused, because {PROHIBITED}"
    return text


def _is_unprintable(value: Any) -> bool:
    """Return True for a text with control characters or with bytes that were not UTF-8.

    Environment variables may hold any bytes; Python decodes those as lone surrogates.
    """
    return isinstance(value, str) and any(unicodedata.category(c) in {"Cc", "Cs"} for c in value)


def _address_mistake(address: str) -> str | None:
    try:
        parse_broker(address)
    except ConfigError as error:
        return str(error)
    return None


def _contradictions(chosen: Mapping[str, Assignment]) -> Iterator[str]:
    """Yield contradictions between options; the message names the option that was set."""
    size, budget = _value(chosen, "model", "size"), chosen.get("model.budget_ms")
    if size and budget and budget.value:
        yield _worded(budget, f"must be 0 if model.size is set ({size})")
    yield from _without_detector(chosen)
    enter, leave = (_value(chosen, "smoothing", name) for name in ("enter", "leave"))
    if leave <= enter:
        return
    if blamed := chosen.get("smoothing.leave"):
        yield _worded(blamed, f"must be at most smoothing.enter ({enter:g})")
    elif blamed := chosen.get("smoothing.enter"):
        yield _worded(blamed, f"must be at least smoothing.leave ({leave:g})")


def _without_detector(chosen: Mapping[str, Assignment]) -> Iterator[str]:
    """Yield YuNet without its file, or a file that would not be read."""
    model = _value(chosen, "vision", "detector_model")
    if _value(chosen, "vision", "detector") == "yunet":
        if not model:
            blamed = chosen["vision.detector"]
            yield _worded(blamed, "requires the path of its model file in vision.detector_model")
        return
    for name in ("detector_model", "detector_sha256"):
        item = chosen.get(f"vision.{name}")
        if item and item.value:
            yield _worded(item, "must be empty unless vision.detector is 'yunet'")


def _value(chosen: Mapping[str, Assignment], section: str, name: str) -> Any:
    option = OPTIONS[section][name]
    return chosen[option.path].value if option.path in chosen else option.default


def _worded(item: Assignment, complaint: str) -> str:
    return f"{item.origin}: {item.option.path} = {shown(item.value)}: {complaint}"


def _settings(settings: type[_S], chosen: Mapping[str, Assignment]) -> _S:
    tables: dict[str, dict[str, Any]] = {}
    for item in chosen.values():
        tables.setdefault(item.option.section, {})[item.option.name] = item.value
    return msgspec.convert(tables, settings)
