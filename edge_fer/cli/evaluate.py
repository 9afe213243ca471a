"""`edge-fer evaluate`: a model's figures on a labelled data set."""

import argparse
from pathlib import Path

from edge_fer.cli.common import add_json, print_json

HELP = "measure a model on labelled pictures"
DESCRIPTION = (
    "Run a model over FER-2013 (npz, or the official csv), class folders, or a folder in the "
    "layout of RAF-DB or AffectNet: single pass, no test-time augmentation."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what only this command has."""
    parser.add_argument("--data", type=Path, required=True, metavar="PATH")
    parser.add_argument(
        "--split",
        choices=("train", "public", "private"),
        default="public",
        help="public is a folder's validation split, private its test split",
    )
    parser.add_argument("--model", default="", metavar="NAME|PATH")
    parser.add_argument("--size", type=int, default=0, metavar="PX", help="as model.size")
    parser.add_argument(
        "--pictures",
        choices=("chips", "crops", "photos"),
        default="chips",
        help="what a folder holds: chips, used as they are; close crops, aligned as the daemon "
        "does; photographs, of which the largest face is cut out",
    )
    parser.add_argument(
        "--labels",
        choices=("own", "ferplus"),
        default="own",
        help="what is right: the data set's labels, or FER+'s majority (8 labels, fewer pictures)",
    )
    parser.add_argument(
        "--robustness",
        action="store_true",
        help="also with boxes 5 %% off, roll, small, blurred, dark and noisy, and JPEG pictures",
    )
    parser.add_argument(
        "--aligned",
        action="store_true",
        help="also with the chips that the daemon's aligner cuts out of the pictures",
    )
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Measure and print.

    Raises:
        DataError: the data cannot be read.
        ModelError: the model cannot be used.
    """
    from edge_fer.emotion.card import find_model
    from edge_fer.evaluation.evaluate import evaluate

    model = find_model(arguments.model)
    figures = evaluate(
        model,
        arguments.data,
        arguments.split,
        size=arguments.size,
        kind=arguments.pictures,
        truth=arguments.labels,
        further=[name for name in ("robustness", "aligned") if getattr(arguments, name)],
    )
    if arguments.json:
        print_json(figures)
    else:
        from edge_fer.cli.tables import print_figures

        print_figures(figures)
    return 0
