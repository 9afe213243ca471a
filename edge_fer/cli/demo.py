"""`edge-fer demo`: a private broker, the daemon on a clip, a subscriber, and a picture."""

import argparse
import contextlib
import sys
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_fer.cli.common import add_camera, add_max_frames, read_settings

if TYPE_CHECKING:
    from rich.console import Console


COLOURS = {
    "angry": "red",
    "disgust": "green",
    "fear": "magenta",
    "happy": "yellow",
    "sad": "blue",
    "surprise": "cyan",
    "neutral": "white",
    "contempt": "bright_black",
    "uncertain": "dim white",
}

HELP = "show the whole chain, from camera to subscriber"
DESCRIPTION = (
    "Start a private mosquitto on a free port and the daemon on a camera, subscribe, print the "
    "events as they arrive, and draw a picture of a file's run. With --view, a browser shows the "
    "events too."
)
EXAMPLES = """\
examples:
  edge-fer demo --camera file:clip.mp4 --set privacy.acknowledge_use=research
  edge-fer demo --camera file:clip.mp4 --picture run.png --set privacy.acknowledge_use=research
  edge-fer demo --camera v4l2:/dev/video0 --view --set privacy.acknowledge_use=home
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    add_camera(parser)
    add_max_frames(parser)
    parser.add_argument(
        "--picture", type=Path, metavar="PNG", help="draw the run: scores over time, and boxes"
    )
    parser.add_argument(
        "--view",
        nargs="?",
        const="",
        metavar="DIR",
        help="open the live web view in a browser; a file plays at its own pace",
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the demo.

    Raises:
        EdgeFerError: a setting or the camera cannot be used, or mosquitto is not installed.
    """
    from rich.console import Console

    from edge_fer.cameras import open_camera, without_password
    from edge_fer.config.load import require_acknowledged
    from edge_fer.demo.demo import PrivateBroker, run_daemon

    settings = read_settings(arguments)
    require_acknowledged(settings)
    console = Console()
    with PrivateBroker() as broker, _view(arguments.view, broker.websocket, console) as seen:
        source = without_password(settings.camera.source)
        console.print(f"broker [bold]{broker.url}[/], camera [bold]{source}[/]")
        options = [*_options(arguments), *(["--set=camera.pace=real"] if seen else [])]
        code, events = run_daemon(broker.url, options, lambda event: _show(console, event))
        if seen and sys.stdin.isatty():
            console.input("the web view stays until you press Enter ")
    console.print(f"{len(events)} events, daemon's exit code {code}")
    live = open_camera(settings.camera).live
    if code == 0 and arguments.picture and not live:
        from edge_fer.demo.plot import draw_run

        draw_run(settings, arguments.picture, max_frames=arguments.max_frames)
        console.print(f"picture of the run: [bold]{arguments.picture}[/]")
    return code


@contextlib.contextmanager
def _view(folder: str | None, websocket: str, console: "Console") -> Iterator[bool]:
    """Serve and open the web view if ``folder`` is given; yield True if it is open."""
    from edge_fer.demo.demo import ViewServer, view_folder

    if folder is None:
        yield False
        return
    with ViewServer(view_folder(folder)) as server:
        address = server.address(websocket)
        console.print(f"web view [bold]{address}[/]", soft_wrap=True)
        webbrowser.open(address)
        yield True


def _options(arguments: argparse.Namespace) -> list[str]:
    """Return the options that the daemon gets from the demo's."""
    options = [f"--set={value}" for value in arguments.set]
    if arguments.config:
        options += ["--config", str(arguments.config)]
    if arguments.camera:
        options += ["--camera", arguments.camera]
    if arguments.max_frames is not None:
        options += ["--max-frames", str(arguments.max_frames)]
    return options


def _show(console: "Console", event: dict[str, Any]) -> None:
    # At the end of a track there is no emotion, only the last one.
    emotion = event["emotion"] or event["previous"]
    colour = COLOURS.get(emotion, "white")
    bar = "█" * round(12 * event["confidence"])
    before = f" (was {event['previous']})" if event["phase"] == "change" else ""
    console.print(
        f"{event['time'][11:23]}  track {event['track']}  {event['phase']:6}  "
        f"[{colour}]{emotion:9} {bar:12}[/] {event['confidence']:.2f}{before}",
        soft_wrap=True,
    )
