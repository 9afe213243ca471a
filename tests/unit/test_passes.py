"""Playing a camera at its pace and at full speed: which frames count, and who keeps up."""

import time

import numpy as np
import pytest

from edge_fer.bench.models import MODEL_STAGES, share, totals_interval
from edge_fer.bench.playback import WARM_UP, PacedRun, Samples, loop, play_fast, play_paced
from edge_fer.cameras import Camera, Reading
from edge_fer.errors import CameraError
from edge_fer.pipeline import STAGES
from edge_fer.types import Report


class Film(Camera):
    """As many frames as it is told, a twentieth of a second apart."""

    live = False

    def __init__(self, frames):
        super().__init__("film")
        self._frames, self._next = frames, 0

    def _open(self):
        self._next = 0

    def _close(self):
        pass

    def _read(self):
        if self._next == self._frames:
            return None
        self._next += 1
        seconds = (self._next - 1) / 20
        return Reading(np.zeros((16, 16), np.uint8), seconds, seconds)


class Ticking(Film):
    """A live one, whose frames were there 30 ms ahead of being fetched."""

    live = True

    def _read(self):
        reading = super()._read()
        return reading and Reading(reading.luma, time.monotonic() - 0.03, time.time())


class Recorder:
    """Stands for a pipeline: notes the stream's times, None where a stream ends."""

    def __init__(self):
        self.seen = []

    def process(self, frame):
        self.seen.append(frame.time)
        return Report(frame.number, frame.time, frame.stamp, (16, 16), (), (), (), {})

    def finish(self, stamp):
        self.seen.append(None)
        return []


def test_both_rounds_see_the_same_frames_after_the_warm_up():
    pipeline = Recorder()
    rounds = play_fast(pipeline, Film(100), 60)
    first = WARM_UP + 1
    assert [None] * 3 == [pipeline.seen[k] for k in (WARM_UP, first + 30, first + 61)]
    assert pipeline.seen[first : first + 30] == pipeline.seen[first + 31 : first + 61]
    assert [30, 30] == [len(samples) for samples in rounds]


def test_waiting_counts_as_wall_time_alone():
    class Sleeper(Recorder):
        def process(self, frame):
            time.sleep(0.05)
            return super().process(frame)

    (samples,) = play_fast(Sleeper(), Film(20), 1)
    assert samples.wall["frame"][0] >= 0.05 > 0.04 > samples.cpu["frame"][0]


def test_an_odd_number_of_frames_is_kept():
    assert [3, 4] == [len(samples) for samples in play_fast(Recorder(), Film(100), 7)]
    assert [1] == [len(samples) for samples in play_fast(Recorder(), Film(100), 1)]


def test_a_short_file_is_played_again_and_time_runs_on():
    stream = loop(Film(2))
    frames = [next(stream) for _ in range(5)]
    assert [0.0, 0.05, 1.05, 1.1, 2.1] == pytest.approx([frame.time for frame in frames])
    assert [0, 1, 2, 3, 4] == [frame.number for frame in frames]


def test_a_camera_without_a_frame_is_an_error():
    for play in (play_paced, play_fast):
        with pytest.raises(CameraError, match="camera film: has no frame to measure"):
            play(Recorder(), Film(0), 10)


def test_the_pace_is_that_of_the_frames_times():
    paced = play_paced(Recorder(), Film(40), 11)
    assert (11, 20.0) == (len(paced.samples), pytest.approx(paced.fps))
    assert play_paced(Recorder(), Film(1), 11).fps is None


def test_a_live_frame_lags_from_the_moment_it_was_there():
    paced = play_paced(Recorder(), Ticking(5), 5)
    assert min(paced.lags) >= 0.03


@pytest.mark.parametrize(
    ("lags", "keeps_up"),
    [
        ([0.01] * 40, True),
        ([0.5] + [0.01] * 39, True),
        ([0.01 * k for k in range(40)], False),
        ([0.01] * 37 + [0.4] * 3, True),
    ],
)
def test_who_falls_behind_for_good_does_not_keep_up(lags, keeps_up):
    times = [k / 20 for k in range(40)]
    paced = PacedRun(Samples(), (16, 16), times, lags, 2.0, 1.0, None, None)
    assert keeps_up == paced.keeps_up


def test_the_warm_up_is_left_out_unless_it_is_all_there_is():
    paced = play_paced(Recorder(), Film(30), 30)
    assert (20, 30) == (len(paced.samples.without_first(10)), len(paced.samples.without_first(30)))


def test_the_ratio_of_totals_lies_in_its_interval():
    draw = np.random.RandomState(1)
    seconds = draw.gamma(2, 0.1, (200, 2)) * (1.0, 2.0)
    low, high = totals_interval([seconds])
    assert low < seconds[:, 0].sum() / seconds[:, 1].sum() < high


def test_the_models_own_stages_are_the_pipelines():
    assert set(MODEL_STAGES) <= set(STAGES)


def test_there_is_no_ratio_to_nothing():
    assert share(1.0, 0.0) is None
    assert totals_interval([np.array([[1.0, 0.0]] * 50)]) is None


def test_a_few_frames_have_no_interval():
    assert totals_interval([np.array([[1.0, 2.0]] * 40)]) is None
    assert (0.5, 0.5) == totals_interval([np.array([[1.0, 2.0]] * 41)])
