"""What runs the network: the provider that was asked for, or the cpu and a line that says why."""

import logging
import re
from pathlib import Path

import numpy as np
import pytest

from edge_fer.build import build_classifier
from edge_fer.config.load import load
from edge_fer.emotion.card import read_card
from edge_fer.emotion.classify import Classifier
from edge_fer.emotion.session import available_providers, chain, compile_model, engine_folder
from edge_fer.errors import ConfigError, ModelError
from tests.support.tiny_model import write_tiny_model

PAGE = Path(__file__).parents[2] / "docs" / "guides" / "jetson.md"

needs_plain_build = pytest.mark.skipif(
    available_providers() != ["cpu"], reason="this onnxruntime is built for more than the cpu"
)


@pytest.fixture
def model(tmp_path):
    return write_tiny_model(tmp_path)


def test_a_provider_has_those_behind_it_that_are_built_in():
    cpu = ("CPUExecutionProvider", {})
    assert [cpu] == chain("cpu", None)
    assert next(name for name, _ in chain("tensorrt", None)) == "TensorrtExecutionProvider"
    assert cpu == chain("tensorrt", None)[-1] == chain("cuda", None)[-1]


def test_tensorrt_keeps_its_engines_in_the_cache(model, tmp_path):
    folder = engine_folder(model, read_card(model), tmp_path / "cache")
    options = chain("tensorrt", folder)[0][1]
    assert str(folder) == options["trt_engine_cache_path"] == options["trt_timing_cache_path"]
    assert "1" == options["trt_engine_cache_enable"]
    assert folder.is_dir()


def test_engines_of_another_runtime_are_removed_and_those_of_other_models_kept(
    model, tmp_path, monkeypatch
):
    card, cache = read_card(model), tmp_path / "cache"
    neighbour = engine_folder(model.with_name(f"{model.stem}.9.onnx"), card, cache)
    copy = compile_model(model, card, cache)
    old = engine_folder(model, card, cache)
    monkeypatch.setattr("edge_fer.emotion.session.RUNTIME", "onnxruntime 0.0")
    new = engine_folder(model, card, cache)
    assert {neighbour, copy, new} == set(cache.iterdir())
    assert old != new


def test_a_cache_for_engines_that_cannot_be_written_is_one_line(model, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match=r"tensorrt: cannot keep TensorRT's engines \("):
        engine_folder(model, read_card(model), tmp_path / "file")


@needs_plain_build
@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
def test_a_provider_that_is_not_built_in_is_told_and_the_cpu_used(model, caplog, provider):
    classifier = Classifier(model, provider=provider)
    assert "cpu" == classifier.provider
    assert "happy" in classifier.classify([np.zeros((48, 48), np.uint8)])[0]
    assert [
        f"model.provider = {provider}: this onnxruntime is built for cpu alone; the cpu is used, "
        "see docs/guides/jetson.md"
    ] == caplog.messages


@needs_plain_build
def test_auto_takes_the_cpu_without_a_word_where_there_is_nothing_else(model, caplog):
    with caplog.at_level(logging.DEBUG):
        assert "cpu" == Classifier(model, provider="auto").provider
    assert [] == caplog.messages


@needs_plain_build
def test_what_falls_back_to_the_cpu_uses_the_compiled_copy(model, tmp_path):
    compile_model(model, read_card(model), tmp_path / "cache")
    assert Classifier(model, provider="cuda", cache=tmp_path / "cache").compiled


@pytest.fixture
def no_libraries(monkeypatch):
    """As where onnxruntime is built with CUDA, whose libraries are missing: it goes on without."""

    def start():
        monkeypatch.setattr(
            "edge_fer.emotion.classify.available_providers", lambda: ["cuda", "cpu"]
        )
        monkeypatch.setattr("edge_fer.emotion.session.chain", lambda *_: chain("cpu", None))

    return start


@needs_plain_build
@pytest.mark.parametrize("provider", ["cuda", "auto"])
def test_a_provider_that_cannot_be_started_is_told_and_the_next_best_used(
    model, caplog, no_libraries, provider
):
    no_libraries()
    assert "cpu" == Classifier(model, provider=provider).provider
    assert [
        f"model.provider = {provider}: {model}: onnxruntime cannot start CUDAExecutionProvider "
        "here; cuda is not used"
    ] == caplog.messages


@needs_plain_build
def test_the_page_quotes_what_is_told(model, caplog, no_libraries):
    Classifier(model, provider="cuda")
    no_libraries()
    Classifier(model, provider="cuda")
    lines = [line.strip() for line in PAGE.read_text().splitlines()]
    quoted = [line for line in lines if line.startswith("model.provider = ")]
    assert caplog.messages == [re.sub(r"…/\S+\.onnx", str(model), line) for line in quoted]


def test_the_configuration_names_the_provider(model):
    options = load(None, [f"model.path={model}", "model.provider=auto"], {})
    assert build_classifier(options).provider in {"cpu", "cuda", "tensorrt"}
    with pytest.raises(ConfigError, match="must be one of cpu, cuda, tensorrt, auto"):
        load(None, ["model.provider=tensort"], {})
