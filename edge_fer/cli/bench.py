"""`edge-fer bench`: what the daemon costs on this device."""

import argparse
from pathlib import Path
from typing import Any

from edge_fer.cli.common import (
    add_camera,
    add_json,
    add_model,
    print_json,
    read_settings,
    whole,
)

HELP = "measure latency, load and memory on this device"
DESCRIPTION = (
    "Run the daemon's own pipeline on a file or a live camera, at the camera's pace and at full "
    "speed, and print what each stage takes, what the process uses, and whether the machine was "
    "steady meanwhile. Quote ratios from one run, not single times; docs/guides/bench.md says how."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what only this command has."""
    add_camera(parser)
    add_model(parser)
    parser.add_argument(
        "--frames",
        type=whole(1),
        default=300,
        metavar="N",
        help="how many are counted, after a warm-up; default 300",
    )
    parser.add_argument(
        "--broker",
        default="",
        metavar="URL",
        help="measure the way to this broker's receipt; else to the first of mqtt.brokers that "
        "answers. Events go to a topic of their own, <prefix>-bench",
    )
    parser.add_argument(
        "--compare",
        nargs="+",
        default=[],
        metavar="MODEL",
        help="also with these models, in turn on the same frames",
    )
    parser.add_argument(
        "--against", choices=("naive",), help="also against what most programs do, in turn"
    )
    parser.add_argument(
        "--strict", action="store_true", help="exit with 75 where the machine was not steady"
    )
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the figures: .png or .svg")
    parser.add_argument("--save", type=Path, metavar="FILE", help="keep the figures as JSON")
    parser.add_argument(
        "--diff",
        type=Path,
        nargs=2,
        metavar=("OLD", "NEW"),
        help="measure nothing, compare two kept results",
    )
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Measure and print.

    Raises:
        EdgeFerError: a setting, the model, the camera or a file is at fault, or the machine
            was not steady and ``--strict`` was given.
    """
    from edge_fer.errors import UnsteadyError

    if arguments.diff:
        return _diff(*arguments.diff, as_json=arguments.json)
    figures = _measure(arguments)
    if arguments.json:
        print_json(figures)
    else:
        from edge_fer.cli.bench_tables import print_bench

        print_bench(figures)
    if arguments.save:
        from edge_fer.bench.results_file import save

        save(figures, arguments.save)
    if arguments.plot:
        from edge_fer.demo.plot import draw_bench

        draw_bench(figures, arguments.plot)
    if arguments.strict and figures["unsteady"]:
        raise UnsteadyError(f"not steady: {'; '.join(figures['unsteady'])}")
    return 0


def _measure(arguments: argparse.Namespace) -> dict[str, Any]:
    from edge_fer.bench.measure import Wish, bench
    from edge_fer.cameras import open_camera
    from edge_fer.config.load import require_acknowledged

    settings = read_settings(arguments)
    if open_camera(settings.camera).live:
        require_acknowledged(settings)
    if arguments.plot:
        from edge_fer.demo.plot import require_drawable

        require_drawable(arguments.plot)
    wish = Wish(
        frames=arguments.frames,
        broker=arguments.broker,
        models=arguments.compare,
        naive=arguments.against == "naive",
    )
    return bench(settings, wish)


def _diff(old: Path, new: Path, *, as_json: bool) -> int:
    from edge_fer.bench.results_file import compare, read

    difference = compare(read(old), read(new))
    if as_json:
        print_json(difference)
    else:
        from edge_fer.cli.bench_tables import print_diff

        print_diff(difference)
    return 0
