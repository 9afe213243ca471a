"""Write docs/reference/configuration.md and docs/reference/commands.md from the code.

    python -m docs.generate_reference

Both pages contain only what the code states, so they are written as a whole.
"""

import argparse
import re
from pathlib import Path

from edge_fer.cli import build_parser
from edge_fer.config.options import Option, options_of
from edge_fer.config.settings import Settings

FOLDER = Path(__file__).parent / "reference"
CONFIGURATION = """\
# Configuration

edge-fer reads `/etc/edge-fer/edge-fer.toml`, or the file given by `-c FILE` or `$EDGE_FER_CONFIG`.
An option that is left out keeps its default. Environment variables override the file: \
`EDGE_FER_MQTT__PREFIX=hall` sets `mqtt.prefix`. `--set mqtt.prefix=hall` overrides both.
`edge-fer config` prints the default file, `edge-fer config --effective` the resulting settings.
All mistakes are reported at once, each with file, option, value and remedy.

This page is generated from `edge_fer/config/settings.py` by `make docs`.
"""
COMMANDS = """\
# Commands

`--help` after a command prints its options and examples. \
Every command that reads settings accepts `-c FILE` and `--set section.option=value`.

Without a command, `edge-fer` prints its help and returns 0. A mistake on the command line \
returns 2 and suggests a name for an unknown command or option.

This page is generated from `edge_fer/cli/` by `make docs`.
"""


def configuration() -> str:
    """Return the page with one table per section."""
    parts = [CONFIGURATION]
    for section, options in options_of(Settings).items():
        text = type(getattr(Settings(), section)).__doc__ or ""
        rows = "\n".join(_option(option) for option in options.values())
        parts.append(
            f"\n## {section}\n\n{text.strip()}\n\n| option | default | values | meaning |\n"
            f"|---|---|---|---|\n{rows}\n"
        )
    return "".join(parts)


def commands() -> str:
    """Return the page with one section per command."""
    parts = [COMMANDS]
    for name, parser in _subparsers(build_parser()).items():
        rows = "\n".join(_argument(parser, action) for action in parser._actions[1:])
        text = (parser.description or "").strip()
        parts.append(f"\n## {name}\n\n{text}\n\n| argument | meaning |\n|---|---|\n{rows}\n")
    return "".join(parts)


def _argument(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    formatter = parser._get_formatter()
    value = formatter._format_args(action, formatter._get_default_metavar_for_optional(action))
    if not action.option_strings:
        value = formatter._format_args(action, action.dest)
    names = " or ".join(f"`{name} {value}`".replace(" `", "`") for name in action.option_strings)
    meaning = formatter._expand_help(action) if action.help else ""
    cells = (names or f"`{value}`", meaning)
    return "| " + " | ".join(map(_cell, cells)) + " |"


def _option(option: Option) -> str:
    default = "unset" if option.default is None else f"`{_shown(option.default)}`"
    # A pattern is code, or Markdown would read its brackets as links.
    rule = re.sub(r"(match(?:es)? )(\S+)", r"\1`\2`", option.rule)
    cells = (f"`{option.name}`", default, rule, option.description)
    return "| " + " | ".join(map(_cell, cells)) + " |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value).replace("'", '"')


def _subparsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    (action,) = (one for one in parser._actions if isinstance(one, argparse._SubParsersAction))
    return dict(action.choices)


def main() -> None:
    """Write both pages."""
    FOLDER.joinpath("configuration.md").write_text(configuration())
    FOLDER.joinpath("commands.md").write_text(commands())


if __name__ == "__main__":
    main()
