"""Smoothing: the EMA is by time, odd frames are no events, weak scores are no emotions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_fer.config import settings
from edge_fer.emotion.smooth import Smoother
from edge_fer.types import Outcome, Phase

HAPPY = {"happy": 0.9, "sad": 0.1}
SAD = {"happy": 0.1, "sad": 0.9}
TORN = {"happy": 0.5, "sad": 0.5}


def options(**changes: float) -> settings.Smoothing:
    base = {"half_life_s": 0.2, "settle_s": 0.5, "enter": 0.6, "leave": 0.45, "hold_s": 0.3}
    return settings.Smoothing(**{**base, **changes})


def feed(smoother, scores, start, stop, fps=20):
    frames = range(round(start * fps), round(stop * fps))
    return [smoother.update("t", scores, frame / fps) for frame in frames]


def test_a_track_has_no_emotion_before_it_has_settled():
    judgements = feed(Smoother(options()), HAPPY, 0, 0.5)
    assert {Outcome.NEW_TRACK} == {judgement.outcome for judgement in judgements}
    assert {None} == {judgement.emotion for judgement in judgements}


def test_the_first_event_begins_the_track():
    judgements = feed(Smoother(options()), HAPPY, 0, 1)
    events = [judgement for judgement in judgements if judgement.phase]
    assert [(Phase.BEGIN, "happy", None)] == [(e.phase, e.emotion, e.previous) for e in events]


def test_one_odd_frame_is_not_an_event():
    smoother = Smoother(options())
    feed(smoother, HAPPY, 0, 1)
    smoother.update("t", SAD, 1.0)
    after = feed(smoother, HAPPY, 1.05, 2)
    assert [] == [judgement for judgement in after if judgement.phase]


def test_a_change_that_lasts_is_an_event_and_names_what_was_before():
    smoother = Smoother(options())
    feed(smoother, HAPPY, 0, 1)
    judgements = feed(smoother, SAD, 1, 2.5)
    events = [judgement for judgement in judgements if judgement.phase]
    assert (Phase.CHANGE, "sad", "happy") == (
        events[-1].phase,
        events[-1].emotion,
        events[-1].previous,
    )
    assert Outcome.HELD in {judgement.outcome for judgement in judgements}


def test_scores_between_leave_and_enter_keep_the_present_emotion():
    smoother = Smoother(options())
    feed(smoother, HAPPY, 0, 1)
    judgements = feed(smoother, TORN, 1, 4)
    assert {"happy"} == {judgement.emotion for judgement in judgements}


def test_the_first_scores_weigh_no_more_than_the_next_in_the_first_event():
    smoother = Smoother(options(half_life_s=0.5))
    smoother.update("t", SAD, 0.0)
    judgements = [smoother.update("t", {"happy": 0.7, "sad": 0.3}, k / 10) for k in range(1, 6)]
    assert [(Phase.BEGIN, "happy")] == [(j.phase, j.emotion) for j in judgements if j.phase]
    assert pytest.approx((0.1 + 3 * 0.7) / 4, abs=0.01) == judgements[2].smooth["happy"]


def test_two_labels_of_like_strength_do_not_take_turns():
    smoother = Smoother(options(enter=0.4, leave=0.3, lead=0.1))
    feed(smoother, {"happy": 0.52, "sad": 0.48}, 0, 1)
    waves = [
        judgement
        for wave in range(10)
        for judgement in feed(smoother, {"happy": 0.46, "sad": 0.54}, 1 + 2 * wave, 2 + 2 * wave)
        + feed(smoother, {"happy": 0.54, "sad": 0.46}, 2 + 2 * wave, 3 + 2 * wave)
    ]
    assert {"happy"} == {judgement.emotion for judgement in waves}


def test_a_label_that_leads_by_the_margin_replaces_the_present_one():
    smoother = Smoother(options(enter=0.4, leave=0.1, lead=0.2))
    feed(smoother, {"happy": 0.6, "sad": 0.4}, 0, 1)
    near = feed(smoother, {"happy": 0.41, "sad": 0.59}, 1, 4)
    assert {"happy"} == {judgement.emotion for judgement in near}
    clear = feed(smoother, {"happy": 0.35, "sad": 0.65}, 4, 7)
    assert [(Phase.CHANGE, "sad")] == [(j.phase, j.emotion) for j in clear if j.phase]


def test_below_leave_a_strong_label_needs_no_margin():
    smoother = Smoother(options(enter=0.4, leave=0.35, lead=0.9))
    feed(smoother, {"happy": 0.9, "sad": 0.1}, 0, 1)
    judgements = feed(smoother, {"happy": 0.3, "sad": 0.7}, 1, 4)
    assert "sad" == judgements[-1].emotion


def test_below_leave_without_a_strong_label_the_emotion_is_uncertain():
    smoother = Smoother(options(enter=0.6, leave=0.45))
    feed(smoother, HAPPY, 0, 1)
    judgements = feed(smoother, {"happy": 0.44, "sad": 0.56}, 1, 6)
    assert "uncertain" == judgements[-1].emotion


def test_weak_scores_end_in_abstention():
    weak = Smoother(options())
    begun = [j for j in feed(weak, TORN, 0, 1) if j.phase]
    assert "uncertain" == begun[0].emotion
    assert pytest.approx(0.5) == begun[0].confidence
    assert Outcome.UNSURE == feed(weak, TORN, 1, 1.1)[-1].outcome


def test_the_frame_rate_does_not_change_the_average():
    slow, fast = Smoother(options()), Smoother(options())
    feed(slow, HAPPY, 0, 1, fps=10)
    feed(fast, HAPPY, 0, 1, fps=50)
    at_slow = feed(slow, SAD, 1, 1.5, fps=10)[-1]
    at_fast = feed(fast, SAD, 1, 1.5, fps=50)
    same_time = at_fast[round(0.4 * 50)]
    assert pytest.approx(at_slow.smooth["sad"], abs=0.1) == same_time.smooth["sad"]


def test_the_half_life_is_in_seconds():
    smoother = Smoother(options(half_life_s=0.5))
    smoother.update("t", {"happy": 1.0, "sad": 0.0}, 0.0)
    judgement = smoother.update("t", {"happy": 0.0, "sad": 1.0}, 0.5)
    assert pytest.approx(0.5) == judgement.smooth["happy"]


def test_the_end_of_a_track_that_never_began_is_not_an_event():
    smoother = Smoother(options())
    smoother.update("t", HAPPY, 0.0)
    assert smoother.end("t") is None
    assert smoother.end("never seen") is None


def test_the_end_of_a_track_tells_its_last_emotion():
    smoother = Smoother(options())
    feed(smoother, HAPPY, 0, 1)
    end = smoother.end("t")
    assert end is not None
    assert (Phase.END, "happy") == (end.phase, end.emotion)
    assert smoother.current("t") is None


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60), st.floats(0, 2))
def test_smoothed_scores_always_sum_to_one(shares, half_life):
    smoother = Smoother(options(half_life_s=half_life))
    for number, share in enumerate(shares):
        judgement = smoother.update("t", {"happy": share, "sad": 1 - share}, number / 15)
        assert pytest.approx(1.0) == sum(judgement.smooth.values())
        assert 0 <= judgement.confidence <= 1
