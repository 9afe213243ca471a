"""Draw diagrams: a run over a file, with boxes as outlines and no pixels, and bench figures.

This is the only file of the package that imports matplotlib (extra ``demo``).
"""

import importlib.util
from collections import defaultdict
from pathlib import Path
from typing import Any

from edge_fer.build import build_classifier, build_pipeline
from edge_fer.cameras import open_camera
from edge_fer.config.settings import Settings
from edge_fer.errors import ConfigError, DataError
from edge_fer.types import Event, Phase, Report

COLOURS = {
    "angry": "#d62728",
    "disgust": "#2ca02c",
    "fear": "#9467bd",
    "happy": "#e6ab02",
    "sad": "#1f77b4",
    "surprise": "#17becf",
    "neutral": "#7f7f7f",
    "contempt": "#8c564b",
    "uncertain": "#dddddd",
}
OWN_COLOUR = "#e377c2"
"""Colour of a label outside the vocabulary."""

MISSING = "the picture needs matplotlib: pip install 'edge-fer[demo]'"

SUFFIXES = (".png", ".svg")
"""File formats of the diagrams."""


def draw_run(settings: Settings, path: Path, *, max_frames: int | None = None) -> int:
    """Run the pipeline over the file camera, write the picture, and return the number of frames.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    plt = _pyplot()
    reports, ends = _collect(settings, max_frames)
    figure, (scores, boxes) = plt.subplots(
        1, 2, figsize=(11, 3.6), width_ratios=(3, 1), layout="constrained"
    )
    _draw_scores(scores, reports, ends)
    _draw_boxes(boxes, reports)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return len(reports)


def require_drawable(path: Path) -> None:
    """Check before a long measurement that `draw_bench` can write ``path``.

    Raises:
        ConfigError: its suffix is not in `SUFFIXES`, or matplotlib is not installed.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise ConfigError(f"--plot {path}: must end in {' or '.join(SUFFIXES)}")
    # Not imported here, since its memory would count in the measurement.
    if importlib.util.find_spec("matplotlib") is None:
        raise ConfigError(MISSING)


def draw_bench(figures: dict[str, Any], path: Path) -> None:
    """Draw the bench's figures: stages as bars, and the time of each frame.

    Raises:
        ConfigError: see `require_drawable`.
        DataError: the file cannot be written.
    """
    require_drawable(path)
    plt = _pyplot()
    figure, (stages, frames) = plt.subplots(1, 2, figsize=(11, 3.6), layout="constrained")
    _draw_stages(stages, figures["stages"])
    for name, key in (("wall", "frame_ms"), ("CPU", "frame_cpu_ms")):
        frames.plot(figures[key], lw=0.8, label=name)
    frames.set(xlabel="frame", ylabel="ms", title="time of each frame at full speed")
    for axes in (stages, frames):
        axes.grid(alpha=0.25)
        axes.legend(fontsize=8, frameon=False)
    steady = "; machine not steady" if figures["unsteady"] else ""
    figure.suptitle(f"{figures['model']} on {figures['device']['cpu']}{steady}", fontsize=10)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=110)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DataError(f"{path}: cannot be written: {reason}") from error
    finally:
        plt.close(figure)


def _pyplot() -> Any:
    try:
        import matplotlib as mpl
    except ImportError as error:
        raise ConfigError(MISSING) from error
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    return plt


def _draw_stages(axes: Any, stages: dict[str, dict[str, float]]) -> None:
    keys = ("p50_ms", "p95_ms", "cpu_p50_ms", "cpu_p95_ms")
    height = 0.8 / len(keys)
    for number, key in enumerate(keys):
        places = [place + (number - 1.5) * height for place in range(len(stages))]
        name = key.replace("cpu_", "CPU ").replace("_ms", "")
        axes.barh(places, [row[key] for row in stages.values()], height, label=name)
    axes.set_yticks(range(len(stages)), list(stages))
    axes.invert_yaxis()
    axes.set(xlabel="ms", title="stages at full speed")


def _collect(settings: Settings, max_frames: int | None) -> tuple[list[Report], list[Event]]:
    pipeline = build_pipeline(settings, build_classifier(settings))
    reports = []
    with open_camera(settings.camera) as camera:
        for frame in camera:
            reports.append(pipeline.process(frame))
            if len(reports) == max_frames:
                break
    return reports, pipeline.finish(reports[-1].stamp if reports else 0.0)


def _draw_scores(axes: Any, reports: list[Report], ends: list[Event]) -> None:
    lines: dict[tuple[str, str], tuple[list[float], list[float]]] = defaultdict(lambda: ([], []))
    for report in reports:
        for verdict in report.verdicts:
            for label, value in (verdict.smooth or {}).items():
                times, values = lines[verdict.track or "", label]
                times.append(report.time)
                values.append(value)
    for (_, label), (times, values) in lines.items():
        axes.plot(times, values, color=COLOURS.get(label, OWN_COLOUR), lw=1.6)
    events = [event for report in reports for event in report.events] + ends
    for event in events:
        style = ":" if event.phase is Phase.END else "--"
        axes.axvline(event.stamp, color=COLOURS.get(event.emotion, OWN_COLOUR), ls=style, lw=1)
        text = event.emotion if event.phase is not Phase.END else "end"
        axes.text(event.stamp, 1.01, text, rotation=35, fontsize=8, va="bottom")
    used = sorted({label for _, label in lines})
    for label in used:
        axes.plot([], [], color=COLOURS.get(label, OWN_COLOUR), label=label)
    axes.set(xlabel="seconds", ylabel="smoothed score", ylim=(0, 1))
    axes.grid(alpha=0.25)
    if used:
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8, frameon=False)


def _draw_boxes(axes: Any, reports: list[Report]) -> None:
    from matplotlib.patches import Rectangle

    for report in reports:
        for verdict in report.verdicts:
            box = verdict.box
            axes.add_patch(
                Rectangle(
                    (box.left, box.top),
                    box.width,
                    box.height,
                    fill=False,
                    alpha=0.35,
                    lw=0.8,
                    edgecolor=COLOURS.get(verdict.emotion or "uncertain", OWN_COLOUR),
                )
            )
    width, height = reports[-1].size if reports else (4, 3)
    axes.set(xlim=(0, width), ylim=(height, 0), title="boxes, coloured by emotion", aspect="equal")
    axes.tick_params(labelsize=7)
