"""The fp32 ONNX file computes what the network does, and nothing that only training needs."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from torch import nn
from toys import OPTIONS, lived_in, tiny_net, toy_pictures, toy_split

from edge_fer.emotion.card import FER2013_LABELS, FORMAT, Card, sha256_of
from edge_fer.emotion.classify import Classifier
from tests.support.tiny_model import write_card
from training.data import SPEC
from training.export import costs, export
from training.prune import count_macs, cut
from training.recipe import Fit, Prune


@pytest.fixture(scope="module", params=[*OPTIONS, "pruned ultralight"])
def pair(request, tmp_path_factory):
    net = lived_in(tiny_net(request.param.split()[-1]))
    if request.param.startswith("pruned"):
        options = Prune(macs=0.3, round_to=4, between=Fit(epochs=1), last=Fit(epochs=1))
        net = cut(net, int(count_macs(net) * 0.7), options)
    return net, export(net, tmp_path_factory.mktemp("onnx") / "net-fp32.onnx")


def outputs(path, chips):
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {"chips": chips.numpy()})[0]


@pytest.mark.parametrize("count", [1, 5])
def test_the_file_says_what_the_network_says_for_any_batch(pair, count):
    net, path = pair
    chips = toy_split(each=1).chips[:count]
    with torch.no_grad():
        expected = net(chips)[:, :7].numpy()
    assert np.ptp(expected) > 0.1
    assert np.abs(expected - outputs(path, chips)).max() < 1e-4


def test_it_has_one_output_of_seven_logits_and_one_input(pair):
    graph = onnx.load(pair[1]).graph
    assert ["chips"] == [value.name for value in graph.input]
    assert ["logits"] == [value.name for value in graph.output]
    assert ["n", 7] == [
        size.dim_param or size.dim_value for size in graph.output[0].type.tensor_type.shape.dim
    ]


def test_the_oldest_onnxruntime_we_support_can_read_it(pair):
    model = onnx.load(pair[1])
    assert 8 == model.ir_version
    assert [("", 17)] == [(entry.domain, entry.version) for entry in model.opset_import]


def test_batch_norm_is_folded_into_the_convolutions(pair):
    operators = {node.op_type for node in onnx.load(pair[1]).graph.node}
    assert "Conv" in operators
    assert "BatchNormalization" not in operators


def test_the_network_given_keeps_both_heads(pair):
    assert 15 == pair[0].head.out_features


def test_with_a_card_it_loads_and_classifies(pair):
    net, path = pair
    card = Card(
        format=FORMAT,
        name=path.stem,
        network="toy",
        precision="fp32",
        sha256=sha256_of(path),
        labels=list(FER2013_LABELS),
        input=SPEC,
    )
    write_card(path, card)
    pictures = toy_pictures(each=1)
    scores = Classifier(path).probabilities(pictures.images)
    with torch.no_grad():
        expected = net(toy_split(each=1).chips)[:, :7].softmax(1).numpy()
    assert np.abs(expected - scores).max() < 1e-4


def test_costs_are_those_of_the_layers_in_the_file(pair):
    net, path = pair
    parameters = macs = 0

    def add(layer, _, output):
        nonlocal parameters, macs
        weight = layer.weight if isinstance(layer, nn.Conv2d) else layer.weight[:7]
        parameters += weight.numel() + len(weight)
        pixels = output.shape[2] * output.shape[3] if output.ndim == 4 else 1
        macs += weight.numel() * pixels

    layers = [m for m in net.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    hooks = [layer.register_forward_hook(add) for layer in layers]
    net(torch.zeros(1, 1, 48, 48))
    for hook in hooks:
        hook.remove()
    # A depthwise convolution ahead of a pointwise one has neither norm nor bias.
    parameters -= sum(
        m.out_channels
        for m in layers
        if isinstance(m, nn.Conv2d) and m.groups == m.out_channels > 1
    )
    assert (parameters, macs) == costs(path)


def test_with_several_sizes_one_file_takes_them_all(tmp_path):
    net = lived_in(tiny_net("ultralight"))
    free = export(net, tmp_path / "free.onnx", [48, 32, 64])
    fixed = export(net, tmp_path / "fixed.onnx", [48])
    assert costs(fixed) == costs(free)
    for size in (48, 32, 64):
        chips = torch.nn.functional.interpolate(toy_split(each=1).chips[:2], size=size)
        with torch.no_grad():
            expected = net(chips)[:, :7].numpy()
        assert np.abs(expected - outputs(free, chips)).max() < 1e-4
