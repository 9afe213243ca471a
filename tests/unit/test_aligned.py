"""Close crops cut as a camera's faces are, with the real dlib; none is dropped."""

import numpy as np
import pytest

from edge_fer.emotion.card import Framing
from edge_fer.evaluation.chips import SIDE, How, StillAligner, box_of, plausible
from edge_fer.types import Box
from edge_fer.vision.dlib_hog import HogDetector
from edge_fer.vision.landmarks import Landmarker, five_points
from edge_fer.vision.pixels import resize_square

TEMPLATE = np.array(Framing().points) * 48 - 0.5


@pytest.fixture(scope="module")
def aligner(landmarks) -> StillAligner:
    return StillAligner()


@pytest.fixture
def crop(portrait) -> np.ndarray:
    """48 px, as FER-2013 crops faces."""
    return resize_square(portrait[45:190, 155:300], 48)


def landmarks_of(five: np.ndarray) -> np.ndarray:
    points = np.tile(five.mean(0), (68, 1)).astype(np.float32)
    points[36:42], points[42:48] = five[0], five[1]
    points[30], points[48], points[54] = five[2:]
    return points


def test_a_face_is_found_and_put_where_the_framing_says(aligner, crop):
    chip, how = aligner.cut(crop)
    assert (How.DETECTOR, (48, 48)) == (how, chip.shape)
    again, _ = aligner.locate(chip)
    assert np.abs(five_points(again) - TEMPLATE).max() < 3


def test_the_landmarks_are_in_pixels_of_the_picture_given(aligner, portrait):
    close = portrait[45:190, 155:300]
    large, _ = aligner.locate(close)
    small, _ = aligner.locate(resize_square(close, 48))
    scaled = (five_points(large) + 0.5) * 48 / 145 - 0.5
    assert np.abs(scaled - five_points(small)).max() < 1.5


def test_a_picture_without_a_face_is_kept(aligner):
    pictures = np.random.RandomState(0).randint(0, 256, (3, 48, 48), np.uint8)
    chips, how = aligner.cut_all(pictures)
    assert (3, 48, 48) == chips.shape
    assert How.DETECTOR not in how.tolist()


def test_a_face_that_was_not_found_is_looked_for_where_such_pictures_have_it(aligner, crop):
    # Bands hide it from the detector, not from the landmarks.
    dim = (crop // 12 + 100).astype(np.uint8)
    dim[::4] = 100
    points, how = aligner.locate(dim)
    assert How.FIXED_BOX == how
    assert plausible(points, 48)


def test_where_landmarks_cannot_be_right_the_chip_is_the_picture(aligner, crop, monkeypatch):
    nowhere = np.zeros((68, 2), np.float32)
    monkeypatch.setattr(aligner, "_detector", Blind())
    monkeypatch.setattr(aligner, "_supposed", lambda scene: nowhere)
    chip, how = aligner.cut(crop)
    assert How.IDENTITY == how
    assert np.array_equal(crop, chip)


class Blind:
    def find(self, scene, threshold):
        return []


def test_chips_come_at_the_size_asked_for(aligner, crop):
    assert (96, 96) == StillAligner(size=96).cut(crop)[0].shape


def test_a_chip_is_as_sharp_as_the_picture(aligner, crop):
    chip, _ = aligner.cut(crop)
    assert chip.std() > 0.8 * crop.std()


@pytest.mark.parametrize(
    ("right", "five"),
    [
        (True, TEMPLATE),
        (False, np.add(TEMPLATE, [20, 0])),
        (False, TEMPLATE.mean(0) + 0.4 * (TEMPLATE - TEMPLATE.mean(0))),
        (False, TEMPLATE[:, ::-1]),
    ],
    ids=["the framing's own", "beyond the picture", "eyes too close", "lying on its side"],
)
def test_only_landmarks_that_can_be_a_face_in_a_close_crop_are_believed(right, five):
    assert right == plausible(landmarks_of(five), 48)


def test_the_box_of_landmarks_is_the_one_the_detector_gives(aligner, crop):
    scene = np.pad(resize_square(crop, SIDE), 40, mode="edge")
    box = HogDetector().find(scene, 0)[0].box
    assert box.iou(box_of(Landmarker().locate(scene, box))) > 0.75
    assert isinstance(box, Box)
