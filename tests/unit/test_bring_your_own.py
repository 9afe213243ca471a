"""The commands of docs/guides/bring-your-own.md about a foreign ONNX file, as they stand there."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edge_fer.cli import main
from edge_fer.emotion.card import read_card
from edge_fer.emotion.classify import Classifier
from edge_fer.errors import ModelError
from edge_fer.vision.landmarks import find_landmarks

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "docs/examples/foreign_model.py"
LABELS = ["ahegao", "angry", "happy", "neutral", "sad", "surprise"]
CARD = ["--labels", "Ahegao,Angry,Happy,Neutral,Sad,Surprise", "--own-labels", "ahegao"]


def page_commands():
    section = (
        (ROOT / "docs/guides/bring-your-own.md")
        .read_text()
        .partition("## Use an existing ONNX file")[2]
    )
    block = re.search(r"```sh\n(.*?)```", section, re.DOTALL)
    return [shlex.split(line) for line in block[1].splitlines()]


def write_model(path, *flags):
    subprocess.run([sys.executable, str(SCRIPT), str(path), *flags], check=True)
    return path


def card(capsys, model, *arguments):
    code = main(["card", str(model), *arguments])
    captured = capsys.readouterr()
    assert captured.err.count("\n") <= 1
    return code, captured.out + captured.err


@pytest.fixture
def model(tmp_path):
    return write_model(tmp_path / "foreign.onnx")


def test_the_page_leads_from_somebodys_file_to_events(carphone, tmp_path, monkeypatch, capfd):
    try:
        find_landmarks()
    except ModelError as error:
        pytest.skip(str(error))
    if not shutil.which("mosquitto", path="/usr/bin:/usr/sbin:/usr/local/sbin"):
        pytest.skip("mosquitto is not installed")
    (tmp_path / ".cache").symlink_to(carphone.parent)
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    monkeypatch.chdir(tmp_path)
    for program, *arguments in page_commands():
        if program == "python":
            subprocess.run([sys.executable, *arguments], check=True)
        else:
            # check ends with 69 where nothing listens at the default address.
            assert main(arguments) in ((0, 69) if arguments[0] == "check" else (0,)), arguments
    out = capfd.readouterr().out
    assert "6 labels, 128 px, 3 channels NCHW" in out
    assert "gives probabilities" in out
    assert re.search(rf"begin +({'|'.join(LABELS)}) ", out)
    assert "daemon's exit code 0" in out


def test_the_card_says_what_graph_and_author_say(capsys, model):
    assert 0 == card(capsys, model, *CARD)[0]
    made = read_card(model)
    assert (LABELS, ["ahegao"]) == (made.labels, made.own_labels)
    assert ([128], 3, "NCHW") == (made.input.sizes, made.input.channels, made.input.layout)
    assert (0.0, 255.0, "probabilities") == (made.input.mean, made.input.std, made.output)
    assert 3 == len(made.golden)
    assert set(LABELS) == set(made.golden[0].scores)


def test_channels_may_come_last(capsys, model, tmp_path):
    last = write_model(tmp_path / "last.onnx", "--nhwc")
    for one in (model, last):
        assert 0 == card(capsys, one, *CARD)[0]
    assert "NHWC" == read_card(last).input.layout
    chips = np.random.RandomState(0).randint(0, 256, (2, 128, 128), np.uint8)
    first, second = (Classifier(one).probabilities(chips) for one in (model, last))
    assert np.allclose(first, second, atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--labels", "ahegao,angry,happy,neutral,sad,surprise"], "own_labels"),
        (["--labels", "angry,hapy,neutral,sad,surprise,fear"], "did you mean 'happy'"),
        (["--labels", "angry,happy"], "card lists 2 labels but the output has 6"),
        ([*CARD, "--std", "0"], "input.std"),
        ([*CARD, "--size", "64"], "card says [3, 64, 64]"),
        (["--labels", "angry,sad", "--own-labels", "so so"], "own label 'so so' must be"),
        (["--labels", "uncertain,sad", "--own-labels", "uncertain"], "own label 'uncertain'"),
    ],
)
def test_what_does_not_fit_is_refused_and_leaves_no_card(capsys, model, arguments, text):
    code, out = card(capsys, model, *arguments)
    assert 78 == code
    assert text in out
    assert not model.with_suffix(".json").exists()


def test_a_card_that_is_there_is_kept_unless_forced_and_right(capsys, model):
    card(capsys, model, *CARD)
    before = model.with_suffix(".json").read_bytes()
    code, out = card(capsys, model, *CARD)
    assert (78, True) == (code, "--force replaces it" in out)
    assert 78 == card(capsys, model, "--labels", "angry,happy", "--force")[0]
    assert before == model.with_suffix(".json").read_bytes()
    assert 0 == card(capsys, model, *CARD, "--std", "128", "--force")[0]
    assert 128.0 == read_card(model).input.std


@pytest.mark.parametrize(
    ("own", "text"), [([], "'ahegao' must be one of angry"), (["ahegao", "bored"], "'bored' must")]
)
def test_an_own_label_must_stand_in_both_lists_of_the_card(capsys, model, own, text):
    card(capsys, model, *CARD)
    path = model.with_suffix(".json")
    path.write_text(json.dumps({**json.loads(path.read_text()), "own_labels": own}))
    with pytest.raises(ModelError, match=text):
        read_card(model)
