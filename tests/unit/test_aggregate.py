"""privacy.mode = "aggregate": shares of a group, and nothing of anybody in it."""

import dataclasses
import json
import sqlite3
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_fer.config.settings import Mqtt, Privacy
from edge_fer.daemon.reporting import build_reporter
from edge_fer.mqtt import schema
from edge_fer.mqtt.aggregate import RETURN_S, Aggregate, Summary
from edge_fer.mqtt.publisher import Publisher
from edge_fer.types import Box, Presence
from tests.support.mqtt import EVENT, FACE, ME, SIZE, listening, until_acked, warnings
from tests.support.outbox import keep, names
from tests.support.wait import DEADLINE_S, wait_until

APART = 1000


def face(track: str, emotion: str = "happy", left: int | None = None) -> Presence:
    """A face at a place of its own, unless told otherwise."""
    place = APART * sum(map(ord, track)) if left is None else left
    return Presence(track, emotion, 0.9, Box(place, 0, 100, 100))


def faces(tracks: str, emotion: str = "happy") -> list[Presence]:
    return [face(track, emotion) for track in tracks]


def after(aggregate: Aggregate, *frames: list[Presence], step_s: float = 1.0) -> Summary:
    """What the interval comes to when the camera closes after these frames."""
    aggregate.add([], 0.0, 0.0)
    for number, present in enumerate(frames, 1):
        assert aggregate.add(present, number * step_s, number * step_s) is None
    summary = aggregate.finish(99.0)
    assert summary is not None
    return summary


def group(*frames: list[Presence], step_s: float = 1.0) -> int | None:
    return after(Aggregate(3600, 3), *frames, step_s=step_s).people


@pytest.mark.parametrize(("count", "people"), [(0, None), (2, None), (3, 3), (5, 3), (6, 6)])
def test_the_number_of_people_is_a_multiple_of_the_smallest_group_or_withheld(
    count: int, people: int | None
) -> None:
    summary = after(Aggregate(3600, 3), faces("abcdef"[:count]))
    assert (people, people is None) == (summary.people, summary.shares is None)


def test_an_empty_room_and_a_small_group_look_alike() -> None:
    assert after(Aggregate(60, 3), []) == after(Aggregate(60, 3), faces("ab"))


def test_each_person_has_one_vote_however_long_they_stay() -> None:
    stays = [[face("a", "sad")]] * 97
    passes = [faces("bcd", "happy")]
    assert {"sad": 0.25, "happy": 0.75} == after(Aggregate(3600, 3), *stays, *passes).shares


def test_a_vote_is_divided_by_the_frames_of_each_emotion() -> None:
    both = [[face("a", "sad"), *faces("bc")]] * 3 + [[face("a", "happy")]]
    shares = after(Aggregate(3600, 3), *both).shares
    assert shares == {"sad": pytest.approx(1 / 4), "happy": pytest.approx(3 / 4)}


def test_one_person_who_is_lost_and_found_again_is_one_person() -> None:
    assert group(*[[face(name, left=0)] for name in "abcdefgh"]) is None
    assert group(*[[face(name, left=10 * number)] for number, name in enumerate("abcdef")]) is None


def test_a_face_elsewhere_or_much_later_is_another_person() -> None:
    assert 3 == group([face("a", left=0)], [face("b", left=201)], [face("c", left=402)])
    late = int(RETURN_S) + 1
    empty: list[list[Presence]] = [[]] * late
    one, two, three = ([face(name, left=0)] for name in "abc")
    assert 3 == group(one, *empty, two, *empty, three)


def test_a_new_track_where_a_person_still_is_is_another_person() -> None:
    assert 3 == group([face("a", left=0), face("b", left=50), face("c", left=100)])


def test_two_who_come_where_one_has_gone_are_two() -> None:
    assert 3 == group(
        [face("a", left=0), face("b", left=5000)], [face("c", left=0), face("d", left=9)]
    )


def test_an_interval_ends_on_time_and_the_next_knows_nothing_of_it() -> None:
    aggregate = Aggregate(10, 3)
    made = [aggregate.add(faces("abc"), float(second), 100.0 + second) for second in range(25)]
    first, second = (summary for summary in made if summary)
    assert (10.0, 110.0, 3) == (first.seconds, first.stamp, first.people)
    assert (10.0, 120.0) == (second.seconds, second.stamp)
    rest = aggregate.finish(124.0)
    assert rest is not None
    assert (4.0, {"happy": pytest.approx(1)}) == (rest.seconds, rest.shares)
    assert aggregate.finish(125.0) is None


def test_time_without_frames_after_a_close_is_not_counted() -> None:
    aggregate = Aggregate(10, 3)
    aggregate.add([], 0.0, 0.0)
    aggregate.add([], 4.0, 4.0)
    summary = aggregate.finish(4.0)
    assert summary is not None
    assert 4.0 == summary.seconds
    assert aggregate.add([], 1000.0, 1000.0) is None


def test_a_stream_that_begins_anew_goes_on_within_the_interval() -> None:
    aggregate = Aggregate(10, 3)
    times = (0.0, 4.0, 0.0, 4.0)
    assert [None] * 4 == [aggregate.add(faces("abc"), time, time) for time in times]
    summary = aggregate.finish(4.0)
    assert summary is not None
    assert 8.0 == summary.seconds


@settings(deadline=None)
@given(
    st.lists(
        st.lists(
            st.tuples(st.sampled_from("abcdefghij"), st.sampled_from(["happy", "sad"])),
            max_size=8,
            unique_by=lambda it: it[0],
        ),
        min_size=1,
        max_size=30,
    ),
    st.integers(3, 6),
)
def test_shares_sum_to_one_and_a_small_group_is_never_told(
    frames: list[list[tuple[str, str]]], least: int
) -> None:
    seen = {name for frame in frames for name, _ in frame}
    summary = after(Aggregate(3600, least), *[[face(*it) for it in frame] for frame in frames])
    assert (len(seen) >= least) == (summary.shares is not None)
    if summary.shares is not None and summary.people is not None:
        assert sum(summary.shares.values()) == pytest.approx(1)
        assert least <= summary.people <= len(seen)


def crowd(url: str, folder: Path | None = None, **options: Any) -> Publisher:
    return Publisher(
        Mqtt(brokers=[url], **options), ME, lambda _: None, folder=folder, per_face=False
    )


SUMMARY = Summary(1714564800.25, 60.04, 5, {"happy": 0.61234, "neutral": 0.38766})


def test_an_interval_goes_out_like_an_event_and_says_what_the_contract_promises(
    broker: Any,
) -> None:
    with listening(broker, "aggregate") as inbox, crowd(broker.url) as out:
        out.publish_aggregate(SUMMARY)
        out.publish_aggregate(Summary(0, 60, None, None))
        until_acked(out, 2)
        told, withheld = (json.loads(inbox.get(timeout=DEADLINE_S).payload) for _ in range(2))
    published = schema.schemas()
    validator = jsonschema.Draft202012Validator({**published, **published["aggregate"]})
    validator.validate(told)
    validator.validate(withheld)
    assert {
        "schema": 2,
        "id": "9f3a61c2-1",
        "session": "9f3a61c2",
        "seq": 1,
        "time": "2024-05-01T12:00:00.250Z",
        "device": "porch",
        "camera": "cam0",
        "seconds": 60.0,
        "withheld": False,
        "people": 5,
        "shares": {"happy": 0.61, "neutral": 0.39},
        "model": {"name": "small", "sha256": "ab" * 32},
    } == told
    assert (True, None, None) == (withheld["withheld"], withheld["people"], withheld["shares"])


def test_intervals_without_a_broker_are_kept_for_the_next_start(
    broker: Any, tmp_path: Path
) -> None:
    with crowd("mqtt://127.0.0.1:9", tmp_path, drain_s=0) as out:
        out.publish_aggregate(SUMMARY)
    with listening(broker, "aggregate") as inbox, crowd(broker.url, tmp_path) as out:
        assert 5 == json.loads(inbox.get(timeout=DEADLINE_S).payload)["people"]


def test_no_event_or_state_can_be_published() -> None:
    out = crowd("mqtt://127.0.0.1:9")
    for publish in (
        lambda: out.publish_event(EVENT, SIZE),
        lambda: out.publish_state([FACE], SIZE, 0),
        lambda: out.publish_live([FACE], SIZE, 0),
    ):
        with pytest.raises(AssertionError):
            publish()


def test_a_state_that_a_broker_still_shows_is_taken_away(broker: Any) -> None:
    with Publisher(Mqtt(brokers=[broker.url]), ME, lambda _: None) as out:
        out.publish_state([FACE], SIZE, 0)
        wait_until(lambda: out.connected, "connected")
    with listening(broker, "state") as inbox:
        assert inbox.get(timeout=DEADLINE_S).payload
        with crowd(broker.url):
            assert b"" == inbox.get(timeout=DEADLINE_S).payload
    with listening(broker, "state", "emotion", "faces", "presence", "status") as late:
        assert "edge-fer/porch/status" == late.get(timeout=DEADLINE_S).topic
        assert late.empty()


def test_events_that_were_kept_are_deleted_instead_of_sent(
    broker: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keep(tmp_path, 70)
    with (
        listening(broker, "event", "aggregate") as inbox,
        crowd(broker.url, tmp_path, spill_after_s=0.05) as out,
    ):
        out.publish_aggregate(SUMMARY)
        wait_until(lambda: out.counters()["dropped_barred"] == 70, "barred")
        until_acked(out, 1)
        assert "edge-fer/porch/aggregate" == inbox.get(timeout=DEADLINE_S).topic
    assert inbox.empty()
    assert [] == names(tmp_path)
    assert 1 == sum("stored events are deleted, not sent" in line for line in warnings(caplog))
    told = out.counters()
    gone = told["acked"] + sum(n for name, n in told.items() if name.startswith("dropped_"))
    assert told["queued"] + told["resumed"] == gone


def test_what_was_kept_is_deleted_without_a_broker_too(tmp_path: Path) -> None:
    keep(tmp_path, 70)
    (tmp_path / "edge-fer-porch.db.damaged").write_bytes(b'"track"')
    with crowd("mqtt://127.0.0.1:9", tmp_path) as out:
        assert (70, 0) == (out.counters()["dropped_barred"], out.counters()["waiting"])
        left = [path.name for path in tmp_path.iterdir() if b'"track"' in path.read_bytes()]
        assert [] == left


def test_events_of_another_prefix_with_the_same_file_are_deleted_too(
    broker: Any, tmp_path: Path
) -> None:
    one = dataclasses.replace(ME, prefix="a/b", device="c")
    other = dataclasses.replace(ME, prefix="a", device="b-c")
    settings = Mqtt(brokers=["mqtt://127.0.0.1:9"], drain_s=0)
    with Publisher(settings, one, lambda _: None, folder=tmp_path) as out:
        out.publish_event(EVENT, SIZE)
    settings = Mqtt(brokers=[broker.url])
    with Publisher(settings, other, lambda _: None, folder=tmp_path, per_face=False) as out:
        wait_until(lambda: out.counters()["dropped_barred"] == 1, "barred")
    assert 0 == out.counters()["sent"]


def test_what_is_deleted_is_not_left_in_the_file(broker: Any, tmp_path: Path) -> None:
    keep(tmp_path, 70)
    file = tmp_path / "edge-fer-porch.db"
    assert b'"track"' in file.read_bytes()
    with crowd(broker.url, tmp_path, spill_after_s=0.05) as out:
        wait_until(lambda: out.counters()["dropped_barred"] == 70, "barred")
    left = [path.name for path in tmp_path.iterdir() if b'"track"' in path.read_bytes()]
    assert [] == left, sqlite3.sqlite_version


def test_stats_do_not_count_faces() -> None:
    numbers = {"frames": 2.0, "faces_published": 3.0, "faces_tiny": 1.0}
    out = crowd("mqtt://127.0.0.1:9")
    assert {"frames": 2.0} == build_reporter(Privacy(mode="aggregate"), out).filter_stats(numbers)
    assert numbers == build_reporter(Privacy(), out).filter_stats(numbers)
