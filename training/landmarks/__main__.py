"""Make smaller files for the 68 landmarks and measure their accuracy."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edge_fer.cli.common import add_json, print_json, whole
from edge_fer.errors import EdgeFerError
from training.landmarks.file import Recipe

DESCRIPTION = (
    "dlib's landmark file takes 100 MB on disk and 73 MB of memory. Write a file of only its first "
    "cascades, or train a compact one from it; set vision.landmarks to use it."
)
NOTE = (
    "note: the stock file was trained on iBUG 300-W, whose licence excludes commercial use; "
    "this may apply to files made from it too (docs/background/landmarks.md)"
)

MEANING = {
    "cascades": "number of forests",
    "trees": "trees per forest",
    "depth": "depth of a tree; one more doubles the file",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the three actions."""
    actions = parser.add_subparsers(title="actions", metavar="action", required=True)
    shrink = actions.add_parser("shrink", help="keep the first cascades of a file")
    _add_out(shrink)
    shrink.add_argument(
        "--cascades",
        type=int,
        default=10,
        metavar="N",
        help="number of cascades; default %(default)s",
    )
    shrink.set_defaults(action=_shrink)
    _add_train(actions)
    compare = actions.add_parser("compare", help="compare a file with the stock one")
    compare.add_argument("file", type=Path, metavar="FILE")
    compare.add_argument("media", type=Path, nargs="+", metavar="CLIP|FOLDER")
    compare.add_argument(
        "--with", type=Path, dest="source", metavar="FILE", help="another reference"
    )
    add_json(compare)
    compare.set_defaults(action=_compare)


def _add_train(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    train = actions.add_parser("train", help="train a compact predictor; takes minutes")
    _add_out(train)
    train.add_argument(
        "data",
        type=Path,
        metavar="DATA",
        help="FER-2013 (npz or csv), or a clip or folder of pictures with faces",
    )
    train.add_argument(
        "--faces",
        type=whole(100),
        default=6000,
        metavar="N",
        help="number of faces; default %(default)s",
    )
    for name, most in (("cascades", 50), ("trees", 2000), ("depth", 8)):
        train.add_argument(
            f"--{name}",
            type=whole(1, most),
            default=getattr(Recipe(), name),
            metavar="N",
            help=f"{MEANING[name]}; default %(default)s",
        )
    train.set_defaults(action=_train)


def run(arguments: argparse.Namespace) -> int:
    """Run the action.

    Raises:
        EdgeFerError: a file cannot be used, or there are no faces.
    """
    arguments.action(arguments)
    return 0


def _add_out(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument(
        "--from",
        type=Path,
        dest="source",
        metavar="FILE",
        help="another source than the stock file",
    )
    parser.add_argument("--force", action="store_true", help="replace OUT if it exists")


def _shrink(arguments: argparse.Namespace) -> None:
    from training.landmarks.compare import shrink

    source = _source(arguments)
    _refuse_existing(arguments)
    made = shrink(source, arguments.out, arguments.cascades)
    print(
        f"{arguments.out}: {made.cascades} of {made.of} cascades, {made.bytes:,} of "
        f"{made.source_bytes:,} bytes; dlib loads it, and its mean error on a drawn face is "
        f"{made.drawn_percent:.1f} % of the distance between the eyes"
    )
    print(NOTE)


def _train(arguments: argparse.Namespace) -> None:
    from training.landmarks.train import train

    source = _source(arguments)
    _refuse_existing(arguments)
    recipe = Recipe(arguments.cascades, arguments.trees, arguments.depth)
    print("collecting faces, then training; this takes minutes", flush=True)
    faces = train(source, arguments.data, arguments.out, recipe, arguments.faces)
    print(f"{arguments.out}: {faces} faces, {arguments.out.stat().st_size:,} bytes")
    print(NOTE)


def _compare(arguments: argparse.Namespace) -> None:
    from training.landmarks.compare import compare

    figures = compare(_existing(arguments.file), _source(arguments), arguments.media)
    if arguments.json:
        print_json(figures)
    else:
        _print(figures)


def _print(figures: dict[str, Any]) -> None:
    low, high = figures["time_interval_95"]
    print(f"{figures['file']} against {figures['reference']}, {figures['faces']} faces")
    for name, what in (("points_68", "68 points"), ("points_5", "5 points of the alignment")):
        error = figures[name]
        print(
            f"{what}: mean error {error['mean_percent']:.2f} % of the distance between the eyes, "
            f"95 % of faces below {error['p95_percent']:.2f} %"
        )
    print(f"on disk: {figures['bytes']:,} of {figures['reference_bytes']:,} bytes")
    print(f"in memory: {figures['resident_mb']} of {figures['reference_resident_mb']} MB")
    print(
        f"time of a face: {figures['time']:.2f} ({low:.2f}-{high:.2f}) times that of the reference"
    )


def _source(arguments: argparse.Namespace) -> Path:
    from edge_fer.vision.landmarks import find_landmarks

    return _existing(arguments.source) if arguments.source else find_landmarks()


def _existing(path: Path) -> Path:
    from edge_fer.errors import ModelError

    if not path.is_file():
        raise ModelError(f"{path}: no such file; must be a dlib file of 68 landmarks")
    return path


def _refuse_existing(arguments: argparse.Namespace) -> None:
    from edge_fer.errors import ModelError

    if arguments.out.exists() and not arguments.force:
        raise ModelError(f"{arguments.out}: exists already; --force replaces it")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one action and return its exit code; an error is one line on stderr."""
    parser = argparse.ArgumentParser(prog="python -m training.landmarks", description=DESCRIPTION)
    add_arguments(parser)
    parsed = parser.parse_args(arguments)
    try:
        return run(parsed)
    except EdgeFerError as error:
        print(f"landmarks: {error}", file=sys.stderr)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
