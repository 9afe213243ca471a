"""What each measure brings: the default pipeline with one thing changed, beside the default."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edge_fer.build import build_pipeline
from edge_fer.emotion.classify import Classifier
from edge_fer.types import Luma, Scores
from research.annotations import fit, read_truth, total
from research.results import crowd
from research.results.cost import Run, alike, in_turn, joined
from research.results.figures import Figure
from research.results.media import BOXES, TALKING, clip
from research.results.process import files
from research.results.sides import classifier, ours, settings

YUNET = "EDGE_FER_YUNET"
"""Variable that names YuNet's .onnx file, if there is one to try."""


def variants() -> dict[str, Figure]:
    """Each variant's mean CPU in terms of the default's, with what it finds."""
    sides = {"default": (), **_settings()}
    runs = {
        name: in_turn([ours(*options) for options in sides.values()], alike(clip(name), len(sides)))
        for name in TALKING
    }
    rows = [_row(name, number, runs) for number, name in enumerate(sides)]
    rows.append(_one_by_one())
    note = (
        f"Mean and p95 of a frame's CPU, the default being 1; {', '.join(TALKING)}, all sides in "
        "turn on the same frames. Found: of the faces marked by hand."
    )
    return {"variants": Figure(0.0, note, tuple(rows))}


def _settings() -> dict[str, Sequence[str]]:
    """Name to options."""
    found: dict[str, Sequence[str]] = {
        "a look in every frame": ["tracking.looks_per_s=240"],
        "no motion gate": [f"vision.still_s={settings().vision.scan_s}"],
        "faces from 40 px on": ["vision.min_face_px=40"],
        "faces from 80 px on": ["vision.min_face_px=80"],
    }
    for name, path in files().items():
        if name != "stock":
            found[f"landmarks: {name}"] = [f"vision.landmarks={path}"]
    yunet = Path(os.environ.get(YUNET, ""))
    if yunet.is_file():
        digest = hashlib.sha256(yunet.read_bytes()).hexdigest()
        found["detector: YuNet"] = [
            "vision.detector=yunet",
            f"vision.detector_model={yunet}",
            f"vision.detector_sha256={digest}",
        ]
    return found


class OneByOne(Classifier):
    """The same network, given one chip at a time."""

    def __init__(self, whole: Classifier) -> None:
        vars(self).update(vars(whole))

    def classify(self, chips: Sequence[Luma]) -> list[Scores]:
        """Scores of each chip."""
        return [super(OneByOne, self).classify([chip])[0] for chip in chips]


def _row(name: str, number: int, runs: dict[str, Run]) -> dict[str, Any]:
    fits = [
        fit(run.reports[number], read_truth(BOXES / f"{clip}.json")) for clip, run in runs.items()
    ]
    whole = total(fits)
    run = joined(list(runs.values()))
    return {
        "": name,
        "mean CPU": f"{run.mean_ratio(number):.2f}",
        "p95": f"{run.p95_ratio(number):.2f}",
        "marked faces found, %": f"{100 * whole.found / whole.faces:.1f}",
        "boxes": whole.boxes,
        "false": whole.false,
    }


def _one_by_one() -> dict[str, Any]:
    """Eight faces, each chip in a batch of its own."""
    single = build_pipeline(settings(), OneByOne(classifier()))
    run = in_turn([ours(), single], alike(crowd.eight(), 2))
    return {
        "": "eight faces, classified one by one",
        "mean CPU": f"{run.mean_ratio(1):.2f}",
        "p95": f"{run.p95_ratio(1):.2f}",
        "marked faces found, %": "-",
        "boxes": "-",
        "false": "-",
    }
