"""A committed parent is the network it was written from, to half precision."""

import pytest
import torch
from toys import lived_in, tiny_net, toy_recipe, toy_split

from edge_fer.errors import DataError
from training import parents
from training.fit import said
from training.parents import find_parent, read_parent, write_parent
from training.train import new_net

SPLIT = toy_split(each=4)


def test_a_parent_says_after_reading_what_it_said_before(tmp_path):
    recipe = toy_recipe()
    net = lived_in(new_net(recipe)).eval()
    write_parent(net, tmp_path / "toy.npz")
    again = read_parent(recipe, tmp_path / "toy.npz")
    assert not again.training
    assert torch.equal(said(net, SPLIT), said(again, SPLIT))
    for name, value in net.state_dict().items():
        assert torch.allclose(value.float(), again.state_dict()[name].float(), rtol=1e-3, atol=1e-5)


def test_weights_of_another_network_are_refused(tmp_path):
    write_parent(tiny_net("xception"), tmp_path / "toy.npz")
    with pytest.raises(DataError, match=r"toy\.npz: must hold the weights of toy"):
        read_parent(toy_recipe(), tmp_path / "toy.npz")


def test_the_committed_parent_is_taken_before_any_run(tmp_path, monkeypatch):
    monkeypatch.setattr(parents, "FOLDER", tmp_path)
    monkeypatch.chdir(tmp_path)
    net = lived_in(new_net(toy_recipe()))
    write_parent(net, tmp_path / "toy.npz")
    found = find_parent(toy_recipe())
    assert torch.equal(said(net, SPLIT), said(found, SPLIT))
    assert not (tmp_path / "runs").exists()
