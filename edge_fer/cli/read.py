"""`edge-fer read`: the faces and emotions in pictures."""

import argparse
import csv
import dataclasses
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from edge_fer.cli.common import add_model, read_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from edge_fer.errors import EdgeFerError
    from edge_fer.recognizer import Face

HELP = "print the faces and emotions in pictures"
DESCRIPTION = (
    "Recognize the faces and emotions of each picture on its own, without tracking and smoothing. "
    "Folders are read with their subfolders. A picture that cannot be read is reported on stderr, "
    "and the exit code is then 65."
)
EXAMPLES = """\
examples:
  edge-fer read portrait.jpg
  edge-fer read holiday/ --csv > faces.csv
  edge-fer read *.jpg --json | jq -r .faces[].emotion | sort | uniq -c
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("pictures", nargs="+", metavar="PICTURE", help="a picture or a folder")
    add_model(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON, one line per picture")
    form.add_argument("--csv", action="store_true", help="print CSV, one row per face")


def run(arguments: argparse.Namespace) -> int:
    """Print the faces of each picture; return 65 if one could not be read.

    Raises:
        EdgeFerError: a setting or the model is at fault.
    """
    from edge_fer.cameras.file import list_pictures
    from edge_fer.errors import DataError
    from edge_fer.recognizer import Recognizer

    recognizer = Recognizer(read_settings(arguments))
    show = _form(arguments, recognizer.labels)
    code = 0
    for name in arguments.pictures:
        try:
            paths = list_pictures(Path(name))
        except DataError as error:
            code = _fail(error)
            continue
        for path in paths:
            try:
                show(str(path), recognizer.read(path))
            except DataError as error:
                code = _fail(error)
    return code


def _fail(error: "EdgeFerError") -> int:
    print(f"edge-fer: {error}", file=sys.stderr)
    return error.exit_code


def _form(
    arguments: argparse.Namespace, labels: "Sequence[str]"
) -> "Callable[[str, Sequence[Face]], None]":
    """Return what prints the faces of a picture; print the head of the table, if there is one."""
    if arguments.json:
        return _print_json
    if not arguments.csv:
        return _print_text
    table = csv.writer(sys.stdout, lineterminator="\n")
    box = ("left", "top", "width", "height")
    table.writerow(["picture", "face", "emotion", "confidence", *box, "outcome", *labels])

    def print_csv(picture: str, faces: "Sequence[Face]") -> None:
        for number, face in enumerate(faces, 1):
            row = [face.box.left, face.box.top, face.box.width, face.box.height, _outcome(face)]
            scores = [f"{face.scores[label]:.4f}" if face.scores else "" for label in labels]
            table.writerow(
                [picture, number, face.emotion or "", f"{face.confidence:.4f}", *row, *scores]
            )

    return print_csv


def _print_text(picture: str, faces: "Sequence[Face]") -> None:
    if not faces:
        print(f"{picture}: no face")
    for face in faces:
        box = f"{face.box.width}x{face.box.height} px at ({face.box.left}, {face.box.top})"
        emotion = f"{face.emotion} {face.confidence:.2f}" if face.emotion else "not read"
        reason = f": {face.outcome.value}" if face.outcome else ""
        print(f"{picture}: {emotion}, face of {box}{reason}")


def _print_json(picture: str, faces: "Sequence[Face]") -> None:
    rows = [
        {
            "emotion": face.emotion,
            "confidence": round(face.confidence, 4),
            "scores": _rounded(face.scores),
            "box": dataclasses.asdict(face.box),
            "outcome": _outcome(face) or None,
            "landmarks": None if face.landmarks is None else face.landmarks.tolist(),
            "quality": _rounded(dataclasses.asdict(face.quality)) if face.quality else None,
        }
        for face in faces
    ]
    print(json.dumps({"picture": picture, "faces": rows}, ensure_ascii=False))


def _rounded(numbers: "Mapping[str, float]") -> dict[str, float]:
    return {name: round(number, 4) for name, number in numbers.items()}


def _outcome(face: "Face") -> str:
    return face.outcome.name.lower() if face.outcome else ""
