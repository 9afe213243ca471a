"""`edge-fer check`: what is wrong, and what to do about it."""

import argparse

from edge_fer.cli.common import add_camera, add_json, print_json, read_settings

MARKS = {"ok": "[green]ok[/]", "warning": "[yellow]warning[/]", "error": "[red]error[/]"}

HELP = "try configuration, model, landmarks, camera and brokers"
DESCRIPTION = (
    "Try everything the daemon needs and say what is wrong and what to do. The "
    "exit code is that of the first error."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what only this command has."""
    add_camera(parser)
    parser.add_argument("--mqtt", action="append", metavar="URL", help="as mqtt.brokers")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print a row for each thing tried.

    Raises:
        ConfigError: the configuration itself has mistakes.
    """
    import dataclasses

    from edge_fer.daemon.checks import examine

    findings = list(examine(read_settings(arguments)))
    if arguments.json:
        print_json([dataclasses.asdict(finding) for finding in findings])
    else:
        _print_table([(f.name, f.level, f.text) for f in findings])
    return next((finding.exit_code for finding in findings if finding.level == "error"), 0)


def _print_table(rows: list[tuple[str, str, str]]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Column, Table

    # Folded, not cut: a sha256 or a path is there to be copied.
    table = Table("what", "is", Column("detail", overflow="fold"))
    for name, level, text in rows:
        table.add_row(name, MARKS[level], escape(text))
    Console().print(table)
