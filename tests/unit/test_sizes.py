"""A network that takes several chip sizes: which one is chosen, and what is said about it."""

import json
import logging

import numpy as np
import pytest

from edge_fer.build import build_classifier, build_pipeline, pick_size, time_sizes
from edge_fer.cli import main
from edge_fer.config.load import load
from edge_fer.daemon.build import build_service
from edge_fer.daemon.service import ServiceControl
from edge_fer.emotion.card import Golden, read_card
from edge_fer.emotion.classify import Classifier
from edge_fer.emotion.session import drawn_chip
from edge_fer.errors import ConfigError, ModelError
from tests.support.tiny_model import write_tiny_model

FURTHER = (32, 64, 96)
ACCURACIES = {
    "fer2013-public": {"accuracy": 0.70},
    "fer2013-public, 32 px": {"accuracy": 0.60},
    "fer2013-public, 64 px": {"accuracy": 0.72},
    "fer2013-public, 96 px": {"accuracy": 0.71},
}
TIMES_MS = {48: 1.0, 32: 0.5, 64: 2.0, 96: 4.0}


@pytest.fixture
def model(tmp_path):
    return write_tiny_model(tmp_path, further_sizes=FURTHER, metrics=ACCURACIES)


def settings(model, *overrides):
    return load(None, [f"model.path={model}", *overrides], {})


def test_the_first_size_is_the_default(model):
    assert 48 == Classifier(model).size
    assert 48 == build_classifier(settings(model)).size


@pytest.mark.parametrize("size", [48, *FURTHER])
def test_a_chosen_size_is_what_the_network_is_fed(model, size):
    classifier = Classifier(model, size=size)
    dark, bright = (np.full((size, size), value, np.uint8) for value in (0, 255))
    said = [max(scores, key=scores.get) for scores in classifier.classify([dark, bright])]
    assert (size, ["angry", "neutral"]) == (classifier.size, said)


def test_the_aligner_cuts_chips_of_the_chosen_size(model, landmarks):
    options = settings(model, "model.size=64")
    pipeline = build_pipeline(options, build_classifier(options))
    points = np.random.RandomState(0).uniform(20, 80, (68, 2)).astype(np.float32)
    assert (64, 64) == pipeline._aligner.chip(np.zeros((100, 100), np.uint8), points).shape


def test_a_size_the_card_lacks_is_refused_with_the_nearest(model):
    with pytest.raises(ModelError) as caught:
        Classifier(model, size=60)
    expected = f"{model}: model.size = 60: must be one of 0, 48, 32, 64, 96; did you mean 64?"
    assert expected == str(caught.value)


def test_another_size_leaves_the_classifier_as_it_was(model):
    classifier = Classifier(model)
    assert (96, 48) == (classifier.with_size(96).size, classifier.size)
    with pytest.raises(ModelError, match="did you mean 96"):
        classifier.with_size(95)


def test_several_sizes_need_a_graph_that_takes_them_all(tmp_path):
    model = write_tiny_model(tmp_path)
    card = json.loads(model.with_suffix(".json").read_text())
    card["input"]["sizes"] = [48, 64]
    model.with_suffix(".json").write_text(json.dumps(card))
    with pytest.raises(ModelError, match=r"graph takes \[1, 48, 48\] but its card says \[1, 64, 6"):
        Classifier(model)


def test_golden_vectors_are_held_at_the_default_size(tmp_path):
    scores = Classifier(write_tiny_model(tmp_path)).classify([drawn_chip((3, 5, 0), 48)])[0]
    other = Classifier(write_tiny_model(tmp_path, size=96)).classify([drawn_chip((3, 5, 0), 96)])[0]
    assert max(abs(scores[label] - other[label]) for label in scores) > 0.01
    golden = [Golden(pattern=(3, 5, 0), scores=scores)]
    model = write_tiny_model(tmp_path, "free", further_sizes=(96,), golden=golden)
    assert 96 == Classifier(model, size=96).size


def test_a_card_knows_the_accuracy_at_each_size(model):
    card = read_card(model)
    assert [0.70, 0.60, 0.72, 0.71, None] == [card.accuracy_at(s) for s in (48, *FURTHER, 128)]


@pytest.mark.parametrize(("budget", "size"), [(9, 64), (2, 64), (1.9, 48), (1, 48), (0.5, 32)])
def test_a_budget_takes_the_most_accurate_size_within_it(model, budget, size, caplog):
    assert size == pick_size(read_card(model), TIMES_MS, budget)
    assert [] == caplog.records


def test_without_figures_a_budget_keeps_to_the_cards_order(tmp_path):
    card = read_card(write_tiny_model(tmp_path, further_sizes=FURTHER))
    assert [48, 32] == [pick_size(card, TIMES_MS, budget) for budget in (9, 0.7)]


def test_a_budget_that_no_size_keeps_gives_the_fastest_and_a_warning(model, caplog):
    assert 32 == pick_size(read_card(model), TIMES_MS, 0.2)
    (record,) = caplog.records
    assert logging.WARNING == record.levelno
    text = record.getMessage()
    assert "model.budget_ms = 0.2" in text
    assert "using 32 px, which takes 0.5 ms per face" in text


def test_every_size_is_timed_on_this_device(model):
    times_ms = time_sizes(Classifier(model))
    assert [48, *FURTHER] == list(times_ms)
    assert all(time_ms > 0 for time_ms in times_ms.values())


def test_the_daemon_chooses_by_the_budget(model):
    assert 64 == build_classifier(settings(model, "model.budget_ms=10000")).size


def test_the_daemon_says_at_the_start_what_it_runs(model, landmarks, caplog):
    caplog.set_level(logging.INFO)
    build_service(settings(model, "model.size=64", "camera.source=file:a.mp4"), ServiceControl())
    assert "model tiny-fp32 at 64 px on cpu" in caplog.messages


def test_models_lists_every_size(model, capsys, monkeypatch):
    monkeypatch.setattr("edge_fer.emotion.card.shipped_models", lambda: [model])
    monkeypatch.setenv("COLUMNS", "120")
    assert 0 == main(["models"])
    assert "48, 32, 64, 96" in capsys.readouterr().out


def test_a_size_and_a_budget_contradict_each_other(model):
    with pytest.raises(ConfigError) as caught:
        settings(model, "model.size=64", "model.budget_ms=3")
    assert "model.budget_ms = 3: must be 0 if model.size is set (64)" in str(caught.value)
    assert 64 == settings(model, "model.size=64", "model.budget_ms=0").model.size
    assert 3 == settings(model, "model.size=0", "model.budget_ms=3").model.budget_ms
