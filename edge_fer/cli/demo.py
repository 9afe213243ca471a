"""`edge-fer demo`: a private broker, the real daemon on a clip, a real client, and a picture."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_fer.cli.common import add_camera, add_max_frames, read_settings

if TYPE_CHECKING:
    from rich.console import Console


COLOURS = {
    "angry": "red", "disgust": "green", "fear": "magenta", "happy": "yellow", "sad": "blue",
    "surprise": "cyan", "neutral": "white", "contempt": "bright_black", "uncertain": "dim white",
}  # fmt: skip

HELP = "show the whole chain once, from camera to subscriber"
DESCRIPTION = (
    "Start a private mosquitto on a free port and the daemon on a camera, "
    "subscribe, print the events as they arrive and leave a picture of a file's run."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what only this command has."""
    add_camera(parser)
    add_max_frames(parser)
    parser.add_argument(
        "--picture", type=Path, metavar="PNG", help="of the run: scores over time, boxes"
    )


def run(arguments: argparse.Namespace) -> int:
    """Show everything once.

    Raises:
        EdgeFerError: a setting or the camera is at fault, or mosquitto is not installed.
    """
    from rich.console import Console

    from edge_fer.cameras import open_camera, without_password
    from edge_fer.daemon.config import require_acknowledged
    from edge_fer.measure.demo import PrivateBroker, run_daemon

    settings = read_settings(arguments)
    require_acknowledged(settings)
    console = Console()
    options = [f"--set={value}" for value in arguments.set]
    if arguments.config:
        options += ["--config", str(arguments.config)]
    if arguments.camera:
        options += ["--camera", arguments.camera]
    if arguments.max_frames is not None:
        options += ["--max-frames", str(arguments.max_frames)]
    with PrivateBroker() as broker:
        source = without_password(settings.camera.source)
        console.print(f"broker [bold]{broker.url}[/], camera [bold]{source}[/]")
        code, events = run_daemon(broker.url, options, lambda event: _show(console, event))
    console.print(f"{len(events)} events, daemon's exit code {code}")
    live = open_camera(settings.camera).live
    if code == 0 and arguments.picture and not live:
        from edge_fer.measure.picture import draw_run

        draw_run(settings, arguments.picture, max_frames=arguments.max_frames)
        console.print(f"picture of the run: [bold]{arguments.picture}[/]")
    return code


def _show(console: "Console", event: dict[str, Any]) -> None:
    colour = COLOURS.get(event["emotion"], "white")
    bar = "█" * round(12 * event["confidence"])
    before = f" (was {event['previous']})" if event["phase"] == "change" else ""
    console.print(
        f"{event['time'][11:23]}  track {event['track']}  {event['phase']:6}  "
        f"[{colour}]{event['emotion']:9} {bar:12}[/] {event['confidence']:.2f}{before}",
        soft_wrap=True,
    )
