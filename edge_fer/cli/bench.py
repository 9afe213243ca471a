"""`edge-fer bench`: how long each stage takes on this device."""

import argparse
from typing import TYPE_CHECKING, Any

from edge_fer.cli.common import add_camera, add_json, add_model, print_json, read_settings

if TYPE_CHECKING:
    from edge_fer.settings import Settings

HELP = "measure latency on this device"
DESCRIPTION = (
    "Run the daemon's own pipeline on a file or a live camera, without a broker, "
    "and print how long each stage takes. Quote ratios from one run, not single times. Where "
    "the model is there in int8 and in fp32, it ends with which of the two to take here."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what only this command has."""
    add_camera(parser)
    add_model(parser)
    parser.add_argument("--frames", type=int, default=300, metavar="N")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Measure and print.

    Raises:
        EdgeFerError: a setting, the model or the camera is at fault.
    """
    from edge_fer.cameras import open_camera
    from edge_fer.daemon.build import build_classifier, build_pipeline
    from edge_fer.daemon.config import require_acknowledged
    from edge_fer.measure.bench import bench
    from edge_fer.measure.speed import compare_precision

    settings: Settings = read_settings(arguments)
    camera = open_camera(settings.camera)
    if camera.live:
        require_acknowledged(settings)
    classifier = build_classifier(settings)
    figures = bench(
        build_pipeline(settings, classifier), camera,
        frames=max(1, arguments.frames), model=classifier.card.name, size=classifier.size,
    )  # fmt: skip
    figures["precision"] = compare_precision(classifier, threads=settings.model.threads)
    if arguments.json:
        print_json(figures)
    else:
        _print_table(figures)
    return 0


def _print_table(figures: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    device = figures["device"]
    model = f"{figures['model']} at {figures['size']} px"
    table = Table(title=f"{model} on {device['cpu']} ({device['cores']} cores)")
    table.add_column("stage")
    for name in ("p50", "p95", "p99"):
        table.add_column(f"{name} ms", justify="right")
    for name, row in figures["stages"].items():
        numbers = (f"{row[f'{key}_ms']:.2f}" for key in ("p50", "p95", "p99"))
        table.add_row(name, *numbers, style="bold" if name == "frame" else "")
    console = Console()
    console.print(table)
    console.print(
        f"{figures['frames']} frames, {figures['fps']} frames/s, {figures['rss_mb']} MB resident"
    )
    if figures["precision"]:
        console.print(figures["precision"]["advice"], soft_wrap=True, markup=False)
