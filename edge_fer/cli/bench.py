"""`edge-fer bench`: latency, load and memory of the daemon on this device."""

import argparse
from collections.abc import Callable, Iterator
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
    "speed, and print the time of each stage, what the process uses, and whether the machine was "
    "steady. Quote ratios from one run, not single times; see docs/guides/bench.md."
)
EXAMPLES = """\
examples:
  edge-fer bench --camera file:clip.mp4
  edge-fer bench --camera file:clip.mp4 --compare xception --against naive
  edge-fer bench --camera file:clip.mp4 --save old.json   (change something, save new.json)
  edge-fer bench --diff old.json new.json
"""

WALL = ("p50_ms", "p95_ms", "p99_ms", "mean_ms")
CPU = tuple(f"cpu_{name}" for name in WALL)
HEADINGS = ("wall p50", "p95", "p99", "mean", "CPU p50", "p95", "p99", "mean")

Pair = tuple[str, str]
"""Name and text."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    add_camera(parser)
    add_model(parser)
    parser.add_argument(
        "--frames",
        type=whole(1),
        default=300,
        metavar="N",
        help="number of frames counted after a warm-up; default 300",
    )
    parser.add_argument(
        "--broker",
        default="",
        metavar="URL",
        help="measure the latency up to this broker's acknowledgement; default: the first of "
        "mqtt.brokers that answers. Events go to a topic of their own, <prefix>-bench",
    )
    _add_comparisons(parser)
    parser.add_argument(
        "--strict", action="store_true", help="exit with 75 if the machine was not steady"
    )
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the figures: .png or .svg")
    parser.add_argument("--save", type=Path, metavar="FILE", help="save the figures as JSON")
    add_json(parser)


def _add_comparisons(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--compare",
        nargs="+",
        default=[],
        metavar="MODEL",
        help="compare with these models, alternating on the same frames",
    )
    parser.add_argument(
        "--against",
        choices=("naive",),
        help="compare with a detector on every whole frame, as most programs do",
    )
    parser.add_argument(
        "--diff",
        type=Path,
        nargs=2,
        metavar=("OLD", "NEW"),
        help="compare two saved results, and measure nothing",
    )


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
        _print_bench(figures)
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
    from edge_fer.bench.measure import BenchOptions, bench
    from edge_fer.cameras import open_camera
    from edge_fer.config.load import require_acknowledged

    settings = read_settings(arguments)
    if open_camera(settings.camera).live:
        require_acknowledged(settings)
    if arguments.plot:
        from edge_fer.demo.plot import require_drawable

        require_drawable(arguments.plot)
    options = BenchOptions(
        frames=arguments.frames,
        broker=arguments.broker,
        models=arguments.compare,
        naive=arguments.against == "naive",
    )
    return bench(settings, options)


def _diff(old: Path, new: Path, *, as_json: bool) -> int:
    from edge_fer.bench.results_file import compare, read

    difference = compare(read(old), read(new))
    if as_json:
        print_json(difference)
    else:
        _print_diff(difference)
    return 0


def _print_bench(figures: dict[str, Any]) -> None:
    from edge_fer.cli.tables import make_console, print_pairs

    console = make_console()
    width, height = figures["frame_size"]
    what = [
        ("model", f"{figures['model']} at {figures['size']} px"),
        ("camera", f"{figures['source']}, {width}x{height}, {figures['frames']} frames"),
    ]
    print_pairs([*_device(figures["device"]), *what], console)
    _print_stages("stage, ms", figures["stages"], _ms)
    results = [*_process(figures), *_comparisons(figures), *_steadiness(figures)]
    print_pairs(results, console)


def _print_diff(difference: dict[str, Any]) -> None:
    from edge_fer.cli.tables import make_console, print_pairs

    console = make_console()
    console.print("new / old; below 1 is less")
    _print_stages("stage", difference["stages"], _ratio)
    figures = [(name, _ratio(value)) for name, value in difference["figures"].items()]
    print_pairs([*figures, *(("note", note) for note in difference["notes"])], console)


def _print_stages(
    heading: str, stages: dict[str, dict[str, Any]], show: Callable[[Any], str]
) -> None:
    """Print a row per stage; the whole frame in bold."""
    from rich.text import Text

    from edge_fer.cli.tables import Column, make_console, print_table

    console = make_console()
    console.print()
    print_table(
        [Column(heading), *(Column(name, right=True) for name in HEADINGS)],
        [
            [
                Text(cell, style="bold" if name == "frame" else "")
                for cell in (name, *(show(row.get(key)) for key in (*WALL, *CPU)))
            ]
            for name, row in stages.items()
        ],
        console,
    )
    console.print()


def _device(device: dict[str, Any]) -> Iterator[Pair]:
    core = device["core"] if device["core"] and device["core"] != device["cpu"] else ""
    parts = [f"{device['cores']} cores {core}".strip(), device["machine"], *device["features"]]
    yield "device", f"{device['cpu']}: {' '.join(parts)}"
    mode = [
        f"{name.replace('_', ' ')} {device[name]}"
        for name in ("governor", "power_mode")
        if device[name]
    ]
    if mode:
        yield "", ", ".join(mode)
    names = ("python", "onnxruntime", "opencv", "dlib")
    yield "", ", ".join(f"{name} {device[name]}" for name in names if device[name])


def _process(figures: dict[str, Any]) -> Iterator[Pair]:
    yield "at full speed", f"{figures['fps']} frames/s"
    pace = figures["pace"]
    if pace is None:
        yield "at camera's pace", "not measured: a picture has no pace"
    else:
        keeps = "keeps up" if pace["keeps_up"] else "does not keep up"
        yield (
            "at camera's pace",
            (
                f"{pace['fps']} of {pace['source_fps']} frames/s: {keeps}, "
                f"{100 * pace['core_share']:.1f} % of one core"
            ),
        )
        yield (
            "",
            (
                f"{pace['cpu_s_per_min']:.2f} CPU-seconds per minute of video, "
                f"{pace['pipeline_cpu_s_per_min']:.2f} of them the pipeline's"
            ),
        )
    yield "memory", f"{figures['rss_mb']} MB resident, {figures['peak_mb']} MB at most"
    event = figures["first_event"]
    if event is None:
        yield "first event", "none"
    else:
        began = event["from_start_s"]
        start = "" if began is None else f"{began:.2f} s after the start, "
        yield "first event", f"{start}{event['from_first_frame_s']:.2f} s after the first frame"
    yield "frame to broker", _ack(figures)


def _ack(figures: dict[str, Any]) -> str:
    ack = figures["ack"]
    if ack is None:
        return f"not measured: {figures['ack_missing']}"
    lost = f", {ack['unacknowledged']} not acknowledged" if ack["unacknowledged"] else ""
    if ack["p50_ms"] is None:
        return f"{ack['broker']} acknowledged nothing"
    return (
        f"p50 {ack['p50_ms']} ms, p95 {ack['p95_ms']} ms over {ack['messages']} events, "
        f"{ack['broker']}{lost}"
    )


def _comparisons(figures: dict[str, Any]) -> Iterator[Pair]:
    if figures["precision"]:
        yield "int8 or fp32", figures["precision"]["advice"]
    for row in figures.get("compare", ()):
        parts = [
            f"{name} {_ratio(row[f'{name}_ratio'])}{_bounds(row[f'{name}_interval_95'])}"
            for name in ("classify", "frame")
        ]
        yield "compared", f"CPU of {row['model']} at {row['size']} px: {', '.join(parts)}"
    if "against" in figures:
        row = figures["against"]
        yield (
            "against naive",
            (
                f"CPU {_ratio(row['mean_cpu_ratio'])}{_bounds(row['mean_cpu_interval_95'])}, "
                f"p95 {_ratio(row['p95_ratio'])}, coverage {_ratio(row['coverage'])}, "
                f"agreement {_ratio(row['agreement'])}"
            ),
        )


def _steadiness(figures: dict[str, Any]) -> Iterator[Pair]:
    before, after = (figures["conditions"][name] for name in ("before", "after"))
    if before["load"] is not None:
        yield "load average", f"{before['load']} before the run, {after['load']} after it"
    for name, now in after["celsius"].items():
        yield "temperature", f"{name}: {before['celsius'].get(name, '?')} °C, then {now} °C"
    if after["throttled"] is not None:
        yield (
            "throttled",
            f"{before['throttled']:#x} before the run, {after['throttled']:#x} after it",
        )
    if not figures["unsteady"]:
        yield "steady", "yes"
    for number, reason in enumerate(figures["unsteady"]):
        yield "" if number else "UNSTEADY", reason


def _ms(value: float) -> str:
    return f"{value:.2f}" if value < 100 else f"{value:.0f}"


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _bounds(interval: list[float] | tuple[float, float] | None) -> str:
    return "" if interval is None else f" ({interval[0]:.2f}-{interval[1]:.2f})"
