"""What is made of counted instructions: parsing, comparing, telling; and that counting is exact."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from research.counted import __main__ as counted
from research.counted.counters import Callgrind, lines, summaries
from research.counted.record import beyond, incomparable, per_phase, render, summed_up, table
from research.counted.scenes import draw_room
from research.counted.work import LIBRARIES, PHASES

ROOT = Path(__file__).parents[2]
RECORD = json.loads((ROOT / "docs/background/counted.json").read_text())
LOOPS = """
import os
for turns in (1000, 101_000, 101_000):
    os.getpriority(os.PRIO_PROCESS, 0)
    sum(range(turns))
    os.getpriority(os.PRIO_PROCESS, 0)
"""


def row(*, face=1000, naive=8000, faces=1.0, **others):
    figures = {"one face": face, "naive": naive}
    phases = {
        name: {"instructions": count, "spread": 0.0, "frames": 4, "faces": faces}
        for name, count in figures.items()
    }
    common = {"machine": "toy", "counter": "toy-1", "cpu": "avx2", "runs": 1}
    return {**common, "versions": {"numpy": "2.4.6"}, "phases": phases, **others}


def test_a_phase_is_what_lies_between_its_two_marks_a_frame():
    frames = {"one face": 10, "naive": 2}
    assert {"one face": 50, "naive": 400} == per_phase([9999, 500, 77, 800], frames)


def test_a_missing_mark_is_told_and_not_guessed():
    with pytest.raises(ValueError, match="3 marks: must be 4, two for each phase"):
        per_phase([9999, 500, 77], {"one face": 10, "naive": 2})


def test_callgrinds_files_and_the_plugins_lines_give_their_totals():
    part = "version: 1\nevents: Ir\nsummary: 519126011\nfn=(0) summary\n16 5\ntotals: 519126011\n"
    assert [519126011, 7] == summaries([part, "summary: 7\n"])
    assert [12, 3456] == lines("counted: 12\nqemu: a word\ncounted: 3456\n")


def test_a_figure_is_the_median_of_its_runs_with_their_spread():
    runs = [{"naive": 1000}, {"naive": 1004}, {"naive": 999}]
    assert {"naive": {"instructions": 1000, "spread": 0.005}} == summed_up(runs)


def test_what_grew_beyond_the_tolerance_is_one_line_with_both_figures():
    grew, fell = beyond(row(face=1051), row(), 0.05)
    assert [
        "toy: one face: 1,051 instructions a frame, 1,000 in the record: +5.1%, tolerance 5%"
    ] == grew
    assert [] == fell


def test_within_the_tolerance_nothing_is_said():
    assert ([], []) == beyond(row(face=1049, naive=7700), row(), 0.05)


def test_what_fell_is_told_apart_from_what_grew():
    grew, fell = beyond(row(naive=4000), row(), 0.05)
    assert [] == grew
    assert [
        "toy: naive: 4,000 instructions a frame, 8,000 in the record: -50.0%, tolerance 5%"
    ] == fell


def test_a_pipeline_that_finds_no_face_any_more_has_not_become_cheaper():
    grew, _ = beyond(row(face=10, faces=0.0), row(), 0.05)
    assert "toy: one face: 0 faces a frame, in the record 1: not the same work" == grew[0]


def test_another_version_or_counter_is_not_comparable_and_named():
    now = row(versions={"numpy": "2.5.0"}, cpu="sse3")
    assert [
        "toy: not comparable: cpu = sse3, in the record avx2",
        "toy: not comparable: numpy = 2.5.0, in the record 2.4.6",
    ] == incomparable(now, row())
    assert [] == incomparable(row(), row(face=1))


@pytest.mark.parametrize(
    ("now", "code", "said"),
    [
        (row(), 0, ""),
        (row(face=2000), 1, "--record"),
        (row(face=500), 0, "--record"),
        (row(face=2000, cpu="sse3"), 0, "not comparable"),
        (row(face=2000, machine="other"), 0, "other: no record"),
    ],
)
def test_a_check_fails_only_for_a_comparable_figure_that_grew(
    now, code, said, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(counted, "RECORD", tmp_path / "counted.json")
    (tmp_path / "counted.json").write_text(json.dumps({"tolerance": 0.05, "rows": [row()]}))
    assert code == counted.check([now])
    told = capsys.readouterr()
    assert said in told.out + told.err
    assert bool(said) == bool(told.out + told.err)


def test_a_table_has_the_ratio_to_naive():
    told = table([row(runs=3)])
    assert "| toy, one face | 4 | 1,000 | 0.1250 | 0.0000% |" in told
    assert "| toy, naive | 4 | 8,000 | 1.0000 | 0.0000% |" in told


def test_the_page_has_the_table_of_the_record():
    page = (ROOT / "docs/background/counted.md").read_text()
    assert page == render(page, RECORD)
    assert RECORD["tolerance"] == counted.TOLERANCE


def test_the_record_covers_each_phase_on_each_machine_and_names_the_versions():
    assert sorted(counted.MACHINES) == [kept["machine"] for kept in RECORD["rows"]]
    for kept in RECORD["rows"]:
        assert list(PHASES) == list(kept["phases"])
        assert set(LIBRARIES) <= set(kept["versions"])
        assert {"one face": 1.0, "no face": 0.0, "naive": 1.0} == {
            name: phase["faces"] for name, phase in kept["phases"].items()
        }


def test_the_spread_of_the_record_is_far_below_its_tolerance():
    spreads = [phase["spread"] for kept in RECORD["rows"] for phase in kept["phases"].values()]
    assert max(spreads) < RECORD["tolerance"] / 5


def test_the_drawn_room_is_the_same_every_time():
    assert ((480, 640), np.uint8) == (draw_room().shape, draw_room().dtype)
    assert np.array_equal(draw_room(), draw_room())


@pytest.mark.skipif(not shutil.which("valgrind"), reason="no valgrind")
def test_callgrind_counts_what_lies_between_the_marks_and_nothing_else(tmp_path):
    script = tmp_path / "loops.py"
    script.write_text(LOOPS)
    _, short, _, long, _, again = Callgrind(tmp_path).count(["-S", str(script)]).marks
    assert 100_000 * 5 < long - short < 100_000 * 500
    assert long == pytest.approx(again, rel=0.001)
