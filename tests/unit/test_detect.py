"""Faces and landmarks with the real dlib and the real landmark file."""

import cv2
import numpy as np
import pytest

from edge_fer.errors import ModelError
from edge_fer.types import Box
from edge_fer.vision.dlib_hog import HogDetector
from edge_fer.vision.landmarks import Landmarker, five_points


@pytest.fixture(scope="module")
def detector() -> HogDetector:
    return HogDetector()


@pytest.fixture(scope="module")
def landmarker(landmarks) -> Landmarker:
    return Landmarker(str(landmarks))


def test_twenty_faces_give_twenty_boxes(detector, portrait):
    face = portrait[20:220, 130:330]
    assert 20 == len(detector.find(np.tile(face, (4, 5)), 0.0))


@pytest.mark.parametrize(("factor", "count"), [(0.5, 0), (1.0, 1)])
def test_a_face_below_the_smallest_size_is_not_found(detector, portrait, factor, count):
    picture = cv2.resize(portrait, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    assert count == len(detector.find(picture, 0.5))


def test_landmarks_lie_on_the_features(detector, landmarker, portrait):
    face = detector.find(portrait, 0.0)[0]
    landmarks = landmarker.locate(portrait, face.box)
    left_eye, right_eye, nose, left_mouth, right_mouth = five_points(landmarks)
    assert (68, 2) == landmarks.shape
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_eye[1] < nose[1] < left_mouth[1]
    assert 30 < right_eye[0] - left_eye[0] < 80
    assert left_mouth[0] < right_mouth[0]


def test_a_face_half_outside_the_frame_has_landmarks_all_the_same(landmarker, portrait):
    cropped = np.ascontiguousarray(portrait[:, 225:])
    assert (68, 2) == landmarker.locate(cropped, Box(-55, 60, 110, 110)).shape


def test_a_missing_landmark_file_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"vision\.landmarks = .*none\.dat: no such file"):
        Landmarker(str(tmp_path / "none.dat"))


@pytest.mark.parametrize("content", [b"", b"not a predictor at all", b"\x01\x01" * 500])
def test_a_corrupt_landmark_file_is_named(tmp_path, content):
    path = tmp_path / "bad.dat"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"bad\.dat: not a dlib file of 68 landmarks"):
        Landmarker(str(path))


def test_a_file_of_five_landmarks_is_refused(tmp_path):
    path = tmp_path / "five.dat"
    path.write_bytes(bytes([1, 1, 0x81, 10, 0x81, 1]) + b"\0" * 100)
    with pytest.raises(ModelError, match=r"five\.dat: not a dlib file of 68 landmarks"):
        Landmarker(str(path))


@pytest.mark.parametrize("keep", [6, 7, 100, 1000, 100_000, 1_000_000])
def test_a_truncated_landmark_file_is_named(tmp_path, landmarker, keep):
    path = tmp_path / "short.dat"
    with landmarker.path.open("rb") as whole:
        path.write_bytes(whole.read(keep))
    with pytest.raises(ModelError, match=r"short\.dat: dlib cannot read it.*complete"):
        Landmarker(str(path))
