"""What two sides have in common: their events, and their steps one by one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_fer.config.settings import Smoothing
from tests.integration.arm64.side import Event, Played

TOLERANCE = round((Smoothing().enter - Smoothing().leave) / 2, 6)
"""Largest difference of an event's score. Half of what lies between taking a label and giving it
up, so that rounding alone does not do both."""

STEPS = {
    "frame": ("decoded: grey levels", 0),
    "enlarged": ("enlarged: grey levels", 2),
    "box": ("box: px", 0),
    "landmarks": ("landmarks: px", 0),
    "chip": ("chip: grey levels", 1),
}
"""Name in steps.py to the column and the largest difference. Boxes and landmarks are whole px that
something is or is not; a warp rounds a grey level once, a resize by rows and by columns."""

SCORES, LEAST = "scores of a chip", "one step of INT8 in them"

Row = dict[str, Any]
Values = Mapping[str, NDArray[Any]]


def compare(x86: Played, arm: Played) -> Row:
    """How far the two daemons' events are apart."""
    said = [_said(event) for event in x86.events]
    pairs = list(zip(x86.events, arm.events, strict=False))
    apart = {
        part: max((abs(a[part][k] - b[part][k]) for a, b in pairs for k in a[part]), default=0)
        for part in ("scores", "box")
    }
    return {
        "versions on both": arm.versions if arm.versions == x86.versions else "",
        "x86": x86.system,
        "arm64": arm.system,
        "events": len(said),
        "same phases and labels": "yes" if said and said == list(map(_said, arm.events)) else "no",
        "largest score difference": round(apart["scores"], 4),
        "largest box difference, px": apart["box"],
    }


def compare_steps(x86: Values, arm: Values) -> Row:
    """How far each step's results are apart, where arm64 was given x86's of the step before."""
    logits = np.unique(np.concatenate([v for k, v in x86.items() if k.endswith(" logits")]))
    steps = np.diff(logits)
    return {
        **{column: _plain(_apart(x86, arm, name)) for name, (column, _) in STEPS.items()},
        SCORES: round(_apart(x86, arm, "scores"), 4),
        # Of softmax: where one logit rises and another falls by a step, a score moves by half.
        LEAST: round(float(steps[steps > 1e-4].min()) / 2, 4),
    }


def holds(row: Row) -> bool:
    """Both agree, step by step and as a whole."""
    if row[SCORES] > row[LEAST] or any(row[column] > most for column, most in STEPS.values()):
        return False
    alike = row["largest score difference"] <= TOLERANCE
    return bool(alike and row["versions on both"] and row["same phases and labels"] == "yes")


def _apart(x86: Values, arm: Values, name: str) -> float:
    """The largest difference of a step; infinite where one side found what the other did not."""
    names = [key for key in x86 if key.endswith(f" {name}")]
    if not names or any(x86[k].shape != arm[k].shape for k in names):
        return math.inf
    return max(float(np.abs(x86[k].astype(float) - arm[k]).max(initial=0)) for k in names)


def _plain(value: float) -> float:
    return int(value) if value.is_integer() else value


def _said(event: Event) -> tuple[str, str, str | None]:
    return event["phase"], event["emotion"], event["previous"]
