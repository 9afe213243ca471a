"""The data set on tensors: the daemon's own scaling, and votes as shares."""

import numpy as np
import pytest
import torch
from toys import toy_pictures

from edge_fer.evaluation.dataset import Dataset
from training.data import SPEC, data_path, to_split


def test_chips_hold_every_pixel_without_loss():
    pictures = toy_pictures(each=2)
    chips = to_split(pictures).chips
    assert (14, 1, 48, 48) == chips.shape
    assert torch.float32 == chips.dtype
    back = (chips * SPEC.std + SPEC.mean).numpy()[:, 0]
    assert np.array_equal(pictures.images, back)


def test_votes_become_shares_of_the_eight_emotions():
    pictures = toy_pictures(each=1)
    pictures.votes[1] = (3, 0, 0, 1, 0, 0, 0, 0, 4, 2)
    votes = to_split(pictures).votes
    assert [0.75, 0, 0, 0.25, 0, 0, 0, 0] == votes[1].tolist()


def test_who_got_no_votes_has_a_row_of_zeros():
    pictures = toy_pictures(each=1)
    pictures.votes[1] = (0, 0, 0, 0, 0, 0, 0, 0, 7, 3)
    assert 0 == to_split(pictures).votes[1].abs().sum()


def test_a_data_set_without_votes_can_be_used():
    pictures = toy_pictures(each=1)
    bare = Dataset(pictures.images, pictures.labels, pictures.ids, None, None)
    assert (7, 8) == to_split(bare).votes.shape


@pytest.mark.parametrize("name", ["fer2013.npz", "fer2013.csv"])
def test_the_data_is_found_in_its_folder_or_named_itself(tmp_path, monkeypatch, name):
    file = tmp_path / name
    file.touch()
    for place in (tmp_path, file):
        monkeypatch.setenv("EDGE_FER_DATA", str(place))
        assert file == data_path()


def test_a_folder_of_labels_is_a_data_set_itself(tmp_path, monkeypatch):
    (tmp_path / "train" / "happy").mkdir(parents=True)
    monkeypatch.setenv("EDGE_FER_DATA", str(tmp_path))
    assert tmp_path == data_path()
