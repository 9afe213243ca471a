"""Losses under disturbance and gains by alignment, on answers that are known."""

import dataclasses
import json

import cv2
import numpy as np
import pytest

from edge_fer.errors import DataError, ModelError
from edge_fer.evaluation.chips import How
from edge_fer.evaluation.dataset import Dataset, by_majority, load
from edge_fer.vision.landmarks import find_landmarks
from tests.support.tiny_model import write_tiny_model
from training.evaluation import __main__ as command
from training.evaluation.robustness import CORRUPTIONS, measure_alignment, measure_robustness

GREYS = np.stack([np.full((48, 48), value, np.uint8) for value in (60, 120, 180, 240)])


def test_plain_pictures_lose_only_to_darkness():
    def bright(images):
        return images.mean(axis=(1, 2)) > 30

    figures = measure_robustness(GREYS, bright)
    assert {
        "box 5 %": 0,
        "roll 15 degrees": 0,
        "24 to 48 px": 0,
        "blur 5 px": 0,
        "gamma 2, noise 8": 25.0,
        "JPEG 40": 0,
    } == {name: row["loss"] for name, row in figures["disturbed"].items()}
    assert (1.0, 25.0, "gamma 2, noise 8", pytest.approx(25 / 6, abs=1e-3)) == (
        figures["clean"],
        figures["worst_loss"],
        figures["worst"],
        figures["mean_loss"],
    )


def test_a_disturbance_that_goes_either_way_is_averaged():
    seen = []

    def right(images):
        seen.append(images.copy())
        return np.full(len(images), len(seen) in (1, 2))

    figures = measure_robustness(GREYS, right)
    assert 1 + sum(map(len, CORRUPTIONS.values())) == len(seen)
    assert {"accuracy": round(1 / 6, 5), "loss": 83.333} == figures["disturbed"]["box 5 %"]


def test_larger_pictures_are_disturbed_at_48_px():
    shapes = set()

    def right(images):
        shapes.add(images.shape)
        return np.ones(len(images), bool)

    measure_robustness(np.zeros((2, 100, 100), np.uint8), right)
    assert {(2, 48, 48)} == shapes


class Darkener:
    """Aligns the first picture by detector, the others not at all."""

    def cut_all(self, pictures):
        how = np.full(len(pictures), How.IDENTITY, np.uint8)
        how[0] = How.DETECTOR
        chips = pictures.copy()
        chips[0] = 0
        return chips, how


def test_alignment_is_compared_picture_by_picture_and_by_how_it_was_done():
    figures = measure_alignment(GREYS, lambda images: images.mean(axis=(1, 2)) > 30, Darkener())
    assert {"all": 4, "detector": 1, "identity": 3} == {k: v["n"] for k, v in figures.items()}
    assert (1.0, 0.75, -25.0) == tuple(
        figures["all"][key] for key in ("first", "second", "difference")
    )
    assert -100.0 == figures["detector"]["difference"]
    assert 0.0 == figures["identity"]["difference"]


def voted(*rows):
    count = len(rows)
    return Dataset(
        images=np.arange(count, dtype=np.uint8)[:, None, None],
        labels=np.zeros(count, np.uint8),
        ids=np.arange(count),
        duplicate=None,
        votes=np.array(rows, np.uint8),
    )


@pytest.mark.parametrize(
    ("votes", "label"),
    [
        ((6, 4, 0, 0, 0, 0, 0, 0, 0, 0), 6),
        ((0, 0, 0, 0, 0, 0, 0, 9, 0, 1), 7),
        ((0, 3, 1, 1, 1, 1, 1, 1, 1, 0), 3),
        ((5, 5, 0, 0, 0, 0, 0, 0, 0, 0), None),
        ((0, 0, 0, 4, 0, 0, 0, 0, 4, 0), None),
        ((0, 0, 0, 0, 2, 0, 0, 0, 8, 0), None),
        ((0, 0, 0, 0, 0, 0, 0, 0, 0, 10), None),
        ((1, 1, 1, 1, 1, 1, 1, 1, 1, 1), None),
        ((0, 0, 0, 0, 0, 0, 0, 0, 0, 0), None),
    ],
)
def test_the_majority_is_of_the_votes_that_are_not_alone(votes, label):
    happy = (0, 10, 0, 0, 0, 0, 0, 0, 0, 0)
    kept = by_majority(voted(votes, happy))
    assert ([3] if label is None else [label, 3]) == kept.labels.tolist()
    assert kept.ids.tolist() == kept.images[:, 0, 0].tolist()


def test_without_votes_or_majorities_there_is_no_ferplus_test():
    nobody = voted((0,) * 10)
    for dataset, reason in (
        (dataclasses.replace(nobody, votes=None), "no FER.* votes"),
        (nobody, "no picture has"),
    ):
        with pytest.raises(DataError, match=reason):
            by_majority(dataset)


def test_public_test_has_its_known_number_of_majorities(data):
    assert 3199 == len(by_majority(load(data / "fer2013.npz", "public")))


def write_faces(folder):
    for label, grey in (("angry", 0), ("neutral", 255)):
        (folder / label).mkdir()
        cv2.imwrite(str(folder / label / "a.png"), np.full((48, 48), grey, np.uint8))


def measured(folder, capsys, *options):
    model = str(write_tiny_model(folder))
    code = command.main(["--data", str(folder / "data"), "--model", model, *options])
    return code, capsys.readouterr().out


@pytest.fixture
def folder(tmp_path):
    try:
        find_landmarks()
    except ModelError as error:
        pytest.skip(str(error))
    (tmp_path / "data").mkdir()
    write_faces(tmp_path / "data")
    return tmp_path


def test_the_command_measures_both_parts_unless_told_which(folder, capsys):
    code, out = measured(folder, capsys, "--json")
    figures = json.loads(out)
    assert (0, 1.0, 2) == (code, figures["robustness"]["clean"], figures["aligned"]["all"]["n"])
    code, out = measured(folder, capsys, "--json", "--aligned")
    assert (0, {"model", "n", "aligned"}) == (code, set(json.loads(out)))


def test_the_command_prints_tables(folder, capsys):
    _, out = measured(folder, capsys)
    assert {"JPEG", "worst:", "points", "interval"} <= set(out.split())


def test_an_error_of_the_command_is_one_line(tmp_path, capsys):
    assert 65 == command.main(["--data", str(tmp_path / "none.npz")])
    error = capsys.readouterr().err
    assert error.startswith("evaluation: ")
    assert 1 == error.count("\n")
