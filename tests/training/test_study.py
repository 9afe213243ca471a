"""The pruning study compares three networks of each seed, and its interval tells chance apart."""

import msgspec
import numpy as np
import pytest
import torch
from toys import ENOUGH, QUICK, tiny_net, toy_recipe, write_fer2013

from edge_fer.errors import ConfigError
from training.recipe import Study
from training.study import ARMS, fresh, paired, study

ONE = msgspec.structs.replace(QUICK, epochs=1)


def test_all_arms_of_all_seeds_are_trained_and_the_cut_ones_are_of_one_size(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EDGE_FER_DATA", str(write_fer2013(tmp_path / "toy.npz")))
    plan = Study(seeds=(1, 2), parent=ONE, pruned=ONE)
    record = study(msgspec.structs.replace(toy_recipe(), study=plan))
    assert set(ARMS) == set(record["accuracy"])
    assert {2} == {len(row) for row in record["accuracy"].values()}
    assert record["macs"]["pruned"] == record["macs"]["scratch"] < record["macs"]["parent"]
    assert 2 == record["epochs"]["scratch"]


def test_an_ablation_trains_the_parent_without_a_part_and_compares_the_same_seeds(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EDGE_FER_DATA", str(write_fer2013(tmp_path / "toy.npz")))
    plan = Study(
        seeds=(1, 2), parent=ONE, pruned=ONE, without={"attention": False}, without_seeds=(2,)
    )
    record = study(msgspec.structs.replace(toy_recipe(), study=plan))
    found = record["without"]
    assert ([2], 1) == (found["seeds"], len(found["accuracy"]))
    assert found["macs"] < record["macs"]["parent"]
    gap = 100 * (record["accuracy"]["parent"][1] - found["accuracy"][0])
    assert gap == pytest.approx(found["parent - without"]["points"], abs=0.01)


def test_without_a_plan_there_is_nothing_to_study():
    with pytest.raises(ConfigError, match="must have the sections study and prune"):
        study(toy_recipe(fit=ENOUGH))


def test_a_fresh_network_has_the_shape_but_nothing_of_the_weights():
    net = tiny_net(seed=1)
    other = fresh(net, seed=2)
    weights = [(a, b) for a, b in zip(net.parameters(), other.parameters(), strict=True)]
    assert all(a.shape == b.shape for a, b in weights)
    assert not any(torch.equal(a, b) for a, b in weights if a.ndim > 1)


def test_equal_networks_differ_by_nothing():
    right = [np.array([True, False, True, True])] * 3
    assert {"points": 0.0, "low": 0.0, "high": 0.0} == paired(right, right)


def test_a_clear_difference_has_an_interval_without_zero():
    draw = np.random.default_rng(0)
    better = [draw.random(2000) < 0.8 for _ in range(3)]
    worse = [row & (draw.random(2000) < 0.9) for row in better]
    gap = paired(better, worse)
    assert 0 < gap["low"] < gap["points"] < gap["high"] < 12
