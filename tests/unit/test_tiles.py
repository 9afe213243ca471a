"""Tiles: every face lies wholly in a tile that is scanned for its size, and none is large."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_fer.types import Box
from edge_fer.vision.scan import TILE_PX, plan_tiles

SHAPES = [(144, 176), (480, 640), (720, 1280), (1080, 1920)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("min_face_px", [40, 60, 100])
def test_no_tile_costs_more_than_its_share(shape, min_face_px):
    for tile in plan_tiles(shape, min_face_px, 80):
        assert TILE_PX >= tile.area.area * tile.scale**2


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_every_face_lies_in_a_tile_of_a_scale_that_suits_it(data):
    height, width = data.draw(st.sampled_from(SHAPES))
    smallest = data.draw(st.sampled_from([30, 40, 60, 100]))
    side = data.draw(st.integers(smallest, min(height, width)))
    left = data.draw(st.integers(0, width - side))
    top = data.draw(st.integers(0, height - side))
    face = Box(left, top, side, side)
    held = [
        tile
        for tile in plan_tiles((height, width), smallest, 80)
        if tile.area.overlap(face) == face.area and side * tile.scale >= 80
    ]
    assert held


def test_a_small_frame_is_one_tile():
    (tile,) = plan_tiles((144, 176), 40, 80)
    assert (Box(0, 0, 176, 144), 2.0) == (tile.area, tile.scale)


def test_the_largest_frame_and_the_smallest_face_that_settings_allow_can_be_cut():
    assert plan_tiles((4096, 4096), 20, 80)


def test_boxes_go_from_the_tile_to_the_frame():
    tile = max(plan_tiles((480, 640), 60, 80), key=lambda t: (t.scale, t.area.left, t.area.top))
    box = tile.to_frame(Box(80, 40, 80, 80))
    assert tile.area.left + 60 == box.left
    assert tile.area.top + 30 == box.top
    assert (60, 60) == (box.width, box.height)
