"""Tracks follow boxes by overlap and end when they are lost."""

from itertools import count

from edge_fer import settings
from edge_fer.types import Box
from edge_fer.vision.track import Tracker


def tracker(**changes: float) -> Tracker:
    names = count()
    return Tracker(settings.Tracking(**changes), name=lambda: f"t{next(names)}")


def test_a_moving_box_keeps_its_track():
    following = tracker()
    names = {following.update([Box(k * 5, 0, 80, 80)], k / 10)[0].name for k in range(10)}
    assert {"t0"} == names


def test_two_faces_that_swap_order_keep_their_tracks():
    following = tracker()
    left, right = Box(0, 0, 80, 80), Box(200, 0, 80, 80)
    assert ["t0", "t1"] == [t.name for t in following.update([left, right], 0)]
    assert ["t1", "t0"] == [t.name for t in following.update([right, left], 0.1)]


def test_a_box_elsewhere_is_a_new_track():
    following = tracker()
    following.update([Box(0, 0, 80, 80)], 0)
    assert ["t1"] == [t.name for t in following.update([Box(300, 0, 80, 80)], 0.1)]


def test_a_box_goes_to_the_track_it_overlaps_most():
    following = tracker(min_iou=0.1)
    following.update([Box(0, 0, 80, 80), Box(60, 0, 80, 80)], 0)
    assert ["t1"] == [t.name for t in following.update([Box(55, 0, 80, 80)], 0.1)]


def test_a_track_ends_only_after_lost_s_without_a_box():
    following = tracker(lost_s=1.0)
    following.update([Box(0, 0, 80, 80)], 0)
    assert [] == following.end_lost(1.0)
    assert ["t0"] == [t.name for t in following.end_lost(1.1)]
    assert [] == following.tracks


def test_names_are_random_and_not_reused():
    following = Tracker(settings.Tracking())
    names = [following.update([Box(k * 200, 0, 80, 80)], k)[0].name for k in range(20)]
    assert 20 == len(set(names))


def test_iou_of_equal_boxes_is_one_and_of_distant_ones_zero():
    box = Box(10, 20, 30, 40)
    assert 1.0 == box.iou(box)
    assert 0.0 == box.iou(Box(100, 100, 30, 40))
    assert 0.0 == Box(0, 0, 0, 0).iou(Box(0, 0, 0, 0))
