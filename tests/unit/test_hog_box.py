"""Boxes of dlib's HOG come out the same, whichever way a processor rounds."""

from fractions import Fraction

import numpy as np
import pytest

from edge_fer.types import Box
from edge_fer.vision.dlib_hog import SHIFT, STEP, HogDetector, round_as_x86, scale_back

LEVELS = range(9)


def fused(place, level):
    """As on arm64: multiplied and added exactly, then rounded once."""
    at = float(place)
    for _ in range(level):
        at = float(Fraction(at) * Fraction(STEP) + Fraction(SHIFT))
    return int(abs(at) + 0.5) * (1 if at > 0 else -1)


def windows():
    """First and last px of dlib's windows, HOG cells of 8 px apart, some beyond the picture."""
    cells = [*range(-35, 0, 8), *range(5, 1200, 8)]
    return [(first, last) for first, last in zip(cells, cells[9:], strict=False)]


def box_of(rounding, level, across, down):
    (left, right), (top, bottom) = (
        [rounding(end, level) for end in ends] for ends in (across, down)
    )
    return Box(left, top, right - left + 1, bottom - top + 1)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("rounding", [scale_back, fused])
def test_a_box_is_that_of_two_roundings_wherever_it_lies(level, rounding):
    every = windows()
    for across, down in zip(every, reversed(every), strict=True):
        expected = box_of(scale_back, level, across, down)
        assert expected == round_as_x86(box_of(rounding, level, across, down))


def test_one_rounding_moves_some_boxes_by_a_pixel():
    apart = [
        level
        for level in LEVELS
        for window in windows()
        if box_of(fused, level, window, window) != box_of(scale_back, level, window, window)
    ]
    assert {1, 2} == set(apart)


def test_the_detectors_boxes_are_windows_brought_back(portrait):
    spans = {
        tuple(scale_back(end, level) for end in window) for level in LEVELS for window in windows()
    }
    found = [
        one.box
        for left in range(0, 40, 5)
        for one in HogDetector().find(np.ascontiguousarray(portrait[:, left:]), 0.0)
    ]
    assert len(found) >= 8
    assert {(box.left, box.left + box.width - 1) for box in found} <= spans
    assert {(box.top, box.top + box.height - 1) for box in found} <= spans
