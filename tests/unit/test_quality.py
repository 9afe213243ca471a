"""Quality: a figure for each thing that makes a face hard to read, and who is refused for it."""

import dataclasses

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_fer.config import settings
from edge_fer.emotion.card import Framing
from edge_fer.errors import ModelError
from edge_fer.types import Outcome, Quality
from edge_fer.vision.dlib_hog import HogDetector
from edge_fer.vision.landmarks import Aligner, Landmarker
from edge_fer.vision.quality import assess, reject

FRAMING = Framing().points
DEFAULTS = settings.Quality()
CLEAR = Quality(ipd_px=40, roll_deg=0, turn=0, sharpness=0.8, cover=0.2)
MIRRORED = [
    *range(16, -1, -1),
    *range(26, 16, -1),
    *range(27, 31),
    *range(35, 30, -1),
    *range(45, 41, -1),
    47,
    46,
    *range(39, 35, -1),
    41,
    40,
    *range(54, 47, -1),
    *range(59, 54, -1),
    *range(64, 59, -1),
    *range(67, 64, -1),
]
"""iBUG's numbers of the landmarks after the picture has been mirrored."""


@pytest.fixture(scope="module")
def box(portrait):
    return HogDetector().find(portrait, 0.0)[0].box


@pytest.fixture(scope="module")
def points(portrait, box):
    try:
        landmarker = Landmarker()
    except ModelError as error:
        pytest.skip(str(error))
    return landmarker.locate(portrait, box)


def seen(picture, points, size=48):
    return assess(points, Aligner(FRAMING, size).chip(picture, points), FRAMING)


def why(picture, points):
    return reject(seen(picture, points), DEFAULTS)


def moved(points, matrix):
    return (points @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)


def turned_by(picture, points, degrees):
    """Clockwise in the picture, as `roll_deg` counts."""
    matrix = cv2.getRotationMatrix2D(points.mean(0).tolist(), -degrees, 1.0)
    size = picture.shape[::-1]
    return cv2.warpAffine(picture, matrix, size), moved(points, matrix)


def shrunk(picture, points, factor):
    small = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return small, ((points + 0.5) * factor - 0.5).astype(np.float32)


def painted(picture, points, corners, luma):
    hidden = picture.copy()
    cv2.fillPoly(hidden, [np.round(np.array(corners)).astype(np.int32)], luma)
    return hidden, points


def half_hidden(picture, points, luma):
    (x, _), reach = points[27], np.ptp(points[:, 1])
    top, bottom = points[:, 1].min() - reach, points[:, 1].max() + reach
    left = points[:, 0].min() - reach
    return painted(picture, points, [(left, top), (x, top), (x, bottom), (left, bottom)], luma)


def mouth_hidden(picture, points, luma):
    return painted(picture, points, [points[29], *points[[14, 12, 8, 4, 2]]], luma)


def test_an_upright_sharp_face_is_read(portrait, points):
    assert why(portrait, points) is None


@pytest.mark.parametrize("degrees", [-120, -60, 60, 120])
def test_a_face_on_its_side_is_tilted(portrait, points, degrees):
    assert Outcome.TILTED is why(*turned_by(portrait, points, degrees))


@pytest.mark.parametrize("degrees", [-30, -15, 15, 30])
def test_roll_is_the_angle_and_the_rest_stays(portrait, points, degrees):
    upright, tilted = seen(portrait, points), seen(*turned_by(portrait, points, degrees))
    assert upright.roll_deg + degrees == pytest.approx(tilted.roll_deg, abs=0.1)
    assert upright.turn == pytest.approx(tilted.turn, abs=0.01)
    assert upright.ipd_px == pytest.approx(tilted.ipd_px, rel=0.01)
    assert upright.cover == pytest.approx(tilted.cover, abs=0.1)


def test_a_face_out_of_focus_is_blurred(portrait, points):
    ipd = seen(portrait, points).ipd_px
    assert Outcome.BLURRED is why(cv2.GaussianBlur(portrait, (0, 0), ipd / 7), points)


def test_the_more_blur_the_less_sharpness(portrait, points):
    blurs = [cv2.GaussianBlur(portrait, (0, 0), sigma) for sigma in (2, 3, 4, 6)]
    figures = [seen(blur, points).sharpness for blur in (portrait, *blurs)]
    assert sorted(figures, reverse=True) == figures


def test_a_sharp_face_of_60_px_is_not_blurred_whatever_the_chip(portrait, points, box):
    small = shrunk(portrait, points, 60 / box.width)
    sizes = (32, 48, 64, 96)
    assert [None] * 4 == [reject(seen(*small, size=size), DEFAULTS) for size in sizes]


def test_a_face_shrunk_to_a_few_px_is_tiny(portrait, points):
    factor = 0.5 * DEFAULTS.min_ipd_px / seen(portrait, points).ipd_px
    assert Outcome.TINY is why(*shrunk(portrait, points, factor))


@pytest.mark.parametrize("luma", [10, 128, 240])
@pytest.mark.parametrize("hide", [half_hidden, mouth_hidden])
def test_a_half_hidden_face_is_covered(portrait, points, hide, luma):
    assert Outcome.COVERED is why(*hide(portrait, points, luma))


def from_the_side(points, degrees):
    """The landmarks as a solid whose depth is a parabola across the face, turned."""
    angle, middle, half = np.radians(degrees), points[30, 0], np.ptp(points[:17, 0]) / 2
    across = (points[:, 0] - middle) / half
    x = middle + half * (across * np.cos(angle) - across**2 * np.sin(angle))
    return np.column_stack([x, points[:, 1]]).astype(np.float32)


def test_turn_grows_to_either_side(portrait, points):
    for side in (1, -1):
        views = [from_the_side(points, side * degrees) for degrees in (0, 10, 20, 30, 40, 50)]
        figures = [seen(portrait, view).turn for view in views]
        assert sorted(figures) == figures


@pytest.mark.parametrize(
    ("degrees", "outcome"), [(-60, Outcome.TURNED), (-10, None), (10, None), (60, Outcome.TURNED)]
)
def test_a_face_far_to_the_side_is_turned(portrait, points, degrees, outcome):
    turn = seen(portrait, from_the_side(points, degrees)).turn
    assert outcome is reject(dataclasses.replace(CLEAR, turn=turn), DEFAULTS)


def test_the_mirrored_picture_has_the_same_figures(portrait, points):
    other = points[MIRRORED] * [-1, 1] + [portrait.shape[1] - 1, 0]
    one = seen(portrait, points)
    two = seen(np.ascontiguousarray(portrait[:, ::-1]), other.astype(np.float32))
    assert one.roll_deg == pytest.approx(-two.roll_deg, abs=0.01)
    for name in ("ipd_px", "turn"):
        assert getattr(one, name) == pytest.approx(getattr(two, name), abs=0.01)
    for name in ("sharpness", "cover"):  # the framing itself is not quite symmetric
        assert getattr(one, name) == pytest.approx(getattr(two, name), abs=0.06)


@given(st.floats(0.3, 1.0), st.floats(0, 60))
def test_brightness_and_contrast_change_no_figure(portrait, points, gain, offset):
    one = seen(portrait, points)
    two = seen(np.rint((portrait * 0.75 * gain) + offset).astype(np.uint8), points)
    assert one.sharpness == pytest.approx(two.sharpness, abs=0.04)
    assert one.cover == pytest.approx(two.cover, abs=0.04)


@given(st.integers(0, 255), st.sampled_from([16, 32, 48, 96]))
def test_a_flat_chip_is_neither_sharp_nor_a_face(luma, size):
    figures = assess(np.zeros((68, 2), np.float32), np.full((size, size), luma, np.uint8), FRAMING)
    assert Quality(0, 0, 0, 0, 1) == figures


def test_hidden_parts_are_looked_for_where_the_framing_has_them(portrait, points):
    wide = tuple((0.25 + x / 2, 0.25 + y / 2) for x, y in FRAMING)
    chip = Aligner(wide, 96).chip(portrait, points)
    hidden = Aligner(wide, 96).chip(*mouth_hidden(portrait, points, 128))
    assert reject(assess(points, chip, wide), DEFAULTS) is None
    assert Outcome.COVERED is reject(assess(points, hidden, wide), DEFAULTS)


@given(
    st.integers(0, 10_000).map(np.random.default_rng),
    st.sampled_from([16, 32, 48, 64, 96]),
)
def test_figures_keep_their_ranges_on_anything(random, size):
    noise = random.integers(0, 256, (size, size), np.uint8)
    figures = assess(random.uniform(-500, 500, (68, 2)).astype(np.float32), noise, FRAMING)
    assert figures.ipd_px >= 0
    assert -180 <= figures.roll_deg <= 180
    assert 0 <= figures.turn <= 1
    assert 0 <= figures.sharpness < 3
    assert 0 <= figures.cover <= 1


BAD = {
    "ipd_px": (0.0, Outcome.TINY),
    "roll_deg": (-170.0, Outcome.TILTED),
    "turn": (1.0, Outcome.TURNED),
    "sharpness": (0.0, Outcome.BLURRED),
    "cover": (1.0, Outcome.COVERED),
}
"""A figure's worst value and what it is refused as, the plainest reason first."""


@given(st.sets(st.sampled_from(list(BAD))))
def test_of_several_reasons_the_plainest_is_told(bad):
    figures = dataclasses.replace(CLEAR, **{name: BAD[name][0] for name in bad})
    expected = next((outcome for name, (_, outcome) in BAD.items() if name in bad), None)
    assert expected is reject(figures, DEFAULTS)


def test_a_figure_at_its_limit_is_read():
    limits = Quality(
        DEFAULTS.min_ipd_px,
        -DEFAULTS.max_roll_deg,
        DEFAULTS.max_turn,
        DEFAULTS.min_sharpness,
        DEFAULTS.max_cover,
    )
    assert reject(limits, DEFAULTS) is None


@given(st.builds(Quality, *[st.floats(0, 500), st.floats(-180, 180), *[st.floats(0, 1)] * 3]))
def test_each_limit_can_be_switched_off(figures):
    off = settings.Quality(min_ipd_px=0, max_roll_deg=180, max_turn=1, min_sharpness=0, max_cover=1)
    assert reject(figures, off) is None
