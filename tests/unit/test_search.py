"""Search: few pixels are scanned, new faces are found where something moves, none is lost."""

import numpy as np
import pytest

from edge_fer.config.settings import Settings, Tracking, Vision
from edge_fer.testing import BrightDetector, scene
from edge_fer.types import Box, Outcome
from edge_fer.vision.scan import plan_tiles
from edge_fer.vision.search import TrackingSearch

SIZE = (240, 320)
FACE = Box(140, 90, 50, 50)


class Watched:
    """A search with a clock and its detector's account."""

    def __init__(self, fps: float = 30, size: tuple[int, int] = SIZE, **vision) -> None:
        options = Settings(
            vision=Vision(**{"min_face_px": 30, **vision}),
            tracking=Tracking(lost_s=0.5, coast_s=0.2),
        )
        self.detector = BrightDetector(smallest_px=60)
        self.search = TrackingSearch(options, size, self.detector)
        self.number, self.fps, self.size = 0, fps, size
        self.pixels: list[int] = []
        self.refused: list[Outcome] = []

    def see(self, *faces: Box) -> list:
        """One frame with these faces; the tracks after it."""
        luma, time = scene(*faces, size=self.size), self.number / self.fps
        before = self.detector.pixels
        self.search.follow(luma, time)
        self.refused += [verdict.outcome for verdict in self.search.scan(luma, time)]
        self.search.pop_ended(time)
        self.pixels.append(self.detector.pixels - before)
        self.number += 1
        return list(self.search.tracker.tracks)


def test_the_first_frame_is_scanned_as_a_whole():
    (track,) = Watched().see(FACE)
    assert track.box.iou(FACE) > 0.9


def test_a_still_empty_scene_is_scanned_once_in_still_s():
    watched = Watched(still_s=3.0)
    for _ in range(30 * 9):
        watched.see()
    scanned = [number for number, pixels in enumerate(watched.pixels) if pixels]
    tiles = len(plan_tiles(SIZE, 30, 60))
    assert 0 == scanned[0]
    assert 1 + 2 * tiles <= len(scanned) <= 1 + 3 * tiles


def test_a_face_that_appears_is_found_within_scan_s():
    for start in range(40, 60, 3):
        watched = Watched(scan_s=0.5, still_s=1000)
        for _ in range(start):
            watched.see()
        waited = next(wait for wait in range(100) if watched.see(FACE))
        assert 0.5 >= waited / 30


def test_whoever_was_missed_in_the_first_frame_gets_a_second_chance_though_nothing_moves():
    watched = Watched(still_s=1000)
    for _ in range(120):
        watched.see()
    scanned = {number for number, pixels in enumerate(watched.pixels) if pixels}
    assert {0} < scanned
    assert 90 > max(scanned)


def test_a_small_change_is_not_worth_a_scan():
    watched = Watched(still_s=1000)
    for number in range(120):
        watched.see(Box(200, 100, 4, 4) if number % 2 else Box(208, 100, 4, 4))
    assert 0 == sum(watched.pixels[1:60]) == sum(watched.pixels[90:])


def test_a_followed_face_costs_few_pixels_and_keeps_its_track():
    watched = Watched(still_s=1000)
    names = set()
    for step in range(60):
        (track,) = watched.see(Box(60 + 2 * step, 90, 50, 50))
        names.add(track.name)
    assert 1 == len(names)
    assert 0.05 * watched.pixels[0] > np.mean(watched.pixels[1:])


def test_no_frame_but_the_first_is_a_spike():
    watched = Watched(size=(480, 640))
    shaken = np.random.default_rng(1)
    for _ in range(60):
        x, y = shaken.integers(0, 300, 2)
        watched.see(Box(int(x), int(y), 90, 90), Box(500, 300, 60, 60))
    assert 0.5 * watched.pixels[0] > max(watched.pixels[1:])


def test_a_moving_scene_is_scanned_all_over():
    """What is never still is looked at everywhere, however long it takes."""
    watched = Watched(scan_s=0.5)
    base = scene()
    for number in range(60):
        luma = np.roll(base, 5 * number, axis=1)
        watched.search.scan(luma, number / 30)
    tiles = watched.search._scanner._tiles
    assert all(tile.scanned > 1.0 for tile in tiles)


def test_a_lost_face_ends_in_time_and_is_found_again_elsewhere():
    watched = Watched()
    for _ in range(10):
        (track,) = watched.see(FACE)
    first = track.name
    left = [watched.see() for _ in range(30)]
    assert [] == left[-1]
    assert [] != left[int(0.4 * 30)]
    found = [watched.see(Box(30, 150, 50, 50)) for _ in range(30)]
    assert first != found[-1][0].name


def test_a_face_is_verified_by_the_detector_every_03_s_even_when_it_never_moves():
    """A track that the detector does not confirm is never taken for found."""
    watched = Watched()
    for _ in range(60):
        (track,) = watched.see(FACE)
        assert 0.3 >= (watched.number - 1) / 30 - track.last_seen


def test_a_face_just_below_the_smallest_size_is_followed_but_not_begun():
    watched = Watched(min_face_px=50)
    for _ in range(10):
        (track,) = watched.see(Box(100, 90, 52, 52))
    for _ in range(20):
        (kept,) = watched.see(Box(100, 90, 46, 46))
    assert track.name == kept.name
    assert not kept.missed


def test_two_faces_that_meet_keep_two_tracks_and_no_third():
    watched = Watched()
    for step in range(40):
        tracks = watched.see(Box(20 + step, 90, 50, 50), Box(220 - step, 90, 50, 50))
    assert 2 == len({track.name for track in tracks}) == len(tracks)


def test_of_too_many_faces_the_largest_are_followed_and_the_rest_named():
    watched = Watched(max_faces=2)
    faces = [Box(10 + 75 * k, 90, 40 + 8 * k, 40 + 8 * k) for k in range(4)]
    tracks = watched.see(*faces)
    assert [56, 64] == sorted(round(track.box.width / 8) * 8 for track in tracks)
    assert [Outcome.TOO_MANY] * 2 == watched.refused


def test_a_much_larger_new_face_takes_the_place_of_the_smallest():
    watched = Watched(max_faces=1)
    small, large = Box(20, 20, 40, 40), Box(120, 90, 120, 120)
    for _ in range(20):
        watched.see(small)
    for _ in range(40):
        (track,) = watched.see(small, large)
    assert track.box.iou(large) > 0.8


def test_two_faces_of_a_size_do_not_take_turns():
    watched = Watched(max_faces=1)
    names = {watched.see(FACE)[0].name}
    for number in range(60):
        other = Box(30, 20, 52 + number % 3, 52 + number % 3)
        names |= {track.name for track in watched.see(FACE, other)}
    assert 1 == len(names)


def test_a_face_of_like_size_does_not_end_one_that_is_found_however_the_boxes_jump():
    watched = Watched(max_faces=1)
    names = set()
    for number in range(60):
        side = 42 + 8 * (number % 2)
        followed = Box(200 - side // 2, 150 - side // 2, side, side)
        names |= {track.name for track in watched.see(followed, Box(30, 20, 56, 56))}
    assert 1 == len(names)


class Blind(BrightDetector):
    """Finds nothing while ``closed``."""

    closed = False

    def find(self, luma, threshold):
        return [] if self.closed else super().find(luma, threshold)


def blind_search():
    options = Settings(vision=Vision(min_face_px=30), tracking=Tracking(lost_s=0.5, coast_s=0.2))
    detector = Blind(smallest_px=60)
    return detector, TrackingSearch(options, SIZE, detector)


def run(search, pictures, start, fps=30):
    for number, luma in enumerate(pictures, start):
        search.follow(luma, number / fps)
        search.scan(luma, number / fps)
        search.pop_ended(number / fps)
    return [track.name for track in search.tracker.tracks]


def test_a_person_who_stands_still_is_not_gone_though_the_detector_misses_the_face():
    detector, search = blind_search()
    names = run(search, [scene(FACE)] * 60, 0)
    detector.closed = True
    assert 1 == len(names)
    assert names == run(search, [scene(FACE)] * 150, 60)


def test_a_face_that_leaves_while_the_detector_misses_it_is_gone():
    detector, search = blind_search()
    run(search, [scene(FACE)] * 60, 0)
    detector.closed = True
    run(search, [scene(FACE)] * 30, 60)
    assert [] == run(search, [scene()] * 20, 90)


def test_a_detection_that_was_found_a_few_times_only_ends_in_time():
    detector, search = blind_search()
    run(search, [scene(FACE)] * 8, 0)
    detector.closed = True
    assert [] == run(search, [scene(FACE)] * 30, 8)


def test_where_a_face_was_lost_the_next_scan_is_soon():
    detector, search = blind_search()
    moved = [scene(FACE), scene(Box(142, 90, 50, 50))]
    run(search, [scene(FACE)] * 60, 0)
    detector.closed = True
    assert [] == run(search, moved * 15, 60)
    detector.closed = False
    assert 1 == len(run(search, [scene(FACE)] * 20, 90))


@pytest.mark.parametrize("fps", [5, 12.5, 30, 60])
def test_the_same_faces_are_followed_at_any_frame_rate(fps):
    watched = Watched(fps=fps)
    for _ in range(int(3 * fps)):
        tracks = watched.see(FACE, Box(30, 30, 40, 40))
    assert 2 == len(tracks)
