"""A camera's second, smaller picture: what looks for new faces sees the same in it."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_fer.config.settings import Settings, Vision
from edge_fer.types import Box
from edge_fer.vision.dlib_hog import HogDetector
from edge_fer.vision.scan import Tile, plan_tiles
from edge_fer.vision.search import TrackingSearch

PORTRAIT = Path(__file__).parents[2] / ".cache" / "astronaut.png"
SHAPE = (960, 1280)


def halved(luma):
    return cv2.resize(luma, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)


def smooth():
    ramp = np.add.outer(np.arange(SHAPE[0]), np.arange(SHAPE[1]))
    return (120 + 100 * np.sin(ramp / 90)).astype(np.uint8)


@pytest.mark.parametrize("min_face_px", [160, 200, 320])
def test_a_tile_shows_the_same_out_of_either_picture(min_face_px):
    luma = smooth()
    for tile in plan_tiles(SHAPE, min_face_px, 80):
        assert tile.scale <= 0.5
        large, small = tile.cut(luma), tile.cut(luma, halved(luma))
        assert np.abs(np.subtract(large.shape, small.shape)).max() <= 1
        high, wide = np.minimum(large.shape, small.shape)
        difference = np.abs(large[:high, :wide].astype(int) - small[:high, :wide])
        assert 6 >= difference.max()


def test_a_tile_that_needs_more_pixels_takes_the_large_picture():
    luma, nothing = smooth(), np.zeros((SHAPE[0] // 2, SHAPE[1] // 2), np.uint8)
    tile = Tile(Box(100, 100, 400, 300), 0.51, 157)
    assert tile.cut(luma).tolist() == tile.cut(luma, nothing).tolist()
    tile.scale = 0.5
    assert not tile.cut(luma, nothing).any()


class Counting(HogDetector):
    """Counts what it is shown."""

    def __init__(self) -> None:
        super().__init__()
        self.shown = []

    def find(self, luma, threshold):
        self.shown.append(luma.shape)
        return super().find(luma, threshold)


@pytest.mark.skipif(not PORTRAIT.exists(), reason="make demo fetches the portrait")
def test_a_face_that_appears_is_found_in_the_small_picture_where_it_is_in_the_large_one():
    portrait = cv2.resize(cv2.imread(str(PORTRAIT), cv2.IMREAD_GRAYSCALE), (960, 960))
    empty = np.full(SHAPE, 96, np.uint8)
    filled = empty.copy()
    filled[:, 160:1120] = portrait
    boxes = []
    for with_small in (False, True):
        options = Settings(vision=Vision(min_face_px=160, scan_s=0.1))
        search = TrackingSearch(options, SHAPE, Counting())
        for number in range(20):
            # Half of the picture stays, so this is no cut, and a tile finds the face.
            luma = filled.copy() if number > 2 else empty.copy()
            luma[480:] = empty[480:]
            search.scan(luma, number / 15, halved(luma) if with_small else None)
        (track,) = search.tracker.tracks
        boxes.append(track.box)
    assert boxes[0].iou(boxes[1]) > 0.9
