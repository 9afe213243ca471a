"""What every detector promises, whichever it is: the real dlib, and the real network."""

import functools

import cv2
import numpy as np
import pytest

from edge_fer.config.settings import Vision
from edge_fer.emotion.card import sha256_of
from edge_fer.errors import ModelError
from edge_fer.types import Box
from edge_fer.vision.detector import build_detector
from edge_fer.vision.landmarks import Landmarker, find_landmarks, five_points

FACE = Box(179, 83, 88, 88)
"""The portrait's, in dlib's convention."""


@pytest.fixture(scope="module", params=["hog", "yunet"])
def detector(request):
    return hog() if request.param == "hog" else yunet(request.getfixturevalue("yunet_file"))


@functools.cache
def hog():
    return build_detector(Vision())


@functools.cache
def yunet(file):
    sha256 = sha256_of(file)
    return build_detector(
        Vision(detector="yunet", detector_model=str(file), detector_sha256=sha256)
    )


def scaled(picture, factor):
    return cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)


def test_the_portraits_face_is_found_where_it_is(detector, portrait):
    face = detector.find(portrait, 0.05)[0]
    assert face.box.iou(FACE) >= 0.4
    assert face.box.width == pytest.approx(face.box.height, abs=1)


def test_a_face_somewhat_above_the_smallest_size_is_found(detector, portrait):
    factor = 1.2 * detector.smallest_px / FACE.width
    face = detector.find(scaled(portrait, factor), 0.0)[0]
    centre = (face.box.left + face.box.width / 2) / factor
    assert centre == pytest.approx(FACE.left + FACE.width / 2, abs=0.15 * FACE.width)


def test_a_face_of_a_third_of_the_smallest_size_is_not(detector, portrait):
    assert [] == detector.find(scaled(portrait, detector.smallest_px / 3 / FACE.width), 0.0)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_flat_picture_has_no_face(detector, level):
    assert [] == detector.find(np.full((240, 320), level, np.uint8), 0.0)


def test_noise_has_no_face(detector):
    noise = np.random.RandomState(0).randint(0, 256, (480, 640), np.uint8)
    assert [] == detector.find(noise, 0.0)


@pytest.mark.parametrize("shape", [(0, 0), (0, 7), (1, 1), (3, 2), (20, 300), (33, 31)])
def test_a_picture_too_small_for_a_face_has_none(detector, shape):
    assert [] == detector.find(np.zeros(shape, np.uint8), 0.0)


@pytest.mark.parametrize(
    "view",
    [np.s_[10:, 30:411, 0], np.s_[:, ::-1, 1], np.s_[..., 2]],
    ids=["a part", "mirrored", "a channel"],
)
def test_a_view_is_as_good_as_a_copy(detector, portrait, view):
    part = np.dstack([portrait] * 3)[view]
    assert not part.flags.c_contiguous
    found = detector.find(part, 0.0)
    assert detector.find(np.ascontiguousarray(part), 0.0) == found
    assert found


@pytest.mark.parametrize(("left", "top"), [(0, 0), (48, 16), (120, 90)])
def test_boxes_are_in_px_of_the_picture(detector, portrait, left, top):
    face = detector.find(portrait, 0.0)[0].box
    moved = detector.find(np.pad(portrait, ((top, 0), (left, 0)), mode="edge"), 0.0)[0].box
    assert moved.iou(Box(face.left + left, face.top + top, face.width, face.height)) > 0.6


@pytest.mark.parametrize("threshold", [-1.0, -0.5, -0.2, 0.0])
def test_scores_are_above_the_threshold_and_the_best_comes_first(detector, portrait, threshold):
    pair = np.hstack([portrait[20:220, 130:330], cv2.blur(portrait[20:220, 130:330], (7, 7))])
    scores = [face.score for face in detector.find(pair, threshold)]
    assert len(scores) >= 2
    assert sorted(scores, reverse=True) == scores
    assert threshold < scores[-1]
    between = (scores[0] + scores[1]) / 2
    assert scores[:1] == [face.score for face in detector.find(pair, between)]


def test_landmarks_do_not_depend_on_whose_box_they_are_located_in(portrait, yunet_file):
    try:
        find_landmarks()
    except ModelError as error:
        pytest.skip(str(error))
    landmarker = Landmarker()
    ours, theirs = (
        landmarker.locate(portrait, detector.find(portrait, 0.0)[0].box)
        for detector in (hog(), yunet(yunet_file))
    )
    left, right = five_points(ours)[:2]
    distance = np.linalg.norm(ours - theirs, axis=1).mean() / np.linalg.norm(right - left)
    assert distance < 0.05
