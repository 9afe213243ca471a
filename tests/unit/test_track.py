"""Tracks follow boxes by overlap and end when they are lost."""

from itertools import count

from edge_fer.config import settings
from edge_fer.types import Box, Outcome
from edge_fer.vision.search import Tracker


def tracker(**changes: float) -> Tracker:
    names = count()
    return Tracker(settings.Tracking(**changes), name=lambda: f"t{next(names)}")


def test_a_moving_box_keeps_its_track():
    following = tracker()
    names = {following.match([Box(k * 5, 0, 80, 80)], k / 10)[0].name for k in range(10)}
    assert {"t0"} == names


def test_two_faces_that_swap_order_keep_their_tracks():
    following = tracker()
    left, right = Box(0, 0, 80, 80), Box(200, 0, 80, 80)
    assert ["t0", "t1"] == [t.name for t in following.match([left, right], 0)]
    assert ["t1", "t0"] == [t.name for t in following.match([right, left], 0.1)]


def test_a_box_elsewhere_is_a_new_track():
    following = tracker()
    following.match([Box(0, 0, 80, 80)], 0)
    assert ["t1"] == [t.name for t in following.match([Box(300, 0, 80, 80)], 0.1)]


def test_a_box_goes_to_the_track_it_overlaps_most():
    following = tracker(min_iou=0.1)
    following.match([Box(0, 0, 80, 80), Box(60, 0, 80, 80)], 0)
    assert ["t1"] == [t.name for t in following.match([Box(55, 0, 80, 80)], 0.1)]


def test_a_track_ends_only_after_lost_s_without_a_box():
    following = tracker(lost_s=1.0)
    following.match([Box(0, 0, 80, 80)], 0)
    assert [] == following.pop_ended(1.0)
    assert ["t0"] == [t.name for t in following.pop_ended(1.1)]
    assert [] == following.tracks


def test_a_followed_face_is_due_looks_per_s_times_a_second():
    following = tracker(looks_per_s=10)
    following.match([Box(0, 0, 80, 80)], 0)
    looks = []
    for number in range(1, 31):
        for track in following.due(number / 30):
            track.update(track.box, number / 30)
            looks.append(number)
    assert list(range(3, 31, 3)) == looks


def test_the_looks_at_many_faces_are_spread_over_the_frames():
    following = tracker(looks_per_s=10)
    following.match([Box(k * 100, 0, 80, 80) for k in range(6)], 0)
    counts = []
    for number in range(1, 31):
        due = following.due(number / 30)
        counts.append(len(due))
        for track in due:
            track.update(track.box, number / 30)
    assert {2} == set(counts[6:])


def test_at_a_low_frame_rate_every_face_is_due_in_every_frame():
    following = tracker(looks_per_s=10)
    following.due(0)
    following.match([Box(k * 100, 0, 80, 80) for k in range(6)], 0)
    for number in range(1, 6):
        due = following.due(number / 5)
        assert 6 == len(due)
        for track in due:
            track.update(track.box, number / 5)


def test_a_missed_face_is_due_in_every_frame_while_its_box_is_kept():
    following = tracker(looks_per_s=10, coast_s=0.2)
    (track,) = following.match([Box(0, 0, 80, 80)], 0)
    looks = []
    for number in range(1, 19):
        for _ in following.due(number / 30):
            track.last_look = number / 30
            looks.append(number)
    assert [3, 4, 5, 6, 9, 12, 15, 18] == looks
    assert Outcome.COASTING is track.unread_outcome(0.2, 0.2)
    assert track.unread_outcome(0.21, 0.2) is None


def test_what_is_dropped_is_told_as_ended_once():
    following = tracker()
    (track,) = following.match([Box(0, 0, 80, 80)], 0)
    following.drop(track)
    assert [track] == following.pop_ended(0)
    assert [] == following.pop_ended(0)


def test_a_face_after_a_long_gap_is_somebody_else():
    following = tracker(lost_s=1.0)
    (track,) = following.match([Box(0, 0, 80, 80)], 0)
    following.expire(1000)
    assert ["t1"] == [t.name for t in following.match([Box(0, 0, 80, 80)], 1000)]
    assert [track] == following.pop_ended(1000)


def test_a_sighting_is_told_once():
    following = tracker()
    (track,) = following.match([Box(0, 0, 80, 80)], 0)
    assert [track] == following.take_updated()
    assert [] == following.take_updated()


def test_names_are_random_and_not_reused():
    following = Tracker(settings.Tracking())
    names = [following.match([Box(k * 200, 0, 80, 80)], k)[0].name for k in range(20)]
    assert 20 == len(set(names))


def test_iou_of_equal_boxes_is_one_and_of_distant_ones_zero():
    box = Box(10, 20, 30, 40)
    assert 1.0 == box.iou(box)
    assert 0.0 == box.iou(Box(100, 100, 30, 40))
    assert 0.0 == Box(0, 0, 0, 0).iou(Box(0, 0, 0, 0))
