"""Commands: every mistake is one clear line with the right exit code, never a traceback."""

import json
import re
import shlex

import numpy as np
import pytest

from edge_fer.cli import COMMANDS, build_parser, main
from edge_fer.config.load import load
from tests.support.tiny_model import write_tiny_model

ACKNOWLEDGED = "--set=privacy.acknowledge_use=research"


@pytest.fixture
def model(tmp_path):
    return write_tiny_model(tmp_path)


def call(capsys, *arguments):
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return code, captured.out, captured.err


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(capsys, command):
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert 0 == caught.value.code
    assert "--set" in capsys.readouterr().out


def test_without_a_command_the_help_is_printed(capsys):
    code, out, errors = call(capsys)
    assert (0, "") == (code, errors)
    assert all(re.search(rf"^ +{command} ", out, re.M) for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_examples_that_parse(capsys, command):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    examples = capsys.readouterr().out.partition("examples:\n")[2]
    examples = re.sub(r"\\\n +", "", examples)
    lines = [line for line in examples.splitlines() if line.strip()]
    assert lines
    for line in lines:
        words = shlex.split(re.split(r"  \(| [|>] |   ", line.strip())[0])
        start = words.index("edge-fer") + 1
        assert command == words[start]
        parsed = build_parser().parse_args(words[start:])
        load(None, [text.replace("SHA256", "ab" * 32) for text in parsed.set], {})


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["evalute"], "unknown command 'evalute'; did you mean 'evaluate'?"),
        (["models", "--jsno"], "unknown option '--jsno'; did you mean '--json'?"),
        (["check", "--camrea=x"], "unknown option '--camrea'; did you mean '--camera'?"),
        (["--versoin"], "unknown option '--versoin'; did you mean '--version'?"),
        (["qqq"], "unknown command 'qqq' (one of run, "),
        (["models", "a", "b"], "unexpected argument 'b'"),
    ],
)
def test_a_mistyped_command_or_option_gets_a_suggestion(capsys, arguments, text):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert 2 == caught.value.code
    assert text in capsys.readouterr().err


@pytest.mark.parametrize("command", ["run", "explain", "demo"])
def test_nothing_runs_before_use_is_acknowledged(capsys, command, model):
    code, _, errors = call(capsys, command, "--camera", "file:x.mp4", f"--set=model.path={model}")
    assert 78 == code
    assert "privacy.acknowledge_use" in errors
    assert "public-venue" in errors


def test_a_live_bench_needs_acknowledged_use(capsys, model):
    code, _, errors = call(capsys, "bench", "--camera", "v4l2:/dev/video99", "--model", model)
    assert 78 == code
    assert "privacy.acknowledge_use" in errors


def test_use_at_work_is_refused_with_the_reason(capsys):
    code, _, errors = call(capsys, "run", "--set=privacy.acknowledge_use=workplace")
    assert 78 == code
    assert "prohibited" in errors


@pytest.mark.parametrize(
    ("options", "code", "text"),
    [
        (["--set=model.path=none.onnx"], 78, "no such model file"),
        (["--set=model.path=xyz"], 78, "model"),
        (["--set=vision.landmarks=/none.dat"], 78, "vision.landmarks = /none.dat: no such file"),
        (["--set=smoothing.entre=1"], 78, "did you mean 'enter'"),
        (["--set=vision.min_face_px=1"], 78, "at least 20"),
        (["-c", "/none.toml"], 78, "/none.toml"),
        (["--camera", "file:/none.mp4"], 74, "/none.mp4"),
        (["--camera", "v4l3:/dev/video0"], 78, "v4l2"),
        (["--mqtt", "mqtt://me:secret@host"], 78, "mqtt.password_file"),
        (["--mqtt", "mqt://host"], 78, "mqtt://"),
        (["--set=mqtt.password_file=/none"], 78, "/none"),
    ],
)
def test_a_mistake_ends_run_with_one_line_and_its_code(
    capsys, landmarks, model, options, code, text
):
    base = [ACKNOWLEDGED, f"--set=model.path={model}", "--set=mqtt.drain_s=0"]
    got, _, errors = call(capsys, "run", *base, *options)
    assert code == got
    assert 1 == len([line for line in errors.splitlines() if line.startswith("edge-fer: ")])
    assert text in errors
    assert "secret" not in errors


def test_check_lists_everything_and_ends_with_the_first_errors_code(
    capsys, landmarks, model, tmp_path, free_port
):
    import cv2

    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((60, 80), np.uint8))
    code, out, _ = call(
        capsys,
        "check",
        "--json",
        ACKNOWLEDGED,
        f"--set=model.path={model}",
        "--camera",
        tmp_path / "a.png",
        "--mqtt",
        f"mqtt://127.0.0.1:{free_port}",
    )
    findings = {row["name"]: row["level"] for row in json.loads(out)}
    parts = ("use", "model", "detector", "landmarks", "camera")
    assert dict.fromkeys(parts, "ok") == {name: findings[name] for name in parts}
    assert "error" == findings["broker"]
    assert 69 == code


def test_check_warns_of_a_model_that_wants_colour(capsys, tmp_path, model):
    colour = write_tiny_model(tmp_path, "colour-fp32", channels=3)
    _, out, _ = call(capsys, "check", "--json", f"--set=model.path={colour}")
    (row,) = [row for row in json.loads(out) if row["name"] == "model"]
    assert "warning" == row["level"]
    assert "luma" in row["text"]


def test_check_says_all_is_well(capsys, landmarks, model, tmp_path, broker):
    import cv2

    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((60, 80), np.uint8))
    code, out, _ = call(
        capsys,
        "check",
        ACKNOWLEDGED,
        f"--set=model.path={model}",
        "--camera",
        tmp_path / "a.png",
        "--mqtt",
        broker.url,
    )
    assert 0 == code
    parts = re.findall(r"^(use|model|detector|landmarks|camera|broker) +ok ", out, re.M)
    assert 6 == len(set(parts))
    assert not re.search(r"^[a-z]+ +error ", out, re.M)


def test_check_cuts_nothing_that_is_there_to_be_copied(capsys):
    _, out, _ = call(capsys, "check", f"--set=model.path={'x' * 200}")
    assert 200 == sum(word.count("x") for word in out.split() if set(word) <= {"x", ":"})
    assert "…" not in out


def test_check_names_a_wrong_password(capsys, locked_broker, model, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("wrong horse")
    secret.chmod(0o600)
    code, out, _ = call(
        capsys,
        "check",
        "--json",
        ACKNOWLEDGED,
        f"--set=model.path={model}",
        f"--set=mqtt.password_file={secret}",
        "--mqtt",
        locked_broker.url,
    )
    (row,) = [row for row in json.loads(out) if row["name"] == "broker"]
    assert "bad user name or password; check mqtt.password_file" in row["text"]
    assert code != 0
    assert "wrong horse" not in out


def test_check_says_where_a_frame_is_too_large_for_scan_s(capsys, carphone):
    base = ["check", "--camera", carphone, ACKNOWLEDGED]
    _, out, _ = call(capsys, *base, "--set=vision.min_face_px=20", "--set=vision.scan_s=0.1")
    assert "vision.scan_s is 0.1" in " ".join(out.split())
    _, out, _ = call(capsys, *base, "--set=vision.min_face_px=40")
    assert "vision.scan_s" not in out


def test_explain_gives_every_frame_a_line_that_names_the_setting(
    capsys,
    carphone,
    landmarks,
    model,
):
    base = ["explain", "--camera", carphone, "--max-frames", 8, f"--set=model.path={model}"]
    code, out, _ = call(capsys, *base, ACKNOWLEDGED, "--set=vision.min_face_px=40")
    lines = out.splitlines()
    assert (0, 8) == (code, len(lines))
    assert "NEW_TRACK: track is younger than smoothing.settle_s (0.3)" in lines[0]
    _, out, _ = call(capsys, *base, ACKNOWLEDGED, "--set=vision.min_face_px=140")
    assert "no face (vision.min_face_px 140" in out
    _, out, _ = call(capsys, *base, ACKNOWLEDGED, "--set=vision.min_face_px=40", "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert {"NEW_TRACK", "NOT_DUE"} == {row["outcome"] for row in rows}


def test_evaluate_prints_the_promised_keys(capsys, tmp_path, model):
    np.savez(
        tmp_path / "d.npz",
        images=np.zeros((4, 48, 48), np.uint8),
        label=np.zeros(4, int),
        usage=np.ones(4),
        ferplus_votes=np.zeros((4, 10), int),
        id=np.arange(4),
        duplicate=np.zeros(4, bool),
    )
    code, out, _ = call(
        capsys, "evaluate", "--data", tmp_path / "d.npz", "--model", model, "--json"
    )
    figures = json.loads(out)
    assert (0, 1.0) == (code, figures["accuracy"])
    code, out, _ = call(capsys, "evaluate", "--data", tmp_path / "d.npz", "--model", model)
    assert {"angry", "predicted", "confusion", "1.0000"} <= set(out.split())
    code, _, errors = call(
        capsys, "evaluate", "--data", tmp_path / "d.npz", "--model", model, "--labels", "ferplus"
    )
    assert (65, "edge-fer: no picture has a FER+ majority label\n") == (code, errors)
    code, _, errors = call(capsys, "evaluate", "--data", tmp_path / "none.npz", "--model", model)
    assert 65 == code
    assert "none.npz" in errors


def test_models_verifies_each_file(capsys, model):
    code, out, _ = call(capsys, "models", model, "--json")
    assert (0, "tiny-fp32") == (code, json.loads(out)[0]["name"])
    model.write_bytes(model.read_bytes() + b"x")
    code, _, errors = call(capsys, "models", model)
    assert 78 == code
    assert "sha256" in errors


def test_models_says_by_whose_labels_its_figures_go(capsys, monkeypatch, tmp_path):
    figures = {"accuracy": 0.85, "accuracy_no_duplicates": 0.84, "macro_f1": 0.7}
    path = write_tiny_model(tmp_path, metrics={"ferplus-private": figures})
    monkeypatch.setattr("edge_fer.emotion.card.shipped_models", lambda: [path])
    monkeypatch.setenv("COLUMNS", "200")
    code, out, _ = call(capsys, "models")
    assert 0 == code
    row = next(line for line in out.splitlines() if "tiny-fp32" in line)
    assert [word in row for word in ("FER+ majority", "85.00 %", "84.00 %", "0.700")] == [True] * 4


def test_config_prints_what_it_reads(capsys, tmp_path):
    code, out, _ = call(capsys, "config")
    assert 0 == code
    (tmp_path / "a.toml").write_text(out)
    code, out, _ = call(capsys, "config", "-c", tmp_path / "a.toml", "--effective")
    assert 0 == code
    assert "[smoothing]" in out
