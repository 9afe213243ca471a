"""What `edge-fer bench` prints for people, on 80 columns."""

from collections.abc import Iterator
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

WALL = ("p50_ms", "p95_ms", "p99_ms", "mean_ms")
CPU = tuple(f"cpu_{name}" for name in WALL)
HEADINGS = ("p50", "p95", "p99", "mean")

Row = tuple[str, str]
"""What it is, and what it came to."""


def print_bench(figures: dict[str, Any]) -> None:
    """All that was measured."""
    console = Console(highlight=False)
    width, height = figures["frame_size"]
    console.print(_grid(_device(figures["device"])))
    console.print(
        _grid(
            [
                ("model", f"{figures['model']} at {figures['size']} px"),
                ("camera", f"{figures['source']}, {width}x{height}, {figures['frames']} frames"),
            ]
        )
    )
    console.print(_stages(figures["stages"]))
    console.print(_grid(_process(figures)))
    console.print(_grid(_comparisons(figures)))
    console.print(_grid(_steadiness(figures)))


def print_diff(difference: dict[str, Any]) -> None:
    """Ratios of the new result to the old one."""
    console = Console(highlight=False)
    console.print("new / old; below 1 is less")
    table = _table()
    for name, row in difference["stages"].items():
        table.add_row(name, *(_ratio(row.get(key)) for key in (*WALL, *CPU)))
    console.print(table)
    console.print(_grid((name, _ratio(value)) for name, value in difference["figures"].items()))
    console.print(_grid(("note", note) for note in difference["notes"]))


def _table(unit: str | None = None) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column("stage" if unit is None else f"stage, {unit}")
    for heading in (f"wall {HEADINGS[0]}", *HEADINGS[1:], f"CPU {HEADINGS[0]}", *HEADINGS[1:]):
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _stages(stages: dict[str, dict[str, float]]) -> Table:
    table = _table("ms")
    for name, row in stages.items():
        style = "bold" if name == "frame" else ""
        table.add_row(name, *(_ms(row[key]) for key in (*WALL, *CPU)), style=style)
    return table


def _grid(rows: "Iterator[Row] | list[Row]") -> Table:
    """Names left, texts right, wrapped to what the terminal has."""
    table = Table.grid(padding=(0, 2))
    table.add_column(min_width=16, no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in rows:
        table.add_row(name, escape(text))
    return table


def _device(device: dict[str, Any]) -> Iterator[Row]:
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


def _process(figures: dict[str, Any]) -> Iterator[Row]:
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
                f"{pace['cpu_s_per_min']:.2f} CPU-seconds a minute of video, "
                f"{pace['pipeline_cpu_s_per_min']:.2f} of them the pipeline's"
            ),
        )
    yield "memory", f"{figures['rss_mb']} MB resident, {figures['peak_mb']} MB at most"
    event = figures["first_event"]
    if event is None:
        yield "first event", "none was made"
    else:
        began = event["from_start_s"]
        start = "" if began is None else f"{began:.2f} s after the start, "
        yield "first event", f"{start}{event['from_first_frame_s']:.2f} s after the first frame"
    yield "frame to receipt", _ack(figures)


def _ack(figures: dict[str, Any]) -> str:
    ack = figures["ack"]
    if ack is None:
        return f"not measured: {figures['ack_missing']}"
    lost = f", {ack['unacknowledged']} without a receipt" if ack["unacknowledged"] else ""
    if ack["p50_ms"] is None:
        return f"{ack['broker']} gave no receipt"
    return (
        f"p50 {ack['p50_ms']} ms, p95 {ack['p95_ms']} ms over {ack['messages']} events, "
        f"{ack['broker']}{lost}"
    )


def _comparisons(figures: dict[str, Any]) -> Iterator[Row]:
    if figures["precision"]:
        yield "int8 or fp32", figures["precision"]["advice"]
    for row in figures.get("compare", ()):
        parts = [
            f"{name} {_ratio(row[f'{name}_ratio'])}{_bounds(row[f'{name}_interval_95'])}"
            for name in ("classify", "frame")
        ]
        yield "compared", f"{row['model']} at {row['size']} px takes, in CPU, {', '.join(parts)}"
    if "against" in figures:
        row = figures["against"]
        yield (
            "against naive",
            (
                f"CPU {_ratio(row['mean_cpu_ratio'])}{_bounds(row['mean_cpu_interval_95'])}, "
                f"its p95 {_ratio(row['p95_ratio'])}, coverage {_ratio(row['coverage'])}, "
                f"agreement {_ratio(row['agreement'])}"
            ),
        )


def _steadiness(figures: dict[str, Any]) -> Iterator[Row]:
    before, after = (figures["conditions"][name] for name in ("before", "after"))
    if before["load"] is not None:
        yield "load average", f"{before['load']} ahead of the run, {after['load']} at its end"
    for name, now in after["celsius"].items():
        yield "temperature", f"{name}: {before['celsius'].get(name, '?')} °C, then {now} °C"
    if after["throttled"] is not None:
        yield "throttled", f"{before['throttled']:#x} ahead of the run, {after['throttled']:#x}"
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
