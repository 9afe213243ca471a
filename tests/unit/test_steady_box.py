"""The published box: still on a still face, close behind a moving one, and that of the face."""

import numpy as np
import pytest

from edge_fer.testing import drawn_face
from edge_fer.types import Box
from edge_fer.vision.landmarks import SteadyBox, landmark_box

FPS = 15


def points(x: float, y: float, width: float):
    """The landmarks of a face whose box has this centre and width."""
    return (drawn_face() - 0.5) * width + np.array([x, y], np.float32)


def test_the_landmarks_of_a_face_give_its_box():
    assert pytest.approx([200, 150, 90], abs=1e-3) == landmark_box(points(200, 150, 90))


def test_a_tilted_head_has_a_box_of_the_same_size_around_the_same_middle():
    turn = np.deg2rad(30)
    spin = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    tilted = (drawn_face() - 0.5) @ spin * 90 + 200
    assert pytest.approx([200, 200, 90], abs=1.0) == landmark_box(tilted)


def test_the_first_box_is_that_of_the_landmarks():
    steady = SteadyBox()
    assert steady.box is None
    steady.update(Box(150, 100, 110, 110), points(200, 150, 90), 0.0)
    assert Box(155, 105, 90, 90) == steady.box


def test_a_jumping_detection_does_not_move_the_box_of_a_still_face():
    draw, steady = np.random.default_rng(0), SteadyBox()
    shown = []
    for number in range(30 * FPS):
        side = (75, 90, 108)[number % 3]
        jitter = draw.normal(0, 0.5, (68, 2)).astype(np.float32)
        steady.update(
            Box(200 - side // 2, 150 - side // 2, side, side),
            points(200, 150, 90) + jitter,
            number / FPS,
        )
        shown.append(steady.box)
    assert 0.5 > 100 * np.std([box.width for box in shown]) / 90
    assert 0.5 > 100 * np.std([box.left for box in shown]) / 90


@pytest.mark.parametrize("fps", [10, 15, 30])
def test_the_box_is_at_most_a_tenth_of_a_second_behind_a_moving_face(fps):
    steady, late = SteadyBox(), []
    for number in range(3 * fps):
        time = number / fps
        x = 100 + 100 * time
        steady.update(Box(round(x) - 45, 105, 90, 90), points(x, 150, 90), time)
        box = steady.box
        late.append((x - (box.left + box.width / 2)) / 100)
    assert 0.1 >= max(late)


def test_landmarks_far_from_the_face_are_not_its_box():
    steady = SteadyBox()
    steady.update(Box(100, 100, 90, 90), points(400, 300, 60), 0.0)
    assert Box(100, 100, 90, 90) == steady.box


def test_a_face_that_comes_closer_grows_the_box():
    steady = SteadyBox()
    for number in range(3 * FPS):
        side = 60 + 20 * number / FPS
        steady.update(Box(100, 100, round(side), round(side)), points(200, 200, side), number / FPS)
    assert pytest.approx(side, rel=0.06) == steady.box.width
