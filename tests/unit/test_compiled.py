"""The compiled copy of a model: used when it fits this device and this model, else left alone."""

import json
import logging

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from edge_fer.bench.models import compile_and_compare
from edge_fer.build import build_classifier
from edge_fer.cli import main
from edge_fer.config.load import load
from edge_fer.emotion import session
from edge_fer.emotion.card import Golden, read_card, sha256_of
from edge_fer.emotion.classify import Classifier
from edge_fer.emotion.session import cache_folder, compile_model, drawn_chip, find_copy, processor
from edge_fer.errors import ModelError
from tests.support.tiny_model import write_tiny_model

BLACK = (0, 0, 0)
CHIP = drawn_chip(BLACK, 48)


@pytest.fixture
def model(tmp_path):
    scores = Classifier(write_tiny_model(tmp_path, "first")).classify([CHIP])[0]
    golden = [Golden(pattern=BLACK, scores=scores)]
    return write_tiny_model(tmp_path, further_sizes=(64,), golden=golden)


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def made(model, cache):
    return compile_model(model, read_card(model), cache)


def renamed(copy, content):
    """Put the content under a name that fits it."""
    copy.write_bytes(content)
    return copy.rename(copy.with_name(f"{copy.name[:-69]}.{sha256_of(copy)}.ort"))


def upside_down(folder):
    """A network of the same shape that calls bright chips dark."""
    path = write_tiny_model(folder, "upside-down", further_sizes=(64,))
    model = onnx.load(path)
    (weight,) = model.graph.initializer
    weight.CopyFrom(numpy_helper.from_array(-numpy_helper.to_array(weight), weight.name))
    onnx.save(model, path)
    return path


def one_warning(caplog):
    (record,) = caplog.records
    assert logging.WARNING == record.levelno
    return record.getMessage()


def test_what_was_compiled_is_used_and_says_the_same(model, cache, caplog):
    made(model, cache)
    plain, copy = Classifier(model), Classifier(model, cache=cache)
    assert (False, True) == (plain.compiled, copy.compiled)
    assert np.allclose(plain.logits(CHIP[None]), copy.logits(CHIP[None]), atol=1e-5)
    assert 64 == Classifier(model, size=64, cache=cache).size
    assert [] == caplog.records


def test_without_a_copy_the_model_is_used_and_nothing_is_said(model, cache, caplog):
    assert not Classifier(model, cache=cache).compiled
    assert [] == caplog.records


def test_a_damaged_copy_is_left_alone(model, cache, caplog):
    copy = made(model, cache)
    copy.write_bytes(copy.read_bytes() + b"x")
    classifier = Classifier(model, cache=cache)
    assert not classifier.compiled
    assert "happy" in classifier.classify([CHIP])[0]
    text = one_warning(caplog)
    assert f"{copy}: is damaged" in text
    assert f"{model} is used instead" in text


def test_a_copy_that_onnxruntime_refuses_is_left_alone(model, cache, caplog):
    copy = made(model, cache)
    renamed(copy, copy.read_bytes()[:500])
    assert not Classifier(model, cache=cache).compiled
    assert "onnxruntime cannot load it" in one_warning(caplog)


def test_a_copy_that_fails_the_golden_vectors_is_left_alone(model, cache, tmp_path, caplog):
    session.optimize(upside_down(tmp_path), tmp_path / "wrong.ort")
    renamed(made(model, cache), (tmp_path / "wrong.ort").read_bytes())
    assert not Classifier(model, cache=cache).compiled
    assert "golden vector" in one_warning(caplog)


def test_a_copy_of_another_model_runtime_or_processor_is_not_found(model, cache, monkeypatch):
    card = read_card(model)
    assert made(model, cache) == find_copy(model, card, cache)
    other = read_card(write_tiny_model(model.parent, channels=3))
    assert find_copy(model, other, cache) is None
    with monkeypatch.context() as patch:
        patch.setattr(session, "RUNTIME", "onnxruntime 0.0")
        assert find_copy(model, card, cache) is None
    monkeypatch.setattr(session, "processor", lambda: "another")
    assert find_copy(model, card, cache) is None


def test_compiling_removes_older_copies_of_the_same_model_alone(model, cache, monkeypatch):
    neighbour = write_tiny_model(model.parent, f"{model.stem}.9")
    kept = made(neighbour, cache)
    with monkeypatch.context() as patch:
        patch.setattr(session, "RUNTIME", "onnxruntime 0.0")
        old = made(model, cache)
    new = made(model, cache)
    assert {kept, new} == set(cache.iterdir())
    assert old != new


def test_a_cache_that_cannot_be_written_is_one_line(model, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match=r"file: cannot keep a compiled model \(file exists\)"):
        made(model, tmp_path / "file")


@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        ({"CACHE_DIRECTORY": "/a:/b", "XDG_CACHE_HOME": "/c"}, "/a"),
        ({"CACHE_DIRECTORY": "", "XDG_CACHE_HOME": "/c"}, "/c/edge-fer"),
    ],
)
def test_the_services_cache_goes_ahead_of_the_users(environ, folder):
    assert folder == str(cache_folder(environ))


def test_without_either_it_is_the_cache_at_home(monkeypatch):
    monkeypatch.setenv("HOME", "/home/somebody")
    assert "/home/somebody/.cache/edge-fer" == str(cache_folder({}))


def test_the_processor_is_told_by_its_kind_and_not_by_its_clock(tmp_path):
    cpuinfo = tmp_path / "cpuinfo"
    core = "processor : {}\nmodel name\t: X\ncpu MHz : {}\nflags\t: sse {}\n\n"
    cpuinfo.write_text(core.format(0, 1000, "avx2") + core.format(1, 2000, "avx2"))
    told = processor(cpuinfo)
    assert ["flags\t: sse avx2", "model name\t: X"] == told.splitlines()[1:]
    cpuinfo.write_text(core.format(0, 3000, "avx2"))
    assert told == processor(cpuinfo)
    cpuinfo.write_text(core.format(0, 1000, ""))
    assert told != processor(cpuinfo)


def test_the_daemon_uses_the_copy_unless_it_is_told_not_to(model, cache, monkeypatch):
    monkeypatch.setenv("CACHE_DIRECTORY", str(cache))
    made(model, cache)
    for value, expected in (("auto", True), ("off", False)):
        options = load(None, [f"model.path={model}", f"model.compiled={value}"], {})
        assert expected == build_classifier(options).compiled


def test_what_is_compiled_wrongly_is_removed_and_named(model, cache, monkeypatch):
    wrong = upside_down(model.parent)
    optimize = session.optimize
    monkeypatch.setattr(session, "optimize", lambda _, target: optimize(wrong, target))
    with pytest.raises(ModelError, match="cannot be compiled by this onnxruntime"):
        compile_and_compare(model, cache)
    assert [] == list(cache.iterdir())


@pytest.fixture
def call(capsys, monkeypatch, cache):
    def run(*arguments):
        monkeypatch.setenv("CACHE_DIRECTORY", str(cache))
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return code, captured.out, captured.err

    return run


def test_compile_prints_the_copy_and_what_it_is_worth(call, model, cache):
    code, out, _ = call("compile", "--model", model, "--json")
    figures = json.loads(out)
    (copy,) = cache.iterdir()
    assert (0, str(copy)) == (code, figures["path"])
    assert copy.stat().st_size == figures["bytes"]
    for name in ("load", "latency"):
        low, high = figures[f"{name}_interval_95"]
        assert 0 < low <= high
    code, out, _ = call("compile", "--model", model, "--set=model.compiled=off")
    assert 0 == code
    assert "times that of tiny-fp32" in out
    assert "model.compiled is off" in out


def test_compile_names_a_model_that_is_not_there(call, cache):
    code, _, errors = call("compile", "--model", "/none.onnx")
    assert (78, "edge-fer: /none.onnx: no such model file\n") == (code, errors)
    assert not cache.exists()


def test_check_says_whether_a_copy_is_in_use(call, model):
    def text(*options):
        _, out, _ = call("check", "--json", f"--set=model.path={model}", *options)
        return next(row["text"] for row in json.loads(out) if row["name"] == "model")

    assert "not compiled, `edge-fer compile`" in text()
    assert "48 px of 48, 64" in text()
    call("compile", "--model", model)
    assert "compiled for this device" in text()
    assert "not compiled, because model.compiled is off" in text("--set=model.compiled=off")
