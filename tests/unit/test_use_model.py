"""The how-to "use another model", done to the letter with a tiny network."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_fer import Recognizer
from edge_fer.cli import main
from edge_fer.config.load import load
from edge_fer.emotion.card import read_card
from tests.support.tiny_model import write_tiny_model

LABELS = ("sad", "neutral", "waving")
CARD = ["--labels", "Sad,Neutral,Waving", "--own-labels", "waving", "--mean", "128", "--std", "64"]


@pytest.fixture
def model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A file without a card, which then writes it: step 1."""
    path = write_tiny_model(tmp_path, "x", labels=LABELS)
    path.with_suffix(".json").unlink()
    assert 0 == main(["card", str(path), *CARD])
    assert "3 labels, 48 px" in capsys.readouterr().out
    return path


def test_the_card_has_what_graph_and_author_state(model: Path) -> None:
    card = read_card(model)
    assert (list(LABELS), ["waving"]) == (card.labels, card.own_labels)
    assert ([48], 1, "NCHW") == (card.input.sizes, card.input.channels, card.input.layout)
    assert ("logits", 3) == (card.output, len(card.golden))


def test_commands_configuration_and_library_take_it(
    model: Path,
    portrait: np.ndarray,
    landmarks: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "edge-fer.toml"
    file.write_text(f'[model]\npath = "{model}"\n[vision]\nmin_face_px = 60\n')
    picture = tmp_path / "a.png"
    cv2.imwrite(str(picture), portrait)
    recognizer = Recognizer(model=str(model), min_face_px=60)
    assert LABELS == recognizer.labels
    (face,) = recognizer.read(picture)
    assert set(LABELS) == set(face.scores)
    (same,) = Recognizer(load(file, [], {})).read(picture)
    assert (face.emotion, face.scores) == (same.emotion, same.scores)
    for arguments in (["-c", str(file)], ["--model", str(model), "--set", "vision.min_face_px=60"]):
        assert 0 == main(["read", str(picture), *arguments])
        assert f"{picture}: {face.emotion} {face.confidence:.2f}" in capsys.readouterr().out


def test_check_names_it_and_what_does_not_match(
    model: Path,
    carphone: Path,
    landmarks: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def finding() -> tuple[str, str]:
        """Level and text of what check finds of the model."""
        options = [f"model.path={model}", "privacy.acknowledge_use=research"]
        options += ["mqtt.brokers=mqtt://127.0.0.1:9"]
        sets = [word for option in options for word in ("--set", option)]
        main(["check", "--json", "--camera", f"file:{carphone}", *sets])
        rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
        return rows["model"]["level"], rows["model"]["text"]

    level, text = finding()
    assert ("ok", True) == (level, text.startswith("x"))
    card = model.with_suffix(".json")
    good = card.read_text()
    card.write_text(good.replace('"waving",', "", 1).replace('"waving"', '"fear"'))
    level, text = finding()
    assert "error" == level
    card.write_text(good)
    model.write_bytes(b"not a network")
    level, text = finding()
    assert ("error", True) == (level, text.startswith(f"{model}: sha256 is "))


def test_evaluate_measures_it(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Dark crops are its first label and bright ones its last."""
    for label, luma in (("sad", 20), ("waving", 235)):
        (tmp_path / "data" / label).mkdir(parents=True)
        for number in range(4):
            picture = np.full((48, 48), luma + number, np.uint8)
            cv2.imwrite(str(tmp_path / "data" / label / f"{number}.png"), picture)
    data = ["--data", str(tmp_path / "data"), "--pictures", "chips"]
    assert 0 == main(["evaluate", "--model", str(model), *data, "--json"])
    assert '"accuracy": 1.0' in capsys.readouterr().out
