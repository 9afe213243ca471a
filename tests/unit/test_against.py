"""What is said about ours against the naive pipeline follows from what both report."""

import dataclasses
import json

import numpy as np
import pytest

from edge_fer.bench.naive import Run, compare_with_naive, play, pool
from edge_fer.cameras import Camera, Reading
from edge_fer.errors import CameraError
from edge_fer.testing import frames
from edge_fer.types import Box, Outcome, Presence, Report, Verdict
from research.annotations import Fit
from research.naive import table

FACE = Box(100, 100, 80, 80)
AWAY = Box(400, 100, 80, 80)
POINTS = np.zeros((68, 2), np.float32)


class GreyCamera(Camera):
    """Grey frames, 10 a second."""

    live = False

    def __init__(self, count):
        super().__init__("grey")
        self._count = count

    def _open(self):
        self._frames = frames(self._count)

    def _close(self):
        pass

    def _read(self):
        frame = next(self._frames, None)
        return None if frame is None else Reading(frame.luma, frame.time, frame.stamp)


class ScriptedPipeline:
    """Reports the faces of its script, a list of `found` and `unseen` a frame; the last stays."""

    def __init__(self, *script, calls=None):
        self._script = list(script)
        self._calls = [] if calls is None else calls

    def process(self, frame):
        self._calls.append(self)
        faces = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        present = [
            Presence(verdict.track, verdict.emotion, 0.9, verdict.box)
            for verdict in faces
            if verdict.emotion is not None
        ]
        size = frame.luma.shape[::-1]
        return Report(frame.number, frame.time, frame.stamp, size, faces, (), present, {})


def found(box, track="a", emotion="happy"):
    return Verdict(Outcome.UNCHANGED, box, track, emotion=emotion, landmarks=POINTS)


def unseen(box, outcome, track="a", emotion="happy"):
    return Verdict(outcome, box, track, emotion=emotion)


def compare(ours, naive, count=1):
    return compare_with_naive(ScriptedPipeline(*ours), ScriptedPipeline(*naive), GreyCamera(count))


def test_a_pipeline_against_itself_covers_all_and_agrees_wholly():
    script = [[found(FACE, "a", "happy"), found(AWAY, "b", "uncertain")]]
    figures = compare(script, script, 20)
    assert (1.0, 1.0) == (figures.coverage, figures.agreement)
    assert (20, 40, 40, 20) == (
        figures.frames,
        figures.naive_boxes,
        figures.covered,
        figures.compared,
    )


@pytest.mark.parametrize("outcome", [Outcome.NOT_DUE, Outcome.COASTING])
def test_a_face_that_is_followed_without_a_look_is_covered(outcome):
    assert 1.0 == compare([[unseen(FACE, outcome)]], [[found(FACE)]]).coverage


def test_a_face_that_is_refused_is_not_covered():
    refused = Verdict(Outcome.TOO_SMALL, FACE)
    assert 0.0 == compare([[refused]], [[found(FACE)]]).coverage


def test_only_what_the_naive_one_found_in_a_frame_has_to_be_covered():
    lost = [unseen(FACE, Outcome.COASTING), Verdict(Outcome.TOO_MANY, AWAY)]
    figures = compare([[]], [[found(FACE)], lost], 2)
    assert (1, 0.0) == (figures.naive_boxes, figures.coverage)


def test_one_box_covers_one_face():
    beside = Box(110, 100, 80, 80)
    figures = compare([[found(FACE)]], [[found(FACE, "a"), found(beside, "b")]])
    assert (2, 1, 0.5) == (figures.naive_boxes, figures.covered, figures.coverage)


def test_boxes_that_share_too_little_are_two_faces():
    # Shifted by 34 px of 80, IoU is 46/114; by 35, it is 45/115 and below 0.4.
    assert [1.0, 0.0] == [
        compare([[found(Box(100 + shift, 100, 80, 80))]], [[found(FACE)]]).coverage
        for shift in (34, 35)
    ]


def test_without_a_face_there_is_neither_coverage_nor_agreement():
    figures = compare([[found(FACE)]], [[]], 20)
    assert (None, None, 0, {}) == (
        figures.coverage,
        figures.agreement,
        figures.naive_boxes,
        figures.labels,
    )


def test_emotions_are_compared_when_both_tracks_are_a_second_old():
    late = [[] for _ in range(5)] + [[found(FACE, "late")]]
    assert 10 == compare([[found(FACE)]], [[found(FACE)]], 20).compared
    assert 5 == compare([[found(FACE)]], late, 20).compared
    assert 5 == compare(late, [[found(FACE)]], 20).compared


def test_a_new_track_on_the_same_face_is_young_again():
    broken = [[found(FACE, "first")]] * 15 + [[found(FACE, "second")]]
    assert 5 == compare(broken, [[found(FACE)]], 20).compared


def test_abstention_and_silence_are_labels_of_their_own():
    ours = [[found(FACE, emotion="uncertain")]] * 12 + [[found(FACE, emotion="happy")]]
    figures = compare(ours, [[found(FACE, emotion="happy")]], 15)
    assert {"happy": {"uncertain": 2, "happy": 3}} == figures.labels
    assert (5, 3, 0.6) == (figures.compared, figures.same, figures.agreement)
    silent = compare([[found(FACE, emotion=None)]], [[found(FACE, emotion=None)]], 11)
    assert ({"none": {"none": 1}}, 1.0) == (silent.labels, silent.agreement)


def test_the_two_take_turns_in_going_first_and_ours_begins():
    calls = []
    ours, naive = (ScriptedPipeline([], calls=calls) for _ in range(2))
    compare_with_naive(ours, naive, GreyCamera(3))
    assert [ours, naive, naive, ours, ours, naive] == calls


def test_no_more_frames_are_taken_than_asked_for():
    ours, naive = ScriptedPipeline([]), ScriptedPipeline([])
    assert 7 == compare_with_naive(ours, naive, GreyCamera(100), 7).frames
    assert 100 == compare_with_naive(ours, naive, GreyCamera(100)).frames


def test_a_camera_without_frames_is_an_error():
    with pytest.raises(CameraError, match="camera grey: has no frame to measure"):
        compare_with_naive(ScriptedPipeline([]), ScriptedPipeline([]), GreyCamera(0))


def timed(seconds):
    """A run with these CPU times (frames, 2)."""
    seconds = np.array(seconds, float)
    return Run(seconds, play(ScriptedPipeline([]), ScriptedPipeline([]), GreyCamera(1)).reports)


def test_the_mean_ratio_is_that_of_all_time_and_the_p95_ratio_that_of_the_slow_frames():
    figures = pool([timed([(1, 10)] * 90 + [(5, 10)] * 10)])
    assert (0.14, 0.5, 100) == (figures.mean_cpu_ratio, figures.p95_ratio, figures.frames)


def test_the_interval_holds_the_ratio_and_is_wide_where_blocks_differ():
    low, high = pool([timed([(1, 10)] * 50 + [(3, 10)] * 50)]).mean_cpu_interval_95
    assert 0.1 <= low < 0.2 < high <= 0.3
    assert (0.1, 0.1) == pool([timed([(1, 10)] * 100)]).mean_cpu_interval_95


def test_a_stream_of_few_blocks_has_no_interval():
    assert pool([timed([(1, 10)] * 40)]).mean_cpu_interval_95 is None
    assert (0.1, 0.1) == pool([timed([(1, 10)] * 40)] * 2).mean_cpu_interval_95


def test_streams_are_pool_by_frame_and_a_tracks_age_ends_with_its_stream():
    run = [
        play(ScriptedPipeline(script), ScriptedPipeline([found(FACE)]), GreyCamera(8))
        for script in ([found(FACE)], [found(AWAY)])
    ]
    figures = pool(run)
    assert (16, 16, 8, 0.5, 0) == (
        figures.frames,
        figures.naive_boxes,
        figures.covered,
        figures.coverage,
        figures.compared,
    )


def test_the_table_has_a_row_a_clip_and_one_of_all():
    row = (timed([(1, 10)] * 100), Fit(10, 1, 0, 20, 9), Fit(20, 0, 0, 20, 20))
    lines = table({"a.mkv": row}).splitlines()
    expected = (
        "| `a.mkv` | 100 | 0.100 (0.100-0.100) | 0.100 | - | - | 10.0 % of 10 | 45.0 % of 20 | "
        "100.0 % of 20 |"
    )
    assert expected == lines[2]
    assert expected.replace("`a.mkv`", "all") == lines[-1]


def test_the_figures_are_json():
    figures = compare([[found(FACE)]], [[found(FACE)]], 11)
    assert {"happy": {"happy": 1}} == json.loads(json.dumps(dataclasses.asdict(figures)))["labels"]
