"""Disturbed chips: each does what it is called, and JPEG's loss is that of the real JPEG."""

import cv2
import numpy as np
import pytest

from training.evaluation.corruptions import box_blur, darken, halve, jpeg_loss, move

DRAW = np.random.RandomState(0)
NOISE = DRAW.randint(0, 256, (3, 48, 48), np.uint8)
SMOOTH = np.stack([cv2.GaussianBlur(chip, (9, 9), 3) for chip in NOISE])
DOT = np.zeros((1, 48, 48), np.uint8)
DOT[0, 20, 10] = 250


def test_moving_by_nothing_changes_nothing():
    assert np.array_equal(SMOOTH, move(SMOOTH))


def test_a_shift_is_a_fraction_of_the_side_and_repeats_the_border():
    moved = move(SMOOTH, right=0.25, down=-0.125)
    assert np.array_equal(SMOOTH[:, 6:, :36], moved[:, :42, 12:])
    assert np.array_equal(moved[:, :, :12], np.repeat(moved[:, :, 12:13], 12, axis=2))


def test_a_quarter_turn_takes_right_to_bottom():
    turned = move(SMOOTH, roll=90).astype(int)
    assert 1 >= np.abs(np.rot90(SMOOTH, -1, axes=(1, 2)) - turned).max()


def test_a_larger_face_is_larger_about_the_centre():
    square = np.zeros((1, 48, 48), np.uint8)
    square[0, 14:34, 14:34] = 200
    assert (200, 0) == tuple(move(square, scale=1.5)[0, 24, [10, 7]])
    assert (200, 0) == tuple(move(square, scale=0.5)[0, 24, [20, 16]])


def test_half_the_side_leaves_no_stripes_of_one_pixel():
    stripes = np.zeros((1, 48, 48), np.uint8)
    stripes[:, :, ::2] = 200
    assert {100} == set(halve(stripes).ravel().tolist())
    assert (1, 48, 48) == halve(stripes).shape


def test_a_box_blur_spreads_a_dot_over_five_by_five():
    blurred = box_blur(DOT)
    assert 25 == np.count_nonzero(blurred)
    assert {10} == set(blurred[0, 18:23, 8:13].ravel().tolist())
    assert np.array_equal(
        cv2.blur(SMOOTH[0], (5, 5), borderType=cv2.BORDER_REPLICATE), box_blur(SMOOTH)[0]
    )


def test_darkening_is_gamma_and_noise_and_the_same_every_time():
    grey = np.full((4, 48, 48), 128, np.uint8)
    dark = darken(grey).astype(float)
    assert pytest.approx(255 * (128 / 255) ** 2, abs=0.5) == dark.mean()
    assert pytest.approx(8, abs=0.3) == dark.std()
    assert np.array_equal(darken(grey), darken(grey))
    assert {64} == set(darken(grey, sigma=0).ravel().tolist())


def real_jpeg(chip: np.ndarray, quality: int) -> np.ndarray:
    done, packed = cv2.imencode(".jpg", chip, [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done
    return cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE)


@pytest.mark.parametrize("quality", [10, 40, 75, 95])
@pytest.mark.parametrize("side", [48, 45])
def test_the_loss_is_that_of_the_real_jpeg_up_to_rounding(portrait, quality, side):
    face = cv2.resize(portrait[50:180, 160:290], (side, side), interpolation=cv2.INTER_AREA)
    chips = np.stack([face, NOISE[0, :side, :side], SMOOTH[0, :side, :side]])
    for chip, ours in zip(chips, jpeg_loss(chips, quality=quality), strict=True):
        real = real_jpeg(chip, quality).astype(int)
        lost = np.abs(real - chip).mean()
        assert pytest.approx(lost, rel=0.03) == np.abs(ours.astype(int) - chip).mean()
        assert np.abs(real - ours).mean() < 0.2
