"""Alignment: however a face is turned, moved or scaled in the frame, the chip stays."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_fer.emotion.card import Framing
from edge_fer.vision.landmarks import Aligner, five_points, similarity
from edge_fer.vision.pixels import resize_square, warp


def landmarks_of(five: np.ndarray) -> np.ndarray:
    points = np.zeros((68, 2), np.float32)
    points[36:42], points[42:48] = five[0], five[1]
    points[30], points[48], points[54] = five[2:]
    return points


def template(size: int) -> np.ndarray:
    return np.array(Framing().points) * size - 0.5


@given(st.floats(-180, 180), st.floats(0.1, 10), st.floats(-500, 500), st.floats(-500, 500))
def test_similarity_recovers_rotation_scale_and_shift(angle, scale, right, down):
    turn = np.deg2rad(angle)
    linear = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    source = template(48)
    target = source @ linear.T + [right, down]
    expected = np.column_stack([linear, [right, down]])
    assert np.allclose(expected, similarity(source, target), atol=1e-6 * max(scale, 1) * 1e3)


def test_similarity_of_one_point_does_not_fail():
    assert np.isfinite(similarity(np.zeros((5, 2)), template(48))).all()


@pytest.mark.parametrize("angle", [0, 15, -40])
@pytest.mark.parametrize("scale", [0.8, 1.5, 6.0])
def test_the_chip_is_the_same_for_a_turned_or_scaled_face(angle, scale):
    rng = np.random.RandomState(0)
    face = cv2.GaussianBlur(rng.randint(0, 256, (48, 48), np.uint8), (9, 9), 3)
    side = 700
    to_frame = cv2.getRotationMatrix2D((24, 24), angle, scale)
    to_frame[:, 2] += side / 2 - 24
    frame = cv2.warpAffine(face, to_frame, (side, side), borderMode=cv2.BORDER_REPLICATE)
    points = template(48) @ to_frame[:, :2].T + to_frame[:, 2]
    chip = Aligner(Framing().points, 48).chip(frame, landmarks_of(points))
    inner = (slice(6, 42), slice(6, 42))
    difference = np.abs(chip[inner].astype(int) - face[inner].astype(int))
    assert difference.mean() < 3


def test_a_face_at_the_border_repeats_it_instead_of_inventing_black():
    frame = np.full((60, 60), 200, np.uint8)
    chip = Aligner(Framing().points, 48).chip(frame, landmarks_of(template(48) - 20))
    assert 200 == chip.min()


def test_a_face_far_outside_the_frame_gives_a_chip_all_the_same():
    frame = np.full((60, 60), 90, np.uint8)
    for scale in (1, 10):
        chip = Aligner(Framing().points, 48).chip(frame, landmarks_of(template(48) * scale + 5000))
        assert (48, 48) == chip.shape


def test_shrinking_a_large_face_averages_instead_of_skipping_pixels():
    stripes = np.zeros((960, 960), np.uint8)
    stripes[:, ::2] = 255
    chip = warp(stripes, np.array([[0.05, 0, 0], [0, 0.05, 0]]), 48)
    assert 120 < chip.min()
    assert 135 > chip.max()


def test_five_points_are_eye_centres_nose_tip_and_mouth_corners():
    points = np.arange(136, dtype=np.float32).reshape(68, 2)
    assert [[77, 78], [89, 90], [60, 61], [96, 97], [108, 109]] == five_points(points).tolist()


def test_a_chip_of_the_right_size_is_not_copied():
    chip = np.zeros((48, 48), np.uint8)
    assert resize_square(chip, 48) is chip
