"""Cards and model files: whatever does not fit is refused in one line that names it."""

import json

import onnx
import pytest

from edge_fer.emotion.card import LABELS, Golden, find_model, read_card, sha256_of
from edge_fer.emotion.classify import Classifier
from edge_fer.errors import ModelError
from tests.support.tiny_model import write_tiny_model


def change(model, **changes):
    card = model.with_suffix(".json")
    content = {**json.loads(card.read_text()), **changes}
    card.write_text(json.dumps({key: value for key, value in content.items() if value != "GONE"}))


@pytest.fixture
def model(tmp_path):
    return write_tiny_model(tmp_path)


def refusal(model):
    with pytest.raises(ModelError) as caught:
        Classifier(model)
    text = str(caught.value)
    assert "\n" not in text
    assert model.stem in text
    return text


def test_a_card_that_fits_is_read(model):
    assert "tiny-fp32" == read_card(model).name


def test_a_missing_model_is_named(tmp_path):
    assert "no such model file" in refusal(tmp_path / "none-int8.onnx")


def test_a_missing_card_is_named(model):
    model.with_suffix(".json").unlink()
    assert "every model needs its card beside it" in refusal(model)


@pytest.mark.parametrize("content", [b"", b"{", b"[1, 2]", b"\xff\xfe\x00", b'{"format": 1}'])
def test_a_corrupt_card_is_named(model, content):
    model.with_suffix(".json").write_bytes(content)
    assert "tiny-fp32.json" in refusal(model)


def test_a_truncated_card_is_named(model):
    card = model.with_suffix(".json")
    card.write_bytes(card.read_bytes()[:100])
    assert "not a readable card" in refusal(model)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"format": 2}, "format = 2: must be 1"),
        ({"labels": "happy"}, "labels: expected array, got str"),
        ({"labels": ["happy", "sadd"]}, "did you mean 'sad'?"),
        ({"labels": ["happy", "happy"]}, "only once"),
        ({"labels": ["happy", "sad"]}, "card lists 2 labels but the output has 7"),
        ({"lables": []}, "lables"),
        ({"temperature": 0}, "temperature"),
        ({"input": {"sizes": [64], "mean": 0, "std": 1}}, "card says [1, 64, 64]"),
        ({"input": {"sizes": [48], "mean": 0, "std": 1, "channels": 3}}, "card says [3, 48, 48]"),
        ({"input": {"sizes": [48], "mean": 0, "std": 0}}, "input.std"),
        ({"sha256": "0" * 64}, "the file is damaged or the card belongs to another one"),
        ({"sha256": "GONE"}, "sha256"),
        ({"golden": [{"pattern": [1, 2, 10**30], "scores": {}}]}, "golden[0].pattern[2]"),
    ],
)
def test_a_card_that_does_not_fit_is_refused_with_the_reason(model, changes, text):
    change(model, **changes)
    assert text in refusal(model)


def test_a_damaged_model_is_found_by_its_hash(model):
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 0xFF
    model.write_bytes(content)
    assert "damaged" in refusal(model)


@pytest.mark.parametrize("keep", [0, 10, 200])
def test_a_truncated_model_is_refused_even_with_a_matching_hash(model, keep):
    model.write_bytes(model.read_bytes()[:keep])
    change(model, sha256=sha256_of(model))
    assert "onnxruntime cannot load it" in refusal(model)


def test_a_model_with_two_outputs_is_refused(model):
    graph = onnx.load(model)
    graph.graph.output.append(onnx.helper.make_tensor_value_info("flat", 1, ["n", 1]))
    onnx.save(graph, model)
    change(model, sha256=sha256_of(model))
    assert "2 outputs" in refusal(model)


def test_a_golden_vector_that_comes_out_differently_is_refused(tmp_path):
    wrong = Golden(pattern=(3, 5, 0), scores={"happy": 0.99})
    model = write_tiny_model(tmp_path, golden=[wrong])
    assert "golden vector (3, 5, 0) differs" in refusal(model)


def test_a_golden_vector_of_an_unknown_label_is_refused(tmp_path):
    wrong = Golden(pattern=(3, 5, 0), scores={"contempt": 0.0})
    assert "golden" in refusal(write_tiny_model(tmp_path, golden=[wrong]))


def test_an_unknown_model_name_gets_a_suggestion(monkeypatch, tmp_path):
    known = [tmp_path / "ultralight-p40-int8.onnx", tmp_path / "xception-p40-int8.onnx"]
    monkeypatch.setattr("edge_fer.emotion.card.shipped_models", lambda: known)
    with pytest.raises(ModelError, match=r"model\.path = xeption: .*did you mean 'xception-p40"):
        find_model("xeption")
    assert known[1] == find_model("xception")
    assert known[0] == find_model("")
    assert known[0] == find_model("ultralight-p40")


def test_figures_come_with_whose_labels_they_go_by(tmp_path):
    metrics = {"ferplus-public": {"accuracy": 0.8}, "ferplus-public, 32 px": {"accuracy": 0.7}}
    card = read_card(
        write_tiny_model(tmp_path, labels=LABELS, further_sizes=(32,), metrics=metrics)
    )
    assert ("ferplus", {"accuracy": 0.8}) == card.figures("public")
    assert ("", {}) == card.figures("private")
    assert [0.8, 0.7, None] == [card.accuracy_at(size) for size in (48, 32, 64)]


def test_the_default_learnt_from_the_crowd_and_a_short_name_is_not_a_longer_ones(
    monkeypatch, tmp_path
):
    names = ["ultralight-ferplus-p30-int8", "ultralight-p50-int8", "ultralight-ferplus-p30-fp32"]
    known = [tmp_path / f"{name}.onnx" for name in names]
    monkeypatch.setattr("edge_fer.emotion.card.shipped_models", lambda: known)
    asked = ("", "ultralight", "ultralight-ferplus", "ultralight-ferplus-p30-fp32")
    assert [names[0], names[1], names[0], names[2]] == [find_model(name).stem for name in asked]
