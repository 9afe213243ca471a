"""The figures of docs/background/results.md: what counts as reached, and how changes count."""

import dataclasses
import json
import re

import numpy as np
import pytest

from edge_fer.errors import ConfigError, DataError
from edge_fer.types import Box, Event, Frame, Outcome, Phase, Report, Verdict
from research.results import __main__ as results
from research.results.cost import alike, in_turn, joined
from research.results.figures import GOALS, Figure, Goal
from research.results.latency import Trial, Waited, count_changes, wait
from research.results.media import Head, require
from research.results.page import entry, render, summary
from research.results.streams import box_at, make_sprite, paste, stream
from research.results.timing import MISSED_S, longest, row

FACE, ELSEWHERE = Box(100, 100, 80, 80), Box(400, 100, 80, 80)
DEVICE = {"cpu": "Toy", "cores": 2}


class Scripted:
    """A pipeline that follows a face from one frame on, and makes events in others."""

    def __init__(self, events, *, box=FACE, found=0, work=0):
        self.events, self.box, self.found, self.work = events, box, found, work
        self.seen = []

    def process(self, frame):
        self.seen.append(frame.number)
        sum(range(self.work))
        events = [self.event(*event) for event in self.events.get(frame.number, ())]
        verdicts = [Verdict(Outcome.UNCHANGED, self.box, "a")] if frame.number >= self.found else []
        return Report(frame.number, frame.time, frame.stamp, (640, 480), verdicts, events, (), {})

    def event(self, phase, emotion):
        return Event("a", phase, emotion, None, 0.9, {emotion: 0.9}, self.box, 0.0)


def frames(count=30, fps=10):
    return [Frame(np.zeros((16, 16), np.uint8), n, n / fps, n / fps) for n in range(count)]


def trial(emotion="", since=1.0, box=FACE):
    return Trial("toy", frames(), since, lambda _: box, emotion)


def test_a_wait_is_stream_time_from_the_moment_to_box_and_event():
    waited = wait(Scripted({16: [(Phase.BEGIN, "happy")]}, found=12), trial())
    assert Waited("toy", pytest.approx(0.2), pytest.approx(0.6)) == waited


def test_an_event_that_never_comes_is_none_and_counts_as_beyond_any_bound():
    waited = wait(Scripted({}), trial())
    assert waited.told is None
    assert longest([Waited("", 0.0, 0.3), waited]) == MISSED_S
    assert row("", [Waited("", 0.0, 0.3), waited])["no event"] == 1


def test_an_event_of_a_box_elsewhere_is_no_news_of_the_face():
    pipeline = Scripted({16: [(Phase.BEGIN, "happy")]}, box=ELSEWHERE)
    assert Waited("toy", None, None) == wait(pipeline, trial())


@pytest.mark.parametrize(
    ("events", "told"),
    [
        ({8: [(Phase.CHANGE, "sad")]}, None),  # ahead of the moment
        ({12: [(Phase.CHANGE, "happy")]}, None),  # another emotion
        ({12: [(Phase.BEGIN, "sad")]}, None),  # the track broke
        ({12: [(Phase.CHANGE, "happy")], 15: [(Phase.CHANGE, "sad")]}, 0.5),
    ],
)
def test_a_change_is_told_by_a_change_to_the_new_emotion_after_it(events, told):
    expected = told if told is None else pytest.approx(told)
    assert expected == wait(Scripted(events), trial("sad")).told


def test_a_still_face_counts_changes_and_tracks_begun_anew():
    events = {
        3: [(Phase.BEGIN, "happy")],
        9: [(Phase.CHANGE, "sad")],
        15: [(Phase.END, "sad"), (Phase.BEGIN, "sad")],
    }
    assert 2 == count_changes(Scripted(events), frames())
    assert 0 == count_changes(Scripted({3: [(Phase.BEGIN, "happy")]}), frames())


def test_sides_take_turns_in_going_first_and_each_sees_every_frame():
    order = []

    class Noting(Scripted):
        def process(self, frame):
            order.append((self.box.left, frame.number))
            return super().process(frame)

    sides = [Noting({}, box=FACE), Noting({}, box=ELSEWHERE)]
    run = in_turn(sides, alike(frames(3), 2))
    assert [(100, 0), (400, 0), (400, 1), (100, 1), (100, 2), (400, 2)] == order
    assert (3, 2) == run.seconds.shape
    assert [3, 3] == [len(reports) for reports in run.reports]


def test_a_side_that_works_more_costs_more():
    run = in_turn([Scripted({}), Scripted({}, work=200_000)], alike(frames(9), 2))
    assert joined([run, run]).mean_ratio(1) > 10


def test_a_pasted_face_is_where_it_is_said_to_be():
    head = Head("white", np.full((100, 80), 255, np.uint8), Box(20, 30, 40, 40))
    sprite = make_sprite(head, 80)
    picture = paste(np.zeros((480, 640), np.float32), sprite, 320.0, 240.0)
    box = box_at(sprite, 320.0, 240.0)
    assert Box(280, 200, 80, 80) == box
    assert picture[box.top : box.top + 80, box.left : box.left + 80].min() > 250
    assert picture[:, :200].max() == 0


def test_a_stream_follows_from_its_seed():
    def scene(_):
        return np.full((480, 640), 100, np.float32)

    first, again, other = (
        [frame.luma for frame in stream(scene, fps=10, seconds=0.2, seed=seed, flicker=0.1)]
        for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("mean-cpu", 0.05, "1/20 (aim)"),
        ("mean-cpu", 0.08, "1/12.5 (floor)"),
        ("mean-cpu", 0.2, "1/5 (below the floor)"),
        ("coverage", 0.99, "99 % (aim)"),
        ("coverage", 0.9, "90 % (below the floor)"),
        ("still-face", 0, "0 a minute (aim)"),
    ],
)
def test_the_table_says_which_bound_is_kept(key, value, said):
    record = {key: entry(Figure(value, "note"), DEVICE, "a command")}
    assert f"| {said} | `a command` |" in summary(record)


def test_every_figure_has_a_row_measured_or_not():
    assert len(GOALS) == summary({}).count("not measured")


def test_an_aim_is_never_easier_than_the_floor():
    assert [] == [key for key, goal in GOALS.items() if not goal.reached(goal.aim, goal.floor)]


def test_bounds_say_their_direction():
    assert "≤ 1/10" == Goal("", 0.1, 0, "ratio").bound(0.1)
    assert "≥ 94 %" == Goal("", 0.94, 1, "%", at_least=True).bound(0.94)


def test_the_page_has_the_notes_and_tables_of_what_was_measured():
    figure = Figure(0.3, "As it was.", ({"way": "cut", "median, s": 0.3},))
    page = render({"new-face": entry(figure, DEVICE, "a command")})
    assert '<a id="new-face"></a>New face to first event, longest\n\nAs it was.\n' in page
    assert "| way | median, s |\n| --- | --- |\n| cut | 0.3 |\n" in page
    assert "Toy, 2 cores" in page
    assert '<a id="change">' not in page


def test_the_page_is_freshly_made():
    record = json.loads(results.RECORD.read_text())
    page = render(record)
    assert page == results.PAGE.read_text(), "run: python -m research.results --render"


def test_each_figure_is_given_by_the_command_beside_it():
    record = json.loads(results.RECORD.read_text())
    commands = [
        re.fullmatch(r"python -m research\.results (\S+)", one["command"])
        for one in record.values()
    ]
    assert {True} == {match is not None and match[1] in results.MEASURES for match in commands}


def test_media_that_are_not_named_are_told_in_one_line(monkeypatch, capsys):
    monkeypatch.delenv("EDGE_FER_MEDIA", raising=False)
    assert DataError.exit_code == results.main(["memory", "start"])
    assert (
        "results: EDGE_FER_MEDIA is not set; must be the folder of again.mkv, bird.mkv, book.mkv, "
        "eat.mkv, for memory, start\n"
    ) == capsys.readouterr().err


def test_a_clip_that_is_missing_is_named_with_who_needs_it(monkeypatch, tmp_path):
    monkeypatch.setenv("EDGE_FER_MEDIA", str(tmp_path))
    (tmp_path / "eat.mkv").touch()
    with pytest.raises(DataError, match=r"/again\.mkv: not there, see EDGE_FER_MEDIA; for toy$"):
        require({"toy": ["eat.mkv", "again.mkv"]})


def test_a_figure_that_does_not_exist_is_refused_with_a_guess(capsys):
    assert ConfigError.exit_code == results.main(["new-fase"])
    assert "results: new-fase: must be one of talking, " in (told := capsys.readouterr().err)
    assert told.endswith("; did you mean new-face?\n")


def test_the_record_holds_figures_and_where_they_were_measured():
    names = {field.name for field in dataclasses.fields(Figure)} | {"cpu", "cores", "command"}
    assert names == set(entry(Figure(1.0, ""), DEVICE, "a command"))
