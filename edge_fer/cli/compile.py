"""`edge-fer compile`: the model as onnxruntime rewrites it for this device, kept in a cache."""

import argparse

from edge_fer.cli.common import add_json, add_model, print_json, read_settings

HELP = "make the device's own copy of the model, which loads faster"
DESCRIPTION = (
    "Have onnxruntime optimize the model for this processor once and keep the result in "
    "$CACHE_DIRECTORY, else in the user's cache; every later start uses it. After an update of "
    "model or onnxruntime, or on another processor, it is left alone and the model itself is used."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what only this command has."""
    add_model(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Compile, compare and print.

    Raises:
        EdgeFerError: a setting or the model is at fault, or the cache cannot be written.
    """
    from edge_fer.bench.speed import compile_and_compare
    from edge_fer.emotion.card import find_model
    from edge_fer.emotion.compiled import cache_folder

    model = read_settings(arguments).model
    figures = compile_and_compare(
        find_model(model.path), cache_folder(), size=model.size, threads=model.threads
    )
    if arguments.json:
        print_json(figures)
        return 0
    print(f"{figures['path']}: {figures['bytes']:,} bytes")
    for name, what in (("load", "to load"), ("latency", "for a chip")):
        value, (low, high) = figures[name], figures[f"{name}_interval_95"]
        print(f"{what}: {value:.2f} ({low:.2f}-{high:.2f}) times as long as {figures['model']}")
    if model.compiled == "off":
        print("model.compiled is off: it is not used")
    return 0
