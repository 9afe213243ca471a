"""`edge-fer annotate`: a copy of your own file with the pipeline's results drawn in."""

import argparse
from pathlib import Path

from edge_fer.cli.common import add_model, read_settings

HELP = "draw boxes, landmarks, tracks and scores into a copy of a file"
DESCRIPTION = (
    "Run the pipeline on your own file and write a copy of it, in grey, with boxes, landmarks, "
    "tracks and scores drawn in. A live camera is refused."
)
EXAMPLES = """\
examples:
  edge-fer annotate clip.mp4 annotated.mp4
  edge-fer annotate portrait.jpg annotated.png --model xception
  edge-fer annotate clip.mp4 annotated.mp4 --set vision.min_face_px=40
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument("source", metavar="IN", help="a video, GIF or picture")
    parser.add_argument("target", type=Path, metavar="OUT", help=".mp4, .avi, .png or .jpg")
    add_model(parser)


def run(arguments: argparse.Namespace) -> int:
    """Play the file and write the copy.

    Raises:
        EdgeFerError: a setting, the model or one of the two files cannot be used.
    """
    from edge_fer.build import build_classifier, build_pipeline
    from edge_fer.cameras import open_camera
    from edge_fer.demo.annotate import annotate
    from edge_fer.errors import ConfigError

    arguments.camera = arguments.source
    settings = read_settings(arguments)
    camera = open_camera(settings.camera)
    same = not camera.live and arguments.target.exists()
    if same and arguments.target.samefile(settings.camera.source.removeprefix("file:")):
        raise ConfigError(f"{arguments.target}: is the source file; name another target")
    pipeline = build_pipeline(settings, build_classifier(settings))
    count = annotate(pipeline, camera, arguments.target)
    print(f"{arguments.target}: {count} frames")
    return 0
