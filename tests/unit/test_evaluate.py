"""`edge-fer evaluate`: the labels it goes by, and the configured chain before the model."""

import json

import numpy as np
import pytest
from test_metrics import write_data

from edge_fer.cli import main
from edge_fer.emotion.card import FER2013_LABELS, LABELS
from tests.support.datasets import put
from tests.support.tiny_model import write_tiny_model

CARD = {"ferplus-public": {"accuracy": 0.8}}
ANGER, CONTEMPT = 4, 7
"""Columns of FER+'s votes."""


def run(capsys, *arguments):
    code = main(["evaluate", *map(str, arguments)])
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return code, captured.out, captured.err


def figures_of(capsys, *arguments):
    code, out, errors = run(capsys, *arguments, "--json")
    assert (0, "") == (code, errors)
    return json.loads(out)


@pytest.fixture
def voted(tmp_path):
    """Three pictures of "angry" by FER-2013; by FER+ one angry and two, bright ones, contempt."""
    votes = np.zeros((3, 10), np.uint8)
    votes[[0, 1, 2], [ANGER, CONTEMPT, CONTEMPT]] = 10
    return write_data(tmp_path / "d.npz", (0, 255, 255), (0, 0, 0), votes)


@pytest.mark.parametrize(
    ("metrics", "options", "labels", "accuracy"),
    [
        (CARD, [], "ferplus", 1.0),
        (CARD, ["--labels", "own"], "own", 1 / 3),
        ({}, [], "own", 1 / 3),
        ({}, ["--labels", "ferplus"], "ferplus", 1.0),
        ({"fer2013-public": {"accuracy": 0.7}}, [], "own", 1 / 3),
    ],
)
def test_the_labels_are_those_of_the_card_unless_told_otherwise(
    capsys, tmp_path, voted, metrics, options, labels, accuracy
):
    model = write_tiny_model(tmp_path, labels=LABELS, metrics=metrics)
    found = figures_of(capsys, "--data", voted, "--model", model, *options)
    assert (labels, pytest.approx(accuracy, abs=1e-4)) == (found["labels"], found["accuracy"])
    _, out, _ = run(capsys, "--data", voted, "--model", model, *options)
    words = "FER+ majority" if labels == "ferplus" else "the data set's own"
    (line,) = [line for line in out.splitlines() if line.startswith("labels ")]
    assert words in line
    assert ("--labels" in " ".join(out.split())) == (metrics == CARD and not options)


def test_data_without_votes_goes_by_its_own_labels_and_says_so(capsys, tmp_path):
    put(tmp_path / "data/angry/a.png", np.zeros((48, 48), np.uint8))
    model = write_tiny_model(tmp_path, labels=LABELS, metrics=CARD)
    _, out, _ = run(capsys, "--data", tmp_path / "data", "--model", model)
    assert "the data set's own; the card names no other that the data has" in " ".join(out.split())


def test_the_confusion_matrix_counts_every_picture(capsys, tmp_path, voted):
    model = write_tiny_model(tmp_path)
    found = figures_of(capsys, "--data", voted, "--model", model)["confusion"]
    assert {"labels": ["angry", "neutral"], "table": [[1, 2], [0, 0]]} == found


def test_the_answers_may_be_restricted_to_the_labels_of_the_data(capsys, tmp_path):
    data = write_data(tmp_path / "d.npz", (0, 255), (0, 3), np.zeros((2, 10), int))
    model = write_tiny_model(tmp_path)
    assert 0.5 == figures_of(capsys, "--data", data, "--model", model)["accuracy"]
    found = figures_of(capsys, "--data", data, "--model", model, "--dataset-labels-only")
    assert (1.0, ["angry", "happy"]) == (found["accuracy"], found["restricted_to"])
    assert ["angry", "happy"] == found["confusion"]["labels"]


def test_a_model_without_a_label_of_the_data_is_refused(capsys, tmp_path):
    data = write_data(tmp_path / "d.npz", (0, 255), (0, 0), np.zeros((2, 10), int))
    model = write_tiny_model(tmp_path, labels=("sad", "neutral"))
    code, _, errors = run(capsys, "--data", data, "--model", model, "--dataset-labels-only")
    assert (65, 1) == (code, errors.count("\n"))
    assert "none of the labels" in errors


@pytest.fixture
def photos(tmp_path, portrait, landmarks):
    put(tmp_path / "photos/happy/face.png", portrait)
    put(tmp_path / "photos/happy/none.png", np.zeros((200, 200), np.uint8))
    return ["--data", tmp_path / "photos", "--pictures", "photos"]


@pytest.fixture
def model(tmp_path):
    return ["--model", write_tiny_model(tmp_path)]


def skipped(figures):
    return [(one["file"], one["outcome"]) for one in figures.get("skipped", [])]


def test_pictures_without_a_face_are_listed(capsys, photos, model):
    found = figures_of(capsys, *photos, *model)
    assert [("happy/none.png", "NO_FACE")] == skipped(found)
    assert (1, 1) == (found["n"], found["faceless"])
    _, out, _ = run(capsys, *photos, *model)
    assert "happy/none.png" in out
    assert "the detector found no face" in out


@pytest.mark.parametrize(
    ("option", "outcome"),
    [
        ("quality.min_ipd_px=150", "TINY"),
        ("quality.min_sharpness=2", "BLURRED"),
        ("quality.max_turn=0", "TURNED"),
        ("vision.min_face_px=400", "NO_FACE"),
    ],
)
def test_if_every_face_is_refused_the_outcomes_are_counted(capsys, photos, model, option, outcome):
    code, _, errors = run(capsys, *photos, *model, "--set", option)
    assert (65, 1) == (code, errors.count("\n"))
    counts = "2 NO_FACE" if outcome == "NO_FACE" else f"1 {outcome}, 1 NO_FACE"
    assert f"no picture gives a chip: {counts}" in errors


def test_faces_that_the_daemon_would_refuse_are_listed_with_the_outcome(
    capsys, tmp_path, photos, model
):
    two_sizes(tmp_path)
    found = figures_of(capsys, *photos, *model, "--set", "quality.min_ipd_px=40")
    assert [("happy/none.png", "NO_FACE"), ("happy/small.png", "TINY")] == skipped(found)
    assert (1, 1) == (found["n"], found["faceless"])
    (reason,) = [one["reason"] for one in found["skipped"] if one["outcome"] == "TINY"]
    assert "quality.min_ipd_px" in reason


def two_sizes(folder):
    import cv2

    face = cv2.imread(str(folder / "photos/happy/face.png"), cv2.IMREAD_GRAYSCALE)
    put(folder / "photos/happy/small.png", cv2.resize(face, None, fx=0.75, fy=0.75))


def test_the_configured_landmark_file_is_the_one_that_is_used(capsys, photos, model):
    code, _, errors = run(capsys, *photos, *model, "--set", "vision.landmarks=/none.dat")
    assert (78, True) == (code, "vision.landmarks = /none.dat" in errors)


def test_the_configured_detector_is_the_one_that_is_used(capsys, photos, model, monkeypatch):
    code, _, errors = run(
        capsys,
        *photos,
        *model,
        "--set=vision.detector=yunet",
        "--set=vision.detector_model=/none.onnx",
    )
    assert (78, True) == (code, "vision.detector_model = /none.onnx" in errors)


def test_yunet_finds_the_face_in_a_photograph(capsys, photos, model, yunet_file):
    from edge_fer.emotion.card import sha256_of

    found = figures_of(
        capsys,
        *photos,
        *model,
        "--set=vision.detector=yunet",
        f"--set=vision.detector_model={yunet_file}",
        f"--set=vision.detector_sha256={sha256_of(yunet_file)}",
    )
    assert (1, [("happy/none.png", "NO_FACE")]) == (found["n"], skipped(found))


@pytest.mark.parametrize(
    ("kind", "option"), [("chips", "vision.landmarks=/x"), ("crops", "quality.max_turn=1")]
)
def test_a_setting_without_effect_is_refused(capsys, tmp_path, model, kind, option):
    put(tmp_path / "data/angry/a.png", np.zeros((48, 48), np.uint8))
    base = ["--data", tmp_path / "data", *model, "--pictures", kind]
    code, _, errors = run(capsys, *base, "--set", option)
    assert (78, 1) == (code, errors.count("\n"))
    assert f"--set {option}: has no effect with --pictures {kind}" in errors


def test_chips_of_fer_2013_are_not_cut_again(capsys, voted, model):
    code, _, errors = run(capsys, "--data", voted, *model, "--pictures", "photos")
    assert (65, True) == (code, "holds chips" in errors)


def test_the_configured_model_is_measured(capsys, tmp_path, voted):
    model = write_tiny_model(tmp_path, labels=FER2013_LABELS)
    found = figures_of(capsys, "--data", voted, "--set", f"model.path={model}")
    assert "tiny-fp32" == found["model"]
