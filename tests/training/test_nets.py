"""The networks are what their names promise."""

import pytest
import torch
from torch import nn
from toys import tiny_net

from training.nets import NETS
from training.nets.blocks import AttentionGate, SeparableBlock


def dense(net):
    """Convolutions that mix channels and neighbouring pixels at once."""
    return [
        layer
        for layer in net.modules()
        if isinstance(layer, nn.Conv2d) and layer.groups == 1 and max(layer.kernel_size) > 1
    ]


@pytest.mark.parametrize("kind", ["ultralight", "xception"])
def test_nothing_is_dense_but_the_stem(kind):
    net = NETS[kind]()
    assert [net.features[0][0]] == dense(net)


@pytest.mark.parametrize("kind", ["ultralight", "xception"])
def test_every_spatial_convolution_behind_the_stem_is_depthwise(kind):
    net = NETS[kind]()
    spatial = [
        layer
        for layer in net.features[1:].modules()
        if isinstance(layer, nn.Conv2d) and layer.kernel_size == (3, 3)
    ]
    assert len(spatial) >= 12
    assert all(layer.groups == layer.in_channels for layer in spatial)


def test_ultralight_attends_in_its_last_stage_alone():
    blocks = [layer for layer in NETS["ultralight"]().features if isinstance(layer, SeparableBlock)]
    gated = [any(isinstance(m, AttentionGate) for m in block.modules()) for block in blocks]
    assert [False, False, False, False, True, True] == gated


def test_a_gate_weighs_channels_by_zero_to_one():
    torch.manual_seed(0)
    gate, x = AttentionGate(16), torch.rand(2, 16, 6, 6) + 1
    weights = (gate(x) / x).detach()
    assert 0 <= float(weights.min()) <= float(weights.max()) <= 1
    assert torch.allclose(weights, weights[:, :, :1, :1].expand_as(weights))


def test_a_gate_depends_on_the_picture():
    torch.manual_seed(0)
    gate = AttentionGate(16)
    weights = [(gate(x) / x)[0, :, 0, 0] for x in torch.rand(2, 1, 16, 6, 6)]
    assert not torch.equal(weights[0], weights[1])


@pytest.mark.parametrize("kind", NETS)
def test_outputs_are_seven_labels_and_eight_emotions(kind):
    assert (2, 15) == tiny_net(kind).eval()(torch.zeros(2, 1, 48, 48)).shape


def test_the_middle_flow_of_xception_keeps_its_shape():
    plain, longer = (
        sum(p.numel() for p in NETS["xception"](middle=n).parameters()) for n in (1, 3)
    )
    assert longer > plain
    assert (1, 15) == NETS["xception"](middle=3).eval()(torch.zeros(1, 1, 48, 48)).shape
