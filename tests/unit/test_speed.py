"""Two sides timed in turn: the ratio, its interval, and what is advised."""

import json

import numpy as np
import pytest

from edge_fer.bench import models
from edge_fer.bench.models import Ratio, compare_precision, ratio
from edge_fer.build import interleave
from edge_fer.cli import main
from edge_fer.emotion import card
from edge_fer.emotion.card import find_model, shipped_models
from edge_fer.emotion.classify import Classifier
from tests.support.tiny_model import write_tiny_model


@pytest.fixture
def pair(tmp_path):
    return [write_tiny_model(tmp_path, f"net-{name}", precision=name) for name in ("int8", "fp32")]


def advise(monkeypatch, measured, model):
    monkeypatch.setattr(models, "compare_latency", lambda *_: Ratio(*measured))
    return compare_precision(Classifier(model), threads=1)


def test_sides_are_called_in_turn_forwards_and_backwards():
    calls = []
    sides = [lambda: calls.append("a"), lambda: calls.append("b")]
    assert (3, 2) == interleave(sides, warm_ups=1, rounds=3).shape
    assert "abbaabba" == "".join(calls)


def test_the_ratio_is_of_undisturbed_times():
    seconds = np.array([[1.0, 2.0]] * 30)
    seconds[::3, 0] = 50
    assert Ratio(0.5, 0.5, 0.5) == ratio(seconds)


def test_the_interval_holds_the_ratio_and_narrows_with_the_rounds():
    draw = np.random.RandomState(1)
    few, many = (ratio(1 + draw.gamma(2, 0.1, (rounds, 2)) * (2.0, 1.0)) for rounds in (20, 2000))
    assert many.low < many.value < many.high
    assert many.high - many.low < few.high - few.low


def test_a_ratio_is_written_with_its_interval():
    assert "0.62 (0.60-0.64)" == str(Ratio(0.618, 0.6, 0.641))


@pytest.mark.parametrize(
    ("measured", "own", "advice"),
    [
        ((0.62, 0.60, 0.64), "int8", "keep net-int8"),
        ((0.62, 0.60, 0.64), "fp32", "set model.path = {int8}"),
        ((1.20, 1.10, 1.30), "int8", "set model.path = {fp32}"),
        ((1.20, 1.10, 1.30), "fp32", "keep net-fp32"),
        ((1.01, 0.99, 1.03), "int8", "keep net-int8"),
        ((0.99, 0.97, 1.01), "fp32", "keep net-fp32"),
    ],
)
def test_the_faster_one_is_advised_where_the_interval_is_clear(
    monkeypatch, pair, measured, own, advice
):
    files = {file.stem.rpartition("-")[2]: file for file in pair}
    figures = advise(monkeypatch, measured, files[own])
    assert figures["advice"].endswith(advice.format(**files))
    assert ("net-int8", "net-fp32") == (figures["int8"], figures["fp32"])
    assert list(measured) == [figures["int8_to_fp32"], *figures["interval_95"]]


def test_a_shipped_model_is_advised_by_its_name(monkeypatch, pair):
    monkeypatch.setattr(models, "shipped_models", lambda: pair)
    assert advise(monkeypatch, (2, 1.9, 2.1), pair[0])["advice"].endswith("model.path = net-fp32")


def test_without_the_other_file_or_its_card_nothing_is_advised(tmp_path, pair):
    alone = Classifier(write_tiny_model(tmp_path, "alone"))
    assert compare_precision(alone, threads=1) is None
    pair[1].with_suffix(".json").unlink()
    assert compare_precision(Classifier(pair[0]), threads=1) is None


def test_the_two_are_really_measured(pair):
    figures = compare_precision(Classifier(pair[0]), threads=1)
    low, high = figures["interval_95"]
    assert 0 < low <= figures["int8_to_fp32"] <= high


def test_bench_gives_the_advice(capsys, tmp_path, pair):
    import cv2

    from edge_fer.errors import ModelError
    from edge_fer.vision.landmarks import find_landmarks

    try:
        find_landmarks()
    except ModelError as error:
        pytest.skip(str(error))
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((60, 80), np.uint8))
    arguments = [
        "bench",
        "--camera",
        str(tmp_path / "a.png"),
        "--model",
        str(pair[0]),
        "--frames",
        "2",
    ]
    assert 0 == main(arguments)
    assert "int8 or fp32      int8 takes " in capsys.readouterr().out
    assert 0 == main([*arguments, "--json"])
    figures = json.loads(capsys.readouterr().out)
    assert ("net-int8", 48) == (figures["model"], figures["size"])
    assert "net-fp32" == figures["precision"]["fp32"]
    assert figures["pace"] is None


def test_int8_stays_the_default_beside_its_fp32_twin(monkeypatch, tmp_path):
    package = tmp_path / "edge_fer"
    (package / "models").mkdir(parents=True)
    for name in ("xception-p40-fp32", "ultralight-p40-fp32", "ultralight-p40-int8"):
        (package / "models" / f"{name}.onnx").touch()
    monkeypatch.setattr(card, "__file__", str(package / "emotion" / "card.py"))
    names = ["ultralight-p40-int8", "ultralight-p40-fp32", "xception-p40-fp32"]
    assert names == [model.stem for model in shipped_models()]
    for asked, got in {
        "": names[0],
        "ultralight": names[0],
        "ultralight-p40": names[0],
        "ultralight-p40-fp32": names[1],
        "xception": names[2],
    }.items():
        assert got == find_model(asked).stem
