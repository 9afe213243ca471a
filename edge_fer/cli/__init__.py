"""The command line: one file a command; the only place that prints."""

import argparse
import importlib
import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from edge_fer import __version__
from edge_fer.errors import EdgeFerError

COMMANDS = (
    "run",
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; an error is one line on stderr."""
    parsed = build_parser().parse_args(arguments)
    try:
        code: int = parsed.run(parsed)
    except EdgeFerError as error:
        for line in str(error).splitlines():
            print(f"edge-fer: {line}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has seen enough; Python would complain again at exit.
        sys.stderr.close()
        return 0
    return code


def build_parser() -> argparse.ArgumentParser:
    """The parser with all commands."""
    parser = argparse.ArgumentParser(
        prog="edge-fer", description="Facial expressions from a camera to MQTT, on the device."
    )
    parser.add_argument("--version", action="version", version=f"edge-fer {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="command", required=True)
    for name in COMMANDS:
        # Modules import what they need inside their functions, so that --help stays quick.
        module = importlib.import_module(f"edge_fer.cli.{name}")
        command = commands.add_parser(
            name, parents=[_configured()], help=module.HELP, description=module.DESCRIPTION
        )
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    return parser


def _configured() -> argparse.ArgumentParser:
    """The options that every command with settings has."""
    parent = argparse.ArgumentParser(add_help=False)
    parent.add_argument("-c", "--config", type=Path, metavar="FILE", help="configuration file")
    parent.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="section.key=value",
        help="override one option; may be given several times",
    )
    return parent


def set_up_logging(level: str, fields: Mapping[str, str]) -> None:
    """Send log records, with ``fields``, to the journal where there is one, else to stderr."""
    from edge_fer.daemon.systemd import journal_handler

    handler = journal_handler(fields) or logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
