"""What is said about other CPUs follows from the scores, and covers the shipped models."""

import json
from pathlib import Path

import numpy as np
import pytest

from edge_fer.emotion.card import read_card
from edge_fer.emotion.classify import softmax
from research.agreement import FLOOR, compare, draw, kept, render, scores, table, too_different
from research.emulation import CPUS, HERE, Emulator
from research.progress import StepError
from tests.support.shipped import SHIPPED
from tests.support.tiny_model import write_tiny_model

ROOT = Path(__file__).parents[2]
RECORD = json.loads((ROOT / "docs/background/agreement.json").read_text())
LABELS = ["angry", "happy"]
OURS = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.3, 0.7]], np.float32)
ROW = {
    "model": "tiny-int8",
    "sha256": "0" * 64,
    "cpu": "cortex-a72",
    "like": "a Pi",
    "instructions": ["NEON", "dot product"],
    "onnxruntime": "1.31.1",
    "n": 1000,
    "same_top1": 0.985,
    "largest_difference": 0.0312,
    "accuracy": 0.7,
}


def test_a_cpu_with_the_same_scores_agrees_wholly():
    truth = ["angry", "angry", "happy", "angry"]
    expected = {"same_top1": 1.0, "largest_difference": 0.0, "accuracy": 0.75}
    assert expected == compare(OURS, OURS.copy(), truth, LABELS)


def test_a_turned_label_counts_and_so_does_the_largest_difference():
    theirs = OURS.copy()
    theirs[1] = 0.35, 0.65
    truth = ["angry", "angry", "happy", "happy"]
    expected = {"same_top1": 0.75, "largest_difference": 0.25, "accuracy": 0.75}
    assert expected == compare(OURS, theirs, truth, LABELS)


def test_scores_are_those_of_the_daemon(tmp_path):
    logits = np.array([[1.0, 2.0, 0.5]], np.float32)
    card = read_card(write_tiny_model(tmp_path, temperature=2.0))
    assert softmax(logits / np.float32(2)).tolist() == scores(logits, card).tolist()


def test_the_same_pictures_are_drawn_each_time_and_none_twice():
    pick = draw(3589, 1000)
    assert 1000 == len(set(pick.tolist()))
    assert pick.tolist() == sorted(draw(3589, 1000))
    assert list(range(5)) == draw(5, 1000).tolist()


def test_what_is_below_the_floor_is_named():
    rows = [{**ROW, "same_top1": FLOOR}, {**ROW, "cpu": "Haswell", "same_top1": FLOOR - 0.001}]
    assert ["Haswell"] == [row["cpu"] for row in too_different(rows)]


def test_a_run_is_a_row_of_the_table():
    expected = (
        "| `tiny-int8` | cortex-a72 | a Pi | NEON, dot product | 1.31.1 | 98.5 | 0.031 | 70.0 |"
    )
    assert expected == table([ROW]).splitlines()[2]


def test_the_table_takes_the_place_of_the_old_one():
    page = "head\n<!-- agreement -->\nold\n<!-- /agreement -->\ntail\n"
    expected = (
        "head\n<!-- agreement -->\n1,000 pictures of PublicTest, drawn by seed 7:\n\n"
        f"{table([ROW])}\n<!-- /agreement -->\ntail\n"
    )
    assert expected == render(page, {"seed": 7, "rows": [ROW]})


def test_the_page_is_freshly_made():
    page = (ROOT / "docs/background/agreement.md").read_text()
    assert render(page, RECORD) == page, "run: make agreement"


@pytest.mark.parametrize("model", SHIPPED)
def test_each_shipped_int8_model_was_run_on_every_cpu(model):
    if not model.stem.endswith("-int8"):
        pytest.skip(f"{model.name} is not INT8")
    digest = read_card(model).sha256
    cpus = {row["cpu"] for row in RECORD["rows"] if row["sha256"] == digest}
    assert {HERE.machine, *(cpu.name for cpu in CPUS)} == cpus, "run: make agreement"


def test_a_file_is_run_again_when_it_is_new_or_lacks_a_cpu_or_pictures(tmp_path):
    models = sorted((ROOT / "models").glob("*-int8.onnx"))
    assert RECORD["rows"] == kept(models, 1000)
    assert [] == kept(models, 999)
    assert [] == kept(models, 1000, tmp_path / "none.json")
    assert {models[0].stem} == {row["model"] for row in kept(models[:1], 1000)}
    lacking = tmp_path / "lacking.json"
    lacking.write_text(json.dumps({"rows": RECORD["rows"][1:]}))
    assert RECORD["rows"][0]["model"] not in {row["model"] for row in kept(models, 1000, lacking)}


def test_the_shipped_models_answer_alike_on_every_cpu():
    assert [] == too_different(RECORD["rows"])


def test_another_machine_than_x86_is_refused(tmp_path):
    with pytest.raises(StepError, match="this machine is aarch64: must be x86_64"):
        Emulator(tmp_path, "aarch64")


def test_each_cpu_runs_under_the_emulator_of_its_machine(tmp_path):
    emulator = Emulator(tmp_path)
    arm, x86 = (emulator.command(CPUS[place]) for place in (0, 2))
    assert arm[0].endswith("/qemu-aarch64")
    assert x86[0].endswith("/qemu-x86_64")
    assert arm[2] == CPUS[0].name
    assert f"PYTHONHOME={tmp_path}/trixie/usr" in arm
