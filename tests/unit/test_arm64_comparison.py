"""When the arm64 package counts as saying what x86 says."""

import math

import numpy as np
import pytest

from tests.integration.arm64.compare import (
    LEAST,
    SCORES,
    STEPS,
    TOLERANCE,
    compare,
    compare_steps,
    holds,
)
from tests.integration.arm64.side import Played

EVENT = {
    "phase": "begin",
    "emotion": "happy",
    "previous": None,
    "scores": {"happy": 0.5},
    "box": {"left": 10},
}

VALUES = {
    "0 frame": np.full((4, 4), 100, np.uint8),
    "0 enlarged": np.full((6, 6), 100, np.uint8),
    "0 box": np.array([[1, 2, 87, 87]]),
    "0 landmarks": np.full((68, 2), 7, np.float32),
    "0 chip": np.full((3, 3), 100, np.uint8),
    "0 logits": np.array([0.0, 0.06, 0.18]),
    "0 scores": np.array([0.2, 0.3, 0.5]),
}
"""Of one frame; a step of the logits is 0.06."""

ALIKE = compare_steps(VALUES, VALUES)


def side(versions="numpy 1", emotion="happy", score=0.5, events=1):
    event = {**EVENT, "emotion": emotion, "scores": {"happy": score}}
    return Played(versions, "a CPU", [event] * events)


@pytest.mark.parametrize(
    ("arm", "expected"),
    [
        (side(), True),
        (side(score=0.5 + 0.9 * TOLERANCE), True),
        (side(score=0.5 + 1.1 * TOLERANCE), False),
        (side(emotion="sad"), False),
        (side(versions="numpy 2"), False),
        (side(events=2), False),
        (side(events=0), False),
    ],
)
def test_arm64_agrees_by_the_same_libraries_and_labels_and_scores_nearby(arm, expected):
    assert expected == holds(compare(side(), arm) | ALIKE)


def test_two_sides_that_say_nothing_do_not_agree():
    assert not holds(compare(side(events=0), side(events=0)) | ALIKE)


@pytest.mark.parametrize(("name", "most"), [(name, most) for name, (_, most) in STEPS.items()])
def test_a_step_may_differ_by_its_roundings_and_no_more(name, most):
    for apart, expected in ((most, True), (most + 1, False)):
        arm = {**VALUES, f"0 {name}": VALUES[f"0 {name}"] + apart}
        row = compare(side(), side()) | compare_steps(VALUES, arm)
        assert (apart, expected) == (row[STEPS[name][0]], holds(row))


def test_a_chips_scores_may_differ_by_what_one_step_of_the_logits_does():
    assert ALIKE[LEAST] == 0.03
    for apart, expected in ((0.029, True), (0.031, False)):
        arm = {**VALUES, "0 scores": VALUES["0 scores"] + apart}
        row = compare(side(), side()) | compare_steps(VALUES, arm)
        assert (apart, expected) == (row[SCORES], holds(row))


def test_a_face_that_one_side_alone_finds_is_a_difference():
    row = compare_steps(VALUES, {**VALUES, "0 box": np.array([], int)})
    assert math.inf == row[STEPS["box"][0]]
    assert not holds(compare(side(), side()) | row)
