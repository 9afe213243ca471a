"""`edge-fer check`: report what is wrong and what to do about it."""

import argparse
import dataclasses
from typing import TYPE_CHECKING

from edge_fer.cli.common import add_camera, print_json, read_settings
from edge_fer.errors import ConfigError

if TYPE_CHECKING:
    from edge_fer.setup.checks import Finding

COLOURS = {"ok": "green", "warning": "yellow", "error": "red"}

HELP = "test configuration, model, camera and broker, and inspect the device"
DESCRIPTION = (
    "Test everything that the daemon needs, inspect the device, and report what is wrong and what "
    "to do about it. The exit code is that of the first error."
)
EXAMPLES = """\
examples:
  edge-fer check
  edge-fer check --camera v4l2:/dev/video2 --mqtt mqtt://192.168.1.2
  edge-fer check --report > report.md
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    add_camera(parser)
    parser.add_argument(
        "--mqtt", action="append", metavar="URL", help="sets mqtt.brokers; may be repeated"
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON for a machine")
    form.add_argument(
        "--report",
        action="store_true",
        help="print Markdown for a bug report, without user names and passwords",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print a row for each check.

    Raises:
        ConfigError: the configuration contains mistakes; a report lists them instead.
    """
    from edge_fer.setup.checks import examine
    from edge_fer.setup.doctor import inspect

    if arguments.report:
        return _report(arguments)
    settings = read_settings(arguments)
    findings = [*examine(settings), *inspect(settings)]
    if arguments.json:
        print_json([dataclasses.asdict(finding) for finding in findings])
    else:
        _print_table(findings)
    return _exit_code(findings)


def _exit_code(findings: "list[Finding]") -> int:
    return next((finding.exit_code for finding in findings if finding.level == "error"), 0)


def _print_table(findings: "list[Finding]") -> None:
    from rich.text import Text

    from edge_fer.cli.tables import Column, make_console, print_table

    print_table(
        [Column("check"), Column("result"), Column("detail", wrap=True)],
        [
            (finding.name, Text(finding.level, style=COLOURS[finding.level]), finding.text)
            for finding in findings
        ],
        make_console(),
    )


def _report(arguments: argparse.Namespace) -> int:
    """Print all findings as one block of Markdown, even if the configuration is invalid."""
    from edge_fer.setup.checks import Finding, examine
    from edge_fer.setup.doctor import changes, inspect, masked

    try:
        settings = read_settings(arguments)
    except ConfigError as error:
        found = [Finding("settings", "error", line, 78) for line in str(error).splitlines()]
        findings, options = [*found, *inspect(None)], None
    else:
        findings, options = [*examine(settings), *inspect(settings)], changes(settings)
    print("| check | result | detail |\n|---|---|---|")
    for finding in findings:
        detail = masked(finding.text).replace("|", "\\|").replace("\n", "<br>")
        print(f"| {finding.name} | {finding.level} | {detail} |")
    if options is not None:
        print(f"\n```toml\n{options or '# every option has its default'}\n```")
    return _exit_code(findings)
