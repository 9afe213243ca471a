"""`edge-fer config`: print the default file, the JSON Schema, the settings or the data sent."""

import argparse

from edge_fer.cli.common import print_json, read_settings

HELP = "print the default configuration, its JSON Schema or the settings in effect"
DESCRIPTION = (
    "Print the commented default configuration. With --effective, --config or --set print the "
    "settings in effect in the same form."
)
EXAMPLES = """\
examples:
  edge-fer config > edge-fer.toml
  edge-fer config --effective
  edge-fer config --schema > edge-fer.schema.json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--schema", action="store_true", help="print the JSON Schema, for editors")
    what.add_argument(
        "--leaves",
        action="store_true",
        help="print all data that leaves the device, as JSON; with --config or --set in the "
        "privacy.mode of that configuration",
    )
    what.add_argument(
        "--effective",
        action="store_true",
        help="print the checked settings from file, environment and --set",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the requested document.

    Raises:
        ConfigError: the settings in effect were requested and contain mistakes.
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
