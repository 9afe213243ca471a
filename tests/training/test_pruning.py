"""`cut` takes whole channels away, as many as asked for, and leaves a network that runs."""

import copy

import pytest
import torch
from torch import nn
from toys import lived_in, tiny_net

from edge_fer.errors import ConfigError
from training.nets import NETS
from training.nets.blocks import AttentionGate
from training.prune import count_macs, cut
from training.recipe import Fit, Prune

KINDS = ("ultralight", "xception")


def options(round_to=4):
    return Prune(macs=0.4, round_to=round_to, between=Fit(epochs=1), last=Fit(epochs=1))


@pytest.fixture(scope="module", params=KINDS)
def pair(request):
    parent = lived_in(tiny_net(request.param))
    return parent, cut(parent, int(count_macs(parent) * 0.6), options())


def widths(net):
    return {
        name: layer.out_channels
        for name, layer in net.named_modules()
        if isinstance(layer, nn.Conv2d)
    }


def test_no_more_is_computed_than_was_asked_for(pair):
    parent, child = pair
    assert 0.4 * count_macs(parent) < count_macs(child) <= 0.6 * count_macs(parent)


def test_the_channels_are_gone_not_zero(pair):
    parent, child = (widths(net) for net in pair)
    assert parent.keys() == child.keys()
    assert all(child[name] <= parent[name] for name in parent)
    assert sum(child.values()) < sum(parent.values())
    shapes = {name: value.shape for name, value in pair[1].named_parameters()}
    assert all(shapes[f"{name}.weight"][0] == width for name, width in child.items())


def test_what_is_left_runs_and_learns(pair):
    child = copy.deepcopy(pair[1]).train()
    logits = child(torch.randn(3, 1, 48, 48))
    assert (3, 15) == logits.shape
    logits.square().mean().backward()
    assert all(value.grad is not None for value in child.parameters())


def test_the_head_keeps_its_outputs(pair):
    assert 15 == pair[1].head.out_features
    assert pair[1].labels == 7


def test_the_parent_stays_as_it_was(pair):
    assert pair[0].head.in_features == pair[0].features(torch.zeros(1, 1, 48, 48)).shape[1]
    assert count_macs(pair[1]) < count_macs(pair[0])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("round_to", [4, 8])
def test_widths_are_multiples_of_round_to(kind, round_to):
    parent = tiny_net(kind)
    child = cut(parent, int(count_macs(parent) * 0.7), options(round_to))
    assert widths(child) != widths(parent)
    assert {0} == {width % round_to for width in widths(child).values()}


def test_gates_stay_and_weigh_every_channel_that_is_left():
    parent = lived_in(NETS["ultralight"](stem=8, widths=[16, 24, 96], blocks=[1, 1, 1]))
    with torch.no_grad():
        # Channels fainter than their neighbours are the first to go, wherever they may.
        for layer in parent.modules():
            if isinstance(layer, AttentionGate):
                layer.reduce.weight[::2] *= 1e-3
                layer.expand.weight[:, ::2] *= 1e-3
    child = cut(parent, int(count_macs(parent) * 0.6), options())
    gates = [[m for m in net.modules() if isinstance(m, AttentionGate)] for net in (parent, child)]
    assert len(gates[0]) == len(gates[1]) == 1
    old, new = gates[0][0], gates[1][0]
    assert old.reduce.out_channels == new.reduce.out_channels
    assert new.reduce.in_channels == new.expand.out_channels
    assert new.expand.out_channels == child.head.in_features


def test_depthwise_convolutions_stay_depthwise(pair):
    spatial = [
        layer
        for layer in pair[1].features[1:].modules()
        if isinstance(layer, nn.Conv2d) and layer.kernel_size == (3, 3)
    ]
    assert spatial
    assert all(layer.groups == layer.in_channels == layer.out_channels for layer in spatial)


def test_the_weakest_channels_go_first():
    parent = lived_in(tiny_net("xception"))
    with torch.no_grad():
        # The last separable convolution is coupled to no other: half of it is made faint.
        for layer in parent.features[-2:]:
            for value in layer.parameters() if isinstance(layer, nn.BatchNorm2d) else ():
                value[::2] *= 1e-3
        parent.features[-3].weight[::2] *= 1e-3
        parent.head.weight[:, ::2] *= 1e-3
    kept = parent.head.weight.detach()[:, 1::2]
    child = cut(parent, int(count_macs(parent) * 0.97), options())
    left = child.head.weight.detach()
    assert left.shape[1] < parent.head.in_features
    assert all(any(torch.equal(column, other) for other in left.T) for column in kept.T)


def test_more_than_can_go_is_refused(pair):
    with pytest.raises(ConfigError, match="are the fewest possible"):
        cut(pair[0], 1000, options())
