"""`edge-fer config`: print the default file, its JSON Schema, the settings or what leaves."""

import argparse

from edge_fer.cli.common import print_json, read_settings

HELP = "print the default configuration, its schema or the settings in effect"
DESCRIPTION = (
    "Print the commented default file; with --effective, --config or --set the "
    "settings in effect, in the same form."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what only this command has."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--schema", action="store_true", help="the JSON Schema, for an editor")
    what.add_argument(
        "--leaves",
        action="store_true",
        help="all that leaves the device, as JSON; with --config or --set, in that privacy.mode",
    )
    what.add_argument(
        "--effective",
        action="store_true",
        help="the settings after file, environment and --set, checked",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print what was asked for.

    Raises:
        ConfigError: the settings in effect were asked for, and hold mistakes.
    """
    from edge_fer.cameras import describe_kinds
    from edge_fer.config.render import render, schema
    from edge_fer.mqtt.data_inventory import inventory

    given = arguments.config or arguments.set
    if arguments.schema:
        print_json(schema())
    elif arguments.leaves:
        print_json(inventory(read_settings(arguments).privacy.mode if given else None))
    elif arguments.effective or given:
        print(render(read_settings(arguments), cameras=describe_kinds()), end="")
    else:
        print(render(cameras=describe_kinds()), end="")
    return 0
