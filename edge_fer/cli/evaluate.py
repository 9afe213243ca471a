"""`edge-fer evaluate`: a model's accuracy on a labelled data set."""

import argparse
from pathlib import Path
from typing import Any

from edge_fer.cli.common import add_json, add_model, print_json, read_settings
from edge_fer.errors import ConfigError

HELP = "measure a model's accuracy on labelled pictures"
DESCRIPTION = (
    "Run a model over FER-2013 (npz or the official csv), class folders, or a folder in the "
    "layout of RAF-DB or AffectNet: single pass, no test-time augmentation. Photographs go "
    "through detector, landmarks, alignment and quality limits of the configuration, as in the "
    "daemon."
)
EXAMPLES = """\
examples:
  edge-fer evaluate --data fer2013.npz --split private
  edge-fer evaluate --data fer2013.npz --labels own --dataset-labels-only
  edge-fer evaluate --data my-photos --pictures photos --set vision.detector=yunet \\
      --set vision.detector_model=yunet.onnx --set vision.detector_sha256=SHA256
  edge-fer evaluate --data my-crops --pictures crops --model ./own-int8.onnx --json
"""

USED = {"chips": (), "crops": ("vision.",), "photos": ("vision.", "quality.")}
"""Kind of the pictures to the beginnings of the options that cut them."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument("--data", type=Path, required=True, metavar="PATH", help="the data set")
    parser.add_argument(
        "--split",
        choices=("train", "public", "private"),
        default="public",
        help="public (default) is a folder's validation split, private its test split",
    )
    add_model(parser)
    parser.add_argument("--size", type=int, default=0, metavar="PX", help="as model.size")
    parser.add_argument(
        "--pictures",
        choices=("chips", "crops", "photos"),
        default="chips",
        help="content of a folder: chips (default), used unchanged; close crops, which are "
        "aligned; photographs, of which the largest face is cut out",
    )
    parser.add_argument(
        "--labels",
        choices=("card", "own", "ferplus"),
        default="card",
        help="true labels: those that the model's card gives its accuracy by (default), the "
        "data set's own, or the majority of the FER+ votes",
    )
    parser.add_argument(
        "--dataset-labels-only",
        action="store_true",
        help="let the model choose only among the labels that occur in the data set",
    )
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Measure and print.

    Raises:
        ConfigError: a setting is wrong, or has no effect on these pictures.
        DataError: the data cannot be read.
        ModelError: the model cannot be used.
    """
    from edge_fer.build import build_classifier
    from edge_fer.evaluation.evaluate import evaluate

    _refuse_unused(arguments)
    settings = read_settings(arguments)
    figures = evaluate(
        build_classifier(settings),
        arguments.data,
        arguments.split,
        kind=arguments.pictures,
        truth=arguments.labels,
        settings=settings,
        dataset_labels_only=arguments.dataset_labels_only,
    )
    if arguments.json:
        print_json(figures)
    else:
        _print(figures, arguments)
    return 0


def _refuse_unused(arguments: argparse.Namespace) -> None:
    """Refuse a --set of the chain that cuts pictures if these are not cut by it."""
    for assignment in arguments.set:
        if assignment.startswith(("vision.", "quality.")) and not assignment.startswith(
            USED[arguments.pictures]
        ):
            raise ConfigError(
                f"--set {assignment}: has no effect with --pictures {arguments.pictures}; "
                "with --pictures photos it has"
            )


def _print(figures: dict[str, Any], arguments: argparse.Namespace) -> None:
    from edge_fer.cli.tables import Column, make_console, print_pairs, print_table

    console = make_console()
    print_pairs(_summary(figures, arguments), console)
    headings = ("n", "predicted", "n %", "predicted %", "precision", "recall", "F1")
    console.print("\nby label", style="bold")
    print_table(
        [Column("label"), *(Column(name, right=True) for name in headings)],
        _by_label(figures),
        console,
    )
    labels, table = figures["confusion"]["labels"], figures["confusion"]["table"]
    console.print("\nconfusion matrix: a row per true label, a column per prediction", style="bold")
    print_table(
        [Column("true"), *(Column(label, right=True) for label in labels)],
        [(label, *map(str, row)) for label, row in zip(labels, table, strict=True)],
        console,
    )
    if skipped := figures.get("skipped"):
        console.print(f"\nskipped, {len(skipped)} pictures", style="bold")
        print_table(
            [Column("picture", wrap=True), Column("outcome"), Column("reason", wrap=True)],
            [(one["file"], one["outcome"], one["reason"]) for one in skipped],
            console,
        )


def _summary(figures: dict[str, Any], arguments: argparse.Namespace) -> list[tuple[str, str]]:
    data = f"{arguments.data}, split {arguments.split}"
    pairs = [
        ("model", figures["model"]),
        ("data", f"{data}: {figures['n']} pictures in {figures['seconds']} s"),
        ("labels", _labels(figures, arguments.labels)),
    ]
    if "rule" in figures:
        pairs.append(("", f"{figures['rule']}: {figures['left_out']}"))
    if "restricted_to" in figures:
        pairs.append(("restricted to", ", ".join(figures["restricted_to"])))
    names = {
        "accuracy": "accuracy",
        "accuracy_no_duplicates": "without copies",
        "macro_f1": "macro F1",
        "ece": "ECE",
    }
    for key, name in names.items():
        value = figures[key]
        pairs.append((name, "unknown" if value is None else f"{value:.4f}"))
    return pairs


def _labels(figures: dict[str, Any], asked: str) -> str:
    """Return which labels are right and why."""
    if figures["labels"] == "ferplus":
        by_card = ", by which the card gives the accuracy; --labels own takes the data set's"
        return "FER+ majority" + (by_card if asked == "card" else "")
    other = "" if asked == "own" else "; the card names no other that the data has"
    return f"the data set's own{other}"


def _by_label(figures: dict[str, Any]) -> list[tuple[str, ...]]:
    rows = []
    for label, row in figures["per_class"].items():
        counts = (row["n"], row["said"])
        rows.append(
            (
                label,
                *map(str, counts),
                *(f"{100 * count / figures['n']:.1f}" for count in counts),
                *(f"{row[key]:.3f}" for key in ("precision", "recall", "f1")),
            )
        )
    return rows
