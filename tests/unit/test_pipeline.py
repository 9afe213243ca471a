"""The pipeline: every face gets exactly one outcome, and a track tells its whole story."""

import numpy as np
import pytest

from edge_fer.config.settings import Quality, Settings, Smoothing, Tracking, Vision
from edge_fer.emotion.card import Framing
from edge_fer.pipeline import STAGES, Pipeline
from edge_fer.testing import CentredLandmarker, ScriptedClassifier, ScriptedDetector, frames
from edge_fer.types import Box, Frame, Outcome, Phase
from edge_fer.vision.landmarks import Aligner
from edge_fer.vision.search import EveryFrame

FACE = Box(100, 100, 90, 90)
READ_ALL = Quality(min_ipd_px=0, max_roll_deg=180, max_turn=1, min_sharpness=0, max_cover=1)
HAPPY = {"happy": 0.9, "sad": 0.1}
SAD = {"happy": 0.1, "sad": 0.9}


def pipeline(detector, classifier=None, **vision):
    settings = Settings(
        vision=Vision(**vision),
        smoothing=Smoothing(half_life_s=0.1, settle_s=0.3, hold_s=0.2),
        tracking=Tracking(lost_s=0.5),
        quality=READ_ALL,
    )
    scripted = classifier or ScriptedClassifier(HAPPY)
    aligner = Aligner(Framing().points, 48)
    return Pipeline(
        settings,
        lambda shape: EveryFrame(settings, shape, detector),
        CentredLandmarker(),
        aligner,
        scripted,
    )


def outcomes(report):
    return [verdict.outcome for verdict in report.verdicts]


def test_a_face_begins_changes_and_ends():
    detector = ScriptedDetector(*[[FACE]] * 20, [])
    classifier = ScriptedClassifier(*[HAPPY] * 10, SAD)
    running = pipeline(detector, classifier)
    events = [event for frame in frames(40) for event in running.process(frame).events]
    assert [
        (Phase.BEGIN, "happy", None),
        (Phase.CHANGE, "sad", "happy"),
        (Phase.END, "sad", "sad"),
    ] == [(event.phase, event.emotion, event.previous) for event in events]
    assert 1 == len({event.track for event in events})


def test_a_face_that_leaves_ends_with_its_emotion_and_no_change_ahead_of_it():
    settings = Settings(quality=READ_ALL)
    detector = ScriptedDetector(*[[FACE]] * 10, [])
    running = Pipeline(
        settings,
        lambda shape: EveryFrame(settings, shape, detector),
        CentredLandmarker(),
        Aligner(Framing().points, 48),
        ScriptedClassifier(HAPPY),
    )
    events = [event for frame in frames(40) for event in running.process(frame).events]
    assert [(Phase.BEGIN, "happy"), (Phase.END, "happy")] == [(e.phase, e.emotion) for e in events]


def test_every_stage_is_timed_and_every_face_has_one_verdict():
    second = Box(300, 100, 90, 90)
    report = pipeline(ScriptedDetector([FACE, second])).process(next(frames(1)))
    assert [Outcome.NEW_TRACK] * 2 == outcomes(report)
    assert set(STAGES) == set(report.seconds)


def test_no_face_is_no_verdict_and_no_event():
    report = pipeline(ScriptedDetector([])).process(next(frames(1)))
    assert ([], []) == (list(report.verdicts), list(report.events))


def test_a_small_box_is_named_too_small():
    report = pipeline(ScriptedDetector([Box(0, 0, 40, 40)]), min_face_px=60).process(
        next(frames(1))
    )
    assert [Outcome.TOO_SMALL] == outcomes(report)


def test_a_face_half_outside_the_frame_is_named_off_frame():
    report = pipeline(ScriptedDetector([Box(-50, 100, 90, 90)])).process(next(frames(1)))
    assert [Outcome.OFF_FRAME] == outcomes(report)


def test_a_face_a_little_outside_is_looked_at():
    report = pipeline(ScriptedDetector([Box(-10, 100, 90, 90)])).process(next(frames(1)))
    assert [Outcome.NEW_TRACK] == outcomes(report)


def test_of_twenty_faces_the_largest_are_kept_and_the_rest_counted():
    boxes = [Box(10 * k, 5 * k, 80 + k, 80 + k) for k in range(20)]
    report = pipeline(ScriptedDetector(boxes), max_faces=8).process(next(frames(1)))
    assert 20 == len(report.verdicts)
    assert 12 == outcomes(report).count(Outcome.TOO_MANY)
    kept = [v.box for v in report.verdicts if v.outcome is not Outcome.TOO_MANY]
    assert boxes[12:] == sorted(kept, key=lambda box: box.width)


@pytest.mark.parametrize(
    "luma",
    [
        np.zeros((480, 640), np.float32),
        np.zeros((480, 640, 3), np.uint8),
        np.zeros((480, 640), np.uint16),
        np.zeros((0, 640), np.uint8),
        np.zeros(10, np.uint8),
    ],
)
def test_a_frame_of_another_kind_is_rejected_by_name_and_nothing_is_lost(luma):
    running = pipeline(ScriptedDetector([FACE]))
    for frame in frames(5):
        running.process(frame)
    odd = running.process(Frame(luma, 5, 0.5, 0.5))
    assert odd.fault is not None
    assert str(luma.dtype) in odd.fault
    assert 1 == len(odd.present)
    assert [Outcome.UNCHANGED] == outcomes(running.process(next(frames(1, start=6))))


def test_a_frame_of_another_size_ends_the_tracks_and_goes_on():
    running = pipeline(ScriptedDetector([FACE]))
    for frame in frames(5):
        running.process(frame)
    report = running.process(next(frames(1, size=(240, 320), start=5)))
    assert [Phase.END] == [event.phase for event in report.events]
    assert [Outcome.NEW_TRACK] == outcomes(report)
    assert (320, 240) == report.size


def test_a_time_that_goes_back_begins_a_new_stream():
    running = pipeline(ScriptedDetector([FACE]))
    for frame in frames(5, start=100):
        running.process(frame)
    report = running.process(next(frames(1)))
    assert [Phase.END] == [event.phase for event in report.events]
    assert [Outcome.NEW_TRACK] == outcomes(report)


def test_the_end_of_the_stream_ends_every_track():
    running = pipeline(ScriptedDetector([FACE, Box(300, 100, 90, 90)]))
    for frame in frames(6):
        running.process(frame)
    assert [Phase.END] * 2 == [event.phase for event in running.finish(0.6)]
    assert [] == running.finish(0.7)


def test_present_lists_whoever_has_an_emotion_now():
    running = pipeline(ScriptedDetector([FACE]))
    reports = [running.process(frame) for frame in frames(6)]
    assert [] == reports[0].present
    (presence,) = reports[-1].present
    assert ("happy", FACE) == (presence.emotion, presence.box)


def test_a_short_gap_does_not_end_a_track():
    detector = ScriptedDetector(*[[FACE]] * 6, [], [], [], [FACE])
    running = pipeline(detector)
    names = {v.track for frame in frames(12) for v in running.process(frame).verdicts}
    assert 1 == len(names)


def test_chips_have_the_size_of_the_model():
    classifier = ScriptedClassifier(HAPPY)
    pipeline(ScriptedDetector([FACE]), classifier).process(next(frames(1)))
    assert [(48, 48)] == classifier.shapes
