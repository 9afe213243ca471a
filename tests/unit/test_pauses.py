"""A pause in the frames is no absence: whoever is there afterwards was never gone."""

import pytest

from edge_fer.config.settings import Camera, Quality, Settings, Tracking, Vision
from edge_fer.daemon.reporting import FaceReporter
from edge_fer.emotion.card import Framing
from edge_fer.pipeline import Pipeline
from edge_fer.setup.checks import _slow_frames
from edge_fer.testing import BrightDetector, CentredLandmarker, ScriptedClassifier, scene
from edge_fer.types import Box, Frame, Phase
from edge_fer.vision.landmarks import Aligner
from edge_fer.vision.search import TrackingSearch

FACE, OTHER = Box(140, 90, 50, 50), Box(30, 150, 50, 50)
HAPPY = {"happy": 0.9, "sad": 0.1}


def pipeline(lost_s: float = 1.0) -> Pipeline:
    settings = Settings(
        vision=Vision(min_face_px=30),
        tracking=Tracking(lost_s=lost_s),
        quality=Quality(min_ipd_px=0, max_roll_deg=180, max_turn=1, min_sharpness=0, max_cover=1),
    )
    return Pipeline(
        settings,
        lambda shape: TrackingSearch(settings, shape, BrightDetector(smallest_px=60)),
        CentredLandmarker(),
        Aligner(Framing().points, 48),
        ScriptedClassifier(HAPPY),
    )


def play(running, *parts):
    """The events of (faces, times) parts, as phases."""
    events = []
    for faces, times in parts:
        for time in times:
            report = running.process(Frame(scene(*faces), 0, time, time))
            events += [event.phase for event in report.events]
    return events, report


def times(start, stop, fps=15):
    return [start + number / fps for number in range(round((stop - start) * fps))]


@pytest.mark.parametrize("pause", [1.5, 15.0, 45.0])
def test_a_person_who_is_there_after_a_pause_was_never_gone(pause):
    events, _ = play(pipeline(), ([FACE], times(0, 2)), ([FACE], times(2 + pause, 5 + pause)))
    assert [Phase.BEGIN] == events


def test_a_person_who_left_in_a_pause_ends_after_it():
    events, report = play(pipeline(), ([FACE], times(0, 2)), ([], times(32, 34)))
    assert [Phase.BEGIN, Phase.END] == events
    assert 0 == len(report.present)


def test_whoever_came_in_a_pause_is_found_in_the_first_frame_after_it():
    running = pipeline()
    play(running, ([FACE], times(0, 2)))
    report = running.process(Frame(scene(FACE, OTHER), 0, 32.0, 32.0))
    assert 2 == len({verdict.track for verdict in report.verdicts} - {None})


@pytest.mark.parametrize("fps", [0.25, 0.5, 1.0])
def test_a_camera_of_few_frames_a_minute_gives_events(fps):
    events, report = play(
        pipeline(),
        ([FACE], times(0, 10 / fps, fps)),
        ([], times(10 / fps, 20 / fps, fps)),
    )
    assert [Phase.BEGIN, Phase.END] == events
    assert 0 == len(report.present)


def test_one_missed_frame_of_a_slow_camera_ends_no_track():
    events, _ = play(pipeline(), ([FACE], [0, 2, 4, 6]), ([], [8]), ([FACE], [10, 12, 14]))
    assert [Phase.BEGIN] == events


def test_the_main_face_stays_until_another_is_clearly_larger():
    running = pipeline()
    near, far = Box(30, 150, 50, 50), Box(180, 60, 54, 54)
    _, report = play(running, ([near], times(0, 1)), ([near, far], times(1, 3)))
    first = report.present[0]
    assert first.box.iou(near) > 0.6
    grown = Box(180, 60, 80, 80)
    _, report = play(running, ([near, grown], times(3, 6)))
    assert report.present[0].box.iou(grown) > 0.6
    assert {first.track} == {face.track for face in report.present[1:]}


def test_check_warns_where_frames_are_further_apart_than_a_face_may_be_lost():
    slow = Settings(camera=Camera(fps=0.5), tracking=Tracking(lost_s=1.0))
    assert "camera.fps = 0.5" in _slow_frames(slow)
    assert "tracking.lost_s" in _slow_frames(slow)
    assert "" == _slow_frames(Settings(camera=Camera(fps=1.0), tracking=Tracking(lost_s=1.0)))


class Heard:
    """A publisher that keeps the states."""

    def __init__(self):
        self.mains = []

    def publish_event(self, event, size):
        """Nothing."""

    def publish_state(self, present, size, stamp):
        self.mains.append(present[0].track if present else None)


def test_another_main_face_is_published_though_no_emotion_changed():
    running, heard = pipeline(), Heard()
    reporter = FaceReporter(heard)
    near, far = Box(30, 150, 50, 50), Box(180, 60, 44, 44)
    for number, time in enumerate(times(0, 4)):
        side = 44 if number < 30 else 80
        faces = scene(near, Box(far.left, far.top, side, side))
        reporter.report(running.process(Frame(faces, number, time, time)))
    assert 2 == len(set(heard.mains))
    assert heard.mains[-1] != heard.mains[-2]
