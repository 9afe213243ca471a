"""A grown network says what the one inside it says, and learns more than that."""

import pytest
import torch
from toys import ENOUGH, OPTIONS, lived_in, tiny_net, toy_recipe, toy_split

from edge_fer.errors import ConfigError
from training import weights
from training.fit import accuracy, fit
from training.grow import grow
from training.nets import NETS, new_net
from training.prune import count_macs, cut
from training.train import train
from training.weights import write_parent

SPLIT = toy_split(each=4)
WIDER = {
    "ultralight": {"stem": 12, "widths": [24, 32, 48], "blocks": [1, 1, 1]},
    "xception": {"stem": 12, "entry": [24, 32, 48], "middle": 1, "exit_width": 64},
}


def wider(kind, seed=1):
    torch.manual_seed(seed)
    return NETS[kind](**WIDER[kind], dropout=0.0)


@pytest.mark.parametrize("kind", ["ultralight", "xception"])
def test_at_the_start_it_says_what_the_one_inside_says(kind):
    inner, net = lived_in(tiny_net(kind)), wider(kind)
    alone = net.eval()(SPLIT.chips)
    grown = grow(net, inner).eval()
    assert count_macs(grown) > count_macs(inner)
    assert not torch.allclose(alone, inner(SPLIT.chips), atol=1e-2)
    assert torch.allclose(grown(SPLIT.chips), inner(SPLIT.chips), atol=1e-4)


def test_a_pruned_network_may_stand_inside():
    recipe = toy_recipe()
    inner = lived_in(tiny_net())
    inner = lived_in(cut(inner, int(count_macs(inner) * 0.6), recipe.prune))
    grown = grow(wider("ultralight"), inner).eval()
    assert torch.allclose(grown(SPLIT.chips), inner(SPLIT.chips), atol=1e-4)


def test_the_new_channels_are_heard_after_one_step():
    grown = grow(wider("xception"), lived_in(tiny_net("xception"))).train()
    grown(SPLIT.chips).square().mean().backward()
    new = grown.head.weight.grad[:, OPTIONS["xception"]["exit_width"] :]
    assert (new.abs().sum(0) > 0).float().mean() > 0.5


def test_the_recipes_run_begins_with_the_committed_network(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    monkeypatch.chdir(tmp_path)
    small = toy_recipe("small")
    inner = fit(new_net(small), toy_split(each=40), SPLIT, ENOUGH, tmp_path / "runs/small")
    write_parent(inner, tmp_path / "small.npz")
    monkeypatch.setattr("training.recipe.read_recipe", {"small": small}.__getitem__)
    begun = []
    monkeypatch.setattr("training.train.fit", lambda net, *_, **__: begun.append(net))
    monkeypatch.setattr("training.train.training_split", lambda _: None)
    monkeypatch.setattr("training.train.read_split", lambda _: None)
    train(toy_recipe("large", options=WIDER["ultralight"], grown="small"))
    assert accuracy(begun[0], SPLIT) == accuracy(inner, SPLIT) > 0.5


@pytest.mark.parametrize(
    ("net", "inner", "message"),
    [
        (tiny_net(), wider("ultralight"), r"^grown: .* must be at least \(12, 1, 5, 5\)"),
        (wider("xception"), tiny_net(), r"^grown: the network inside must have the same layers"),
    ],
)
def test_what_does_not_fit_inside_is_refused(net, inner, message):
    with pytest.raises(ConfigError, match=message):
        grow(net, inner)
