"""The closer tables of the comparison: one label set each, and only what cards and records say."""

import json

import pytest
from toys import toy_pictures

from edge_fer.bench.models import Ratio
from edge_fer.emotion.card import LABELS, read_card
from edge_fer.evaluation.dataset import load
from edge_fer.types import Box, Outcome, Report, Verdict
from training.compare.answers import Answers, answers
from training.compare.draw import draw_sizes, draw_tradeoffs
from training.compare.page import NONE, cost_table
from training.compare.rows import Row
from training.compare.sections import (
    NO_SHARES,
    NO_STUDY,
    aligned_table,
    crowd_table,
    robustness_table,
    said_table,
    shares_table,
    size_table,
    study_table,
)
from training.compare.shares import Shares, count, read_shares

MODEL = "models/toy-p30-int8.onnx"

OWN = Row(name="own", model="own", stage="int8", size=48, public={"accuracy": 0.7})
CROWD = Row(
    name="crowd",
    model="crowd",
    stage="int8",
    truth="ferplus",
    size=48,
    macs=2_000_000,
    bytes=1,
    public={"accuracy": 0.8},
    latency=Ratio(1.5, 1, 2),
)
SMALL = Row(
    name="crowd at 32 px",
    model="crowd",
    stage="scaled",
    truth="ferplus",
    size=32,
    public={"accuracy": 0.75},
    latency=Ratio(0.5, 0.4, 0.6),
)


def test_a_table_of_costs_has_one_label_set_and_each_file_once():
    assert "| own |" in cost_table([OWN, CROWD, SMALL])
    assert "crowd" not in cost_table([OWN, CROWD, SMALL])
    crowd = cost_table([OWN, CROWD, SMALL], "ferplus")
    assert ["| crowd |"] == [line[:9] for line in crowd.splitlines()[2:]]
    assert NONE == cost_table([OWN], "ferplus")


def test_sizes_stand_in_order_under_whose_labels_they_go_by():
    own, crowd = size_table([OWN, CROWD, SMALL]).split("\n\nFER+ majority labels:\n\n")
    assert own.startswith("FER-2013 labels:\n\n")
    assert own.endswith("| `own` | 48 (default) | 70.00 | - | - | - | - |")
    assert [
        "| `crowd` | 32 | 75.00 | - | - | - | 0.50 (0.40-0.60) |",
        "| `crowd` | 48 (default) | 80.00 | - | - | 2.0 | 1.50 (1.00-2.00) |",
    ] == crowd.splitlines()[2:]


def test_a_panel_is_drawn_for_each_label_set(tmp_path):
    draw_sizes([CROWD, SMALL], tmp_path)
    draw_tradeoffs([OWN, CROWD, SMALL], [], tmp_path)
    names = ("sizes", "accuracy-latency", "accuracy-bytes")
    for name in names:
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_disturbed_and_aligned_pictures_are_told_from_the_card(built):
    card = read_card(built / MODEL)
    public = card.metrics["fer2013-public"]
    lost = public["robustness"]["disturbed"]["roll 15 degrees"]["loss"]
    assert f" | {lost:.1f} | " in robustness_table([card])
    every = public["aligned"]["all"]
    assert f" | all | {every['n']} | {100 * every['first']:.2f} | " in aligned_table([card])


def test_without_figures_there_is_no_table():
    assert [NONE, NO_STUDY, NO_SHARES] == [robustness_table([]), study_table([]), shares_table([])]


@pytest.fixture(scope="module")
def given(built):
    return answers([built / MODEL], load(built / "toy.npz", "public"))


def test_models_answer_to_both_label_sets(given):
    assert ["fer2013", "ferplus"] == [answer.truth for answer in given]
    own, crowd = (answer.figures["n"] for answer in given)
    assert own == len(toy_pictures(10))
    assert crowd < own


def test_what_is_said_adds_up_to_all_pictures(given):
    for line in said_table(given).splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0].startswith(("`", "true")):
            assert 100 == pytest.approx(sum(map(float, cells[1:])), abs=0.5)


def test_the_crowds_table_says_how_much_of_what_is_said_is_right():
    figures = {
        "n": 1000,
        "accuracy": 0.5,
        "macro_f1": 0.4,
        "ece": 0.1,
        "per_class": {"fear": {"said": 318, "precision": 53 / 318, "n": 62}},
    }
    row = crowd_table([Answers("toy", "ferplus", figures), Answers("toy", "fer2013", figures)])
    fear = ["53 of 318" if label == "fear" else "-" for label in LABELS]
    assert (
        f"| `toy` | 1,000 | 50.00 | 0.400 | 0.100 | {' | '.join(fear)} |" == (row.splitlines()[-1])
    )


def test_a_study_is_told_with_its_intervals(tmp_path):
    gap = {"points": 0.5, "low": -0.25, "high": 1.25}
    record = {
        "seeds": [1, 2],
        "epochs": {"parent": 4, "pruned": "4 + 2", "scratch": 6},
        "macs": {"parent": 4e7, "pruned": 2e7, "scratch": 2e7},
        "accuracy": {"parent": [0.7, 0.72], "pruned": [0.7, 0.7], "scratch": [0.68, 0.7]},
        "pruned - parent": gap,
        "pruned - scratch": gap,
    }
    path = tmp_path / "study-toy.json"
    path.write_text(json.dumps(record))
    assert (
        "| toy | 2 | parent 4, pruned 4 + 2, scratch 6 | 40.0 → 20.0 | 71.00 | 70.00 | 69.00 | "
        "+0.50 (-0.25 to +1.25) | +0.50 (-0.25 to +1.25) |"
    ) == study_table([path]).splitlines()[-1]


def report(*verdicts):
    return Report(0, 0.0, 0.0, (640, 480), verdicts, (), (), {}, None)


def test_shares_are_of_faces_and_of_what_was_settled():
    box = Box(0, 0, 90, 90)
    young = Verdict(Outcome.NEW_TRACK, box, "a", {"happy": 0.6, "sad": 0.4})
    unsure = Verdict(Outcome.UNSURE, box, "a", {"happy": 0.3, "sad": 0.7}, {}, "uncertain")
    refused = Verdict(Outcome.TOO_SMALL, box)
    reports = [report(young), report(unsure, refused), report(refused), report(young)]
    found = count("a.mkv", "toy", reports)
    assert (
        Shares(
            file="a.mkv",
            model="toy",
            frames=4,
            faced=3,
            raw={"happy": 0.6667, "sad": 0.3333},
            published={"uncertain": 1.0},
        )
        == found
    )
    row = "| a.mkv | `toy` | 3 of 4 | happy 67, sad 33 | uncertain 100 |"
    assert row == shares_table([found]).splitlines()[-1]


def test_without_a_record_there_are_no_shares(tmp_path):
    assert [] == read_shares(tmp_path / "shares.json")
