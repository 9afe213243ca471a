"""`edge-fer compile`: optimize the model for this device and cache the result."""

import argparse

from edge_fer.cli.common import add_json, add_model, print_json, read_settings

HELP = "optimize the model for this device, so that it loads faster"
DESCRIPTION = (
    "Optimize the model for this processor with onnxruntime and store the result in "
    "$CACHE_DIRECTORY, or in the user's cache; every later start uses it. After an update of the "
    "model or onnxruntime, or on another processor, the copy is ignored and the model is used."
)
EXAMPLES = """\
examples:
  edge-fer compile                    optimize the model of the configuration
  edge-fer compile --model xception   optimize another one
  edge-fer compile --json             print the figures as JSON
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    add_model(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Compile, compare and print.

    Raises:
        EdgeFerError: a setting or the model cannot be used, or the cache cannot be written.
    """
    from edge_fer.bench.models import compile_and_compare
    from edge_fer.emotion.card import find_model
    from edge_fer.emotion.session import cache_folder

    model = read_settings(arguments).model
    figures = compile_and_compare(
        find_model(model.path), cache_folder(), size=model.size, threads=model.threads
    )
    if arguments.json:
        print_json(figures)
        return 0
    print(f"{figures['path']}: {figures['bytes']:,} bytes")
    for name, what in (("load", "load time"), ("latency", "latency of a chip")):
        value, (low, high) = figures[name], figures[f"{name}_interval_95"]
        print(f"{what}: {value:.2f} ({low:.2f}-{high:.2f}) times that of {figures['model']}")
    if model.compiled == "off":
        print("model.compiled is off, so the copy is not used")
    return 0
