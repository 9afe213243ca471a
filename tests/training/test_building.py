"""`build` goes from data to card; everything it writes fits together."""

import json

import pytest
from toys import toy_pictures, toy_recipe

from edge_fer.emotion.card import read_card
from edge_fer.emotion.classify import Classifier
from edge_fer.emotion.session import drawn_chip
from edge_fer.evaluation.dataset import load
from edge_fer.evaluation.evaluate import evaluate
from training.build import build
from training.export import costs
from training.figures import fit_temperature

MODEL = "models/toy-p30-int8.onnx"


@pytest.fixture(scope="module")
def card(built):
    return read_card(built / MODEL)


def test_every_stage_leaves_what_it_says(built):
    runs = built / "runs/toy"
    for run in ("parent", "pruned1"):
        names = {path.name for path in (runs / run).iterdir()}
        files = {"checkpoint.pt", "history.json", "curves.png", "final.pt", "options.json"}
        assert files == names
    for name in ("toy-fp32", "toy-p30-fp32"):
        assert (runs / f"{name}.onnx").exists()
    assert (runs / "confusion-public.png").read_bytes().startswith(b"\x89PNG")


def test_the_model_has_learnt_the_labels(built):
    pictures = toy_pictures(each=20, seed=5)
    said = Classifier(built / MODEL).logits(pictures.images).argmax(1)
    assert (said == pictures.labels).mean() > 0.8


def test_the_card_names_the_file_it_lies_beside(card, built):
    assert ("toy-p30-int8", "ultralight", "int8") == (card.name, card.network, card.precision)
    assert (built / MODEL).stat().st_size == card.bytes
    assert "make model NET=toy" == card.command


def test_the_card_counts_what_is_in_the_file(card, built):
    parent, child = (costs(built / f"runs/toy/{name}-fp32.onnx") for name in ("toy", "toy-p30"))
    assert child == (card.parameters, card.macs)
    assert card.macs <= 0.75 * parent[1]
    assert card.parameters < parent[0]


def test_the_golden_vectors_hold_and_differ_from_each_other(card, built):
    assert len(card.golden) == 3
    classifier = Classifier(built / MODEL)
    for golden in card.golden:
        scores = classifier.classify([drawn_chip(golden.pattern, 48)])[0]
        assert golden.scores == pytest.approx(scores, abs=1e-3)
    assert card.golden[0].scores != card.golden[1].scores


@pytest.mark.parametrize("split", ["public", "private"])
def test_the_figures_are_those_that_evaluate_finds(card, built, split):
    figures = evaluate(Classifier(built / MODEL), built / "toy.npz", split)
    noted = card.metrics[f"fer2013-{split}"]
    for key in ("n", "accuracy", "accuracy_no_duplicates", "macro_f1", "ece", "per_class"):
        assert figures[key] == noted[key]


def test_the_card_compares_int8_with_both_fp32_stages(card, built):
    for name, file in (("parent", "toy"), ("pruned", "toy-p30")):
        noted = card.metrics[f"fer2013-public, fp32 {name}"]
        assert (built / f"runs/toy/{file}-fp32.onnx").stat().st_size == noted["bytes"]
        assert 0.5 < noted["same_top1_as_int8"] <= 1


def test_the_temperature_is_the_best_one_on_public_test(card, built):
    assert card.temperature == fit_temperature(built / MODEL, load(built / "toy.npz", "public"))
    assert card.temperature != 1.0


def test_building_again_trains_nothing_and_gives_the_same_files(built, monkeypatch):
    monkeypatch.chdir(built)
    monkeypatch.setenv("EDGE_FER_DATA", str(built / "toy.npz"))
    before = {path: path.read_bytes() for path in built.rglob("*.pt")}
    model = (built / MODEL).read_bytes()
    old = json.loads((built / MODEL).with_suffix(".json").read_text())
    build(toy_recipe(), final=True)
    assert before == {path: path.read_bytes() for path in built.rglob("*.pt")}
    assert model == (built / MODEL).read_bytes()
    new = json.loads((built / MODEL).with_suffix(".json").read_text())
    assert old["golden"] == new["golden"]
    assert old["temperature"] == new["temperature"]


def test_without_final_private_test_is_not_looked_at(built, tmp_path, monkeypatch):
    (tmp_path / "runs").symlink_to(built / "runs")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EDGE_FER_DATA", str(built / "toy.npz"))
    model = build(toy_recipe(), final=False)
    assert "fer2013-private" not in read_card(model).metrics
    assert "fer2013-public" in read_card(model).metrics
