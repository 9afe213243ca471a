"""The figures on clips of people who talk: cost, coverage, agreement and false boxes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edge_fer.bench.naive import Comparison, Run, play, pool
from edge_fer.cameras import Camera, open_camera
from edge_fer.config.settings import Camera as CameraSettings
from edge_fer.types import Report
from research.annotations import Fit, fit, read_truth, total
from research.results.figures import Figure
from research.results.media import BOXES, CARPHONE, NEGATIVE, TALKING, TURNING, clip, find
from research.results.sides import naive, ours

SMALL = {CARPHONE: ("vision.min_face_px=40",)}
"""Settings that a clip needs: its frames have 176x144 px, its face about 50."""


def talking() -> dict[str, Figure]:
    """Ours and naive on the same frames, and both against boxes marked by hand."""
    runs = {name: _play(name) for name in (*TALKING, CARPHONE)}
    whole = pool(list(runs.values()))
    rows = tuple(_row(name, [run]) for name, run in runs.items())
    rows += (_row("all", list(runs.values())),)
    smaller = "; ".join(f"{name} with {' '.join(options)}" for name, options in SMALL.items())
    place = f"{', '.join(runs)}, {whole.frames} frames, the first ones too; {smaller}"
    return {
        "mean-cpu": Figure(
            _known(whole.mean_cpu_ratio),
            f"{place}; 95 % interval of the mean's ratio {_interval(whole)}.",
            rows,
        ),
        "p95-cpu": Figure(
            _known(whole.p95_ratio),
            "95th percentile of the frames' CPU, of the same run; single clips in the table above.",
        ),
        "coverage": Figure(
            _known(whole.coverage),
            f"Of the {whole.naive_boxes} faces that naive "
            f"found in the same run, {whole.covered} have a track of edge-fer there. "
            "Faces marked by hand are below.",
        ),
        "agreement": _agreement(whole),
        **_false_boxes(runs),
    }


def _play(name: str) -> Run:
    options = SMALL.get(name, ())
    return play(ours(*options), naive(*options), _camera(name))


def _camera(name: str) -> Camera:
    return open_camera(CameraSettings(source=f"file:{find(name)}"))


def _row(name: str, runs: list[Run]) -> dict[str, Any]:
    found = pool(runs)
    return {
        "clip": name,
        "frames": found.frames,
        "mean CPU, ours / naive": found.mean_cpu_ratio,
        "p95": found.p95_ratio,
        "naive's faces": found.naive_boxes,
        "covered": found.covered,
        "compared": found.compared,
        "same emotion": found.same,
    }


def _agreement(whole: Comparison) -> Figure:
    emotions = sorted({label for said in whole.labels.values() for label in said} | {*whole.labels})
    rows = tuple(
        {"naive says": label, **{f"ours: {other}": said.get(other, 0) for other in emotions}}
        for label, said in sorted(whole.labels.items())
    )
    note = (
        f"Published emotion, abstention included, {whole.same} of {whole.compared} frames the "
        "same; from one second of both tracks on."
    )
    return Figure(_known(whole.agreement), note, rows)


def _false_boxes(runs: Mapping[str, Run]) -> dict[str, Figure]:
    fits: dict[str, tuple[Fit, Fit | None]] = {
        name: (_fit(name, run, 0), _fit(name, run, 1)) for name, run in runs.items()
    }
    for name in (*TURNING, NEGATIVE):
        pipeline = ours()
        fits[name] = (_fitted(name, [pipeline.process(frame) for frame in clip(name)]), None)
    whole = total([pair[0] for pair in fits.values()])
    rows = tuple(_fit_row(name, *pair) for name, pair in fits.items())
    note = (
        f"{whole.false} of {whole.boxes} boxes of edge-fer with a track lie on no face marked by "
        "hand (IoU below 0.3), in all clips of the table together; boxes and faces are counted "
        "again in each frame. Marked are all faces, also those turned away or covered by a hand."
    )
    negative, frames = fits[NEGATIVE][0], read_truth(BOXES / f"{NEGATIVE}.json").frames
    return {
        "false-boxes": Figure(round(whole.false / max(1, whole.boxes), 4), note, rows),
        "negative-boxes": Figure(
            negative.false,
            f"{NEGATIVE}, {frames:,} frames; {negative.faces} "
            f"small faces are in it, {negative.found} of them found.",
        ),
    }


def _fit(name: str, run: Run, side: int) -> Fit:
    return _fitted(name, [pair[side] for pair in run.reports])


def _fitted(name: str, reports: list[Report]) -> Fit:
    return fit(reports, read_truth(BOXES / f"{name}.json"))


def _fit_row(name: str, own: Fit, other: Fit | None) -> dict[str, Any]:
    return {
        "clip": name,
        "boxes": own.boxes,
        "false": own.false,
        "marked faces": own.faces,
        "found": own.found,
        "naive's boxes": other.boxes if other else "-",
        "naive's false": other.false if other else "-",
        "found by naive": other.found if other else "-",
    }


def _interval(whole: Comparison) -> str:
    low, high = whole.mean_cpu_interval_95 or (0.0, 0.0)
    return f"{low:.3f}-{high:.3f}"


def _known(value: float | None) -> float:
    assert value is not None, "the clips have faces"
    return value
