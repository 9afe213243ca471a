"""The command line: one file per command, and the only place that prints."""

import argparse
import difflib
import importlib
import logging
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from edge_fer import __version__
from edge_fer.errors import EdgeFerError

COMMANDS = (
    "run",
    "read",
    "setup",
    "check",
    "config",
    "models",
    "card",
    "compile",
    "evaluate",
    "explain",
    "annotate",
    "bench",
    "demo",
)

EPILOG = """\
first steps:
  edge-fer setup           answer a few questions and start the service
  edge-fer read PICTURE    try it on a picture, without a camera
  edge-fer COMMAND --help  show the options of a command, with examples
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; an error is one line on stderr.

    Without a command, print the help and return 0.
    """
    parser = build_parser()
    parsed = _parse(parser, sys.argv[1:] if arguments is None else arguments)
    if parsed.command is None:
        parser.print_help()
        return 0
    try:
        code: int = parsed.run(parsed)
    except EdgeFerError as error:
        for line in str(error).splitlines():
            print(f"edge-fer: {line}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of the output has closed it; Python would complain again at exit.
        sys.stderr.close()
        return 0
    return code


def _parse(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> argparse.Namespace:
    """Parse, and suggest a name for an unknown command or option; exit with 2 on a mistake."""
    command = next((word for word in arguments if not word.startswith("-")), None)
    if command is not None and command not in COMMANDS:
        parser.error(
            f"unknown command {command!r}{_suggestion(command, COMMANDS)} "
            f"(one of {', '.join(COMMANDS)})"
        )
    parsed, unknown = parser.parse_known_args(arguments)
    if unknown:
        chosen: argparse.ArgumentParser = getattr(parsed, "parser", parser)
        wrong = next((word for word in unknown if word.startswith("-")), None)
        if wrong is None:
            chosen.error(f"unexpected argument {unknown[0]!r}")
        option = wrong.partition("=")[0]
        chosen.error(f"unknown option {option!r}{_suggestion(option, _options_of(chosen))}")
    return parsed


def _options_of(parser: argparse.ArgumentParser) -> list[str]:
    return list(parser._option_string_actions)


def _suggestion(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser with all commands."""
    parser = argparse.ArgumentParser(
        prog="edge-fer",
        description="Recognize facial expressions from a camera and publish them as MQTT events.",
        epilog=EPILOG,
        formatter_class=_HelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"edge-fer {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="command", dest="command")
    for name in COMMANDS:
        # Modules import what they need inside their functions, so that --help stays quick.
        module = importlib.import_module(f"edge_fer.cli.{name}")
        command = commands.add_parser(
            name,
            parents=[_configured()],
            help=module.HELP,
            description=module.DESCRIPTION,
            epilog=module.EXAMPLES,
            formatter_class=_HelpFormatter,
        )
        module.add_arguments(command)
        command.set_defaults(run=module.run, parser=command)
    return parser


class _HelpFormatter(argparse.HelpFormatter):
    """Wrap a description, but keep the lines of an epilog."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if "\n" in text:
            return textwrap.indent(text, indent)
        return super()._fill_text(text, width, indent)


def _configured() -> argparse.ArgumentParser:
    """Return the options that every command with settings has."""
    parent = argparse.ArgumentParser(add_help=False)
    parent.add_argument("-c", "--config", type=Path, metavar="FILE", help="configuration file")
    parent.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="section.option=value",
        help="override one option; may be given several times",
    )
    return parent


def set_up_logging(level: str, fields: Mapping[str, str]) -> None:
    """Send log records, with ``fields``, to the journal if there is one, else to stderr."""
    from edge_fer.daemon.systemd import journal_handler

    handler = journal_handler(fields) or logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
