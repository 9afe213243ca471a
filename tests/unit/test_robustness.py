"""Losses under disturbance and gains by alignment, on answers that are known."""

import dataclasses

import cv2
import numpy as np
import pytest
from tiny_model import write_tiny_model

from edge_fer.errors import DataError, ModelError
from edge_fer.evaluation.chips import How
from edge_fer.evaluation.dataset import Dataset, load
from edge_fer.evaluation.evaluate import evaluate
from edge_fer.evaluation.ferplus import by_majority
from edge_fer.evaluation.robustness import DISTURBANCES, alignment, robustness
from edge_fer.vision.landmarks import find_landmarks

GREYS = np.stack([np.full((48, 48), value, np.uint8) for value in (60, 120, 180, 240)])


def test_plain_pictures_lose_only_to_darkness():
    def bright(images):
        return images.mean(axis=(1, 2)) > 30

    figures = robustness(GREYS, bright)
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

    figures = robustness(GREYS, right)
    assert 1 + sum(map(len, DISTURBANCES.values())) == len(seen)
    assert {"accuracy": round(1 / 6, 5), "loss": 83.333} == figures["disturbed"]["box 5 %"]


def test_larger_pictures_are_disturbed_at_48_px():
    shapes = set()

    def right(images):
        shapes.add(images.shape)
        return np.ones(len(images), bool)

    robustness(np.zeros((2, 100, 100), np.uint8), right)
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
    figures = alignment(GREYS, lambda images: images.mean(axis=(1, 2)) > 30, Darkener())
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


def test_further_figures_come_on_request(tmp_path):
    try:
        find_landmarks()
    except ModelError as error:
        pytest.skip(str(error))
    for label, grey in (("angry", 0), ("neutral", 255)):
        (tmp_path / label).mkdir()
        cv2.imwrite(str(tmp_path / label / "a.png"), np.full((48, 48), grey, np.uint8))
    model = write_tiny_model(tmp_path)
    figures = evaluate(model, tmp_path, "public", further=["robustness", "aligned"])
    assert (1.0, 2) == (figures["robustness"]["clean"], figures["aligned"]["all"]["n"])


def test_pictures_that_are_aligned_already_are_not_compared_with_aligned_ones(tmp_path):
    with pytest.raises(DataError, match="must be chips"):
        evaluate(write_tiny_model(tmp_path), tmp_path, "public", kind="crops", further=["aligned"])
