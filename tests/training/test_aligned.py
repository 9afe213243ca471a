"""Aligned chips are kept for both splits, whole or not at all."""

import numpy as np
import pytest
from toys import write_fer2013

from edge_fer.errors import DataError, ModelError
from edge_fer.evaluation.chips import StillAligner
from edge_fer.evaluation.dataset import load
from edge_fer.vision.landmarks import find_landmarks
from training.aligned import write_aligned


@pytest.fixture
def toys(tmp_path, monkeypatch):
    try:
        find_landmarks()
    except ModelError as error:
        pytest.skip(str(error))
    monkeypatch.setenv("EDGE_FER_DATA", str(tmp_path / "toy.npz"))
    return write_fer2013(tmp_path / "toy.npz")


def test_every_picture_of_both_splits_has_its_chip_in_the_same_place(toys, tmp_path):
    write_aligned(tmp_path / "runs" / "aligned.npz")
    with np.load(tmp_path / "runs" / "aligned.npz") as arrays:
        assert {"train", "public", "train_how", "public_how"} == set(arrays)
        assert ((280, 48, 48), np.uint8) == (arrays["train"].shape, arrays["train"].dtype)
        assert (70,) == arrays["public_how"].shape
        chip, how = StillAligner().cut(load(toys, "public").images[5])
        assert np.array_equal(chip, arrays["public"][5])
        assert how == arrays["public_how"][5]
    assert ["aligned.npz"] == [file.name for file in (tmp_path / "runs").iterdir()]


def test_without_data_nothing_is_written(toys, tmp_path, monkeypatch):
    monkeypatch.setenv("EDGE_FER_DATA", str(tmp_path / "none"))
    with pytest.raises(DataError, match="none"):
        write_aligned(tmp_path / "runs" / "aligned.npz")
    assert not (tmp_path / "runs").exists()
