"""`edge-fer run`: run the daemon."""

import argparse

from edge_fer.cli.common import add_camera, add_max_frames, read_settings

HELP = "watch a camera and publish emotion events"
DESCRIPTION = (
    "Watch a camera and publish emotion events until SIGTERM or Ctrl-C. With a file as camera the "
    "command ends with the file, with exit code 0."
)
EXAMPLES = """\
examples:
  edge-fer run
  edge-fer run --camera v4l2:/dev/video0 --set privacy.acknowledge_use=home
  edge-fer run -c porch.toml --set log.level=debug
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    add_camera(parser)
    parser.add_argument(
        "--mqtt",
        action="append",
        metavar="URL",
        help="sets mqtt.brokers: mqtt://[user@]host[:port]; may be repeated",
    )
    add_max_frames(parser)


def run(arguments: argparse.Namespace) -> int:
    """Build the service and run it until its end.

    Raises:
        EdgeFerError: a setting or the model is invalid, the camera fails, or events could not be
            delivered.
    """
    from edge_fer.cli import set_up_logging
    from edge_fer.config.load import device_name, require_acknowledged
    from edge_fer.daemon.build import build_service
    from edge_fer.daemon.control import ServiceControl, pause_file, signals

    settings = read_settings(arguments)
    require_acknowledged(settings)
    names = {"EDGE_FER_DEVICE": device_name(settings), "EDGE_FER_CAMERA": settings.camera.name}
    set_up_logging(settings.log.level, names)
    control = ServiceControl(pause_file(settings))
    with signals(control):
        build_service(
            settings,
            control,
            max_frames=arguments.max_frames,
            reread=lambda: read_settings(arguments),
        ).run()
    return 0
