"""A committed parent is the network it was written from, to half precision."""

import pytest
import torch
from toys import OPTIONS, lived_in, tiny_net, toy_recipe, toy_split

from edge_fer.errors import DataError
from training import weights
from training.fit import said
from training.nets import new_net
from training.parents import find_parent, finished
from training.prune import count_macs, cut
from training.weights import read_parent, write_parent

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
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    monkeypatch.chdir(tmp_path)
    net = lived_in(new_net(toy_recipe()))
    write_parent(net, tmp_path / "toy.npz")
    found = find_parent(toy_recipe())
    assert torch.equal(said(net, SPLIT), said(found, SPLIT))
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("kind", ["ultralight", "xception"])
def test_a_pruned_network_is_read_as_narrow_as_it_was_written(tmp_path, kind):
    recipe = toy_recipe(net=kind, options=OPTIONS[kind])
    whole = new_net(recipe)
    net = lived_in(cut(whole, int(count_macs(whole) * 0.6), recipe.prune)).eval()
    write_parent(net, tmp_path / "toy.npz")
    again = read_parent(recipe, tmp_path / "toy.npz")
    assert count_macs(net) == count_macs(again) < count_macs(whole)
    assert torch.equal(said(net, SPLIT), said(again, SPLIT))
    narrower = cut(again, int(count_macs(whole) * 0.5), recipe.prune)
    assert count_macs(narrower) <= count_macs(whole) * 0.5


def chained(folder, monkeypatch):
    """Recipes that begin with one another: first, second with first, third with second."""
    monkeypatch.setattr(weights, "FOLDER", folder)
    monkeypatch.chdir(folder)
    known = {"first": toy_recipe("first")}
    known["second"] = toy_recipe("second", parent="first")
    known["third"] = toy_recipe("third", parent="second")
    monkeypatch.setattr("training.recipe.read_recipe", known.__getitem__)
    return known


def test_a_recipe_begins_with_the_network_it_names_and_no_earlier_one(tmp_path, monkeypatch):
    known = chained(tmp_path, monkeypatch)
    nets = {name: lived_in(tiny_net(seed=seed)) for seed, name in enumerate(["first", "second"])}
    for name, net in nets.items():
        write_parent(net, tmp_path / f"{name}.npz")
    assert torch.equal(said(nets["second"], SPLIT), said(find_parent(known["third"]), SPLIT))
    assert torch.equal(said(nets["first"], SPLIT), said(find_parent(known["second"]), SPLIT))


def test_a_pruned_network_that_is_not_committed_is_asked_for(tmp_path, monkeypatch):
    known = chained(tmp_path, monkeypatch)
    with pytest.raises(DataError, match=r"second\.npz: no such file; make it with .* second$"):
        find_parent(known["third"])


def test_a_recipe_with_a_parent_lends_its_pruned_network(tmp_path, monkeypatch):
    known = chained(tmp_path, monkeypatch)
    with pytest.raises(DataError, match=r"training\.prune second$"):
        finished(known["second"])
    folder = tmp_path / "runs" / "second" / "pruned1"
    folder.mkdir(parents=True)
    net = lived_in(tiny_net(seed=5))
    torch.save(net, folder / "final.pt")
    assert torch.equal(said(net, SPLIT), said(finished(known["second"]), SPLIT))
