"""Somebody's own pictures become a model with one command, in whatever layout they lie."""

import argparse
import dataclasses
import shlex

import numpy as np
import pytest
import torch
from toys import QUICK, tiny_net, toy_pictures, toy_recipe

from edge_fer.emotion.card import read_card
from edge_fer.emotion.classify import Classifier
from edge_fer.errors import ConfigError, DataError
from tests.support.datasets import affectnet, affectnet_csv, class_folders, raf_db
from training.data import to_split
from training.own import make_own, make_parser, own_fit, read_order, with_labels
from training.own_card import Order, command_of
from training.own_data import HELD_OUT, hold_out, read_sets
from training.weights import write_parent

LAYOUTS = (class_folders, raf_db, affectnet, affectnet_csv)
WRITTEN = {"train": 10, "public": 2, "private": 3}
"""Pictures of each label by split."""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """The toy pictures in every layout."""
    splits = {}
    for seed, (split, each) in enumerate(WRITTEN.items()):
        toys = toy_pictures(each, seed=seed, noise=20)
        names = [toys.names[label] for label in toys.labels]
        splits[split] = list(zip(names, toys.images, strict=True))
    folder = tmp_path_factory.mktemp("data")
    for layout in LAYOUTS:
        (folder / layout.__name__).mkdir()
        layout(folder / layout.__name__, splits)
    (folder / "plain").symlink_to(folder / "class_folders/train")
    return folder


def order(data, out, **changes):
    return Order(data=data, name="mine", out=out, epochs=1, licence="ours", **changes)


def recipe():
    return toy_recipe(prune=None)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
def test_every_layout_becomes_a_model_with_its_card(layout, data, tmp_path, capsys):
    place = data / layout.__name__
    int8 = make_own(order(place, tmp_path), recipe(), tmp_path / "no parents")
    card = read_card(int8)
    assert ("mine-int8", "int8", "ours") == (card.name, card.precision, card.data["licence"])
    assert "begun from" not in card.data
    assert set(Classifier(int8).card.labels) == set(card.golden[0].scores)
    held_out = 7 if layout is raf_db else 7 * WRITTEN["public"]
    assert {f"{layout.__name__}-validation": held_out} == {
        name: figures["n"] for name, figures in card.metrics.items()
    }
    assert f"edge-fer check --set model.path={int8}" in capsys.readouterr().out
    left = {path.name for path in tmp_path.iterdir() if path.is_file()}
    files = {f"mine-{kind}.{end}" for kind in ("int8", "fp32") for end in ("onnx", "json")}
    assert files | {"calibration.json", "confusion.png"} == left


def test_own_labels_pruning_and_our_weights_go_together(data, tmp_path):
    place = tmp_path / "data"
    place.mkdir()
    for label in ("happy", "sad"):
        (place / label).symlink_to(data / "plain" / label)
    (place / "Waving").symlink_to(data / "plain/fear")
    write_parent(tiny_net(), tmp_path / "toy.npz")
    wish = order(place, tmp_path / "out", own_labels=("waving",), prune=0.3, title="friends")
    card = read_card(make_own(wish, recipe(), tmp_path))
    assert (["happy", "sad", "waving"], ["waving"]) == (card.labels, card.own_labels)
    assert ("friends", True) == (card.data["name"], "our weights" in card.data["begun from"])
    whole = read_card(tmp_path / "out/mine-fp32.onnx")
    assert whole.macs == card.macs
    other = dataclasses.replace(wish, own_labels=("waving",), seed=2)
    with pytest.raises(ConfigError, match="was started with other pictures or options"):
        make_own(other, recipe(), tmp_path)


def test_a_new_head_keeps_what_the_old_one_knows():
    old = tiny_net().eval()
    chips = to_split(toy_pictures(each=1)).chips
    with torch.inference_mode():
        before = old(chips)
        after = with_labels(old, ("waving", "happy", "contempt"))(chips)
    assert 3 == old.labels
    torch.testing.assert_close(before[:, 3], after[:, 1])
    torch.testing.assert_close(before[:, 7 + 7], after[:, 2])
    torch.testing.assert_close(before[:, -8:], after[:, -8:])


def test_the_card_tells_the_command_that_makes_the_file(tmp_path):
    wish = Order(
        tmp_path, "mine", tmp_path, own_labels=("waving", "nod"), licence="CC BY 4.0", scratch=True
    )
    line = command_of(wish)
    assert f"{tmp_path} mine --own-labels waving,nod --licence 'CC BY 4.0' --scratch" in line
    read = read_order(make_parser().parse_args(shlex.split(line)[3:]))
    assert wish == dataclasses.replace(read, out=tmp_path)


def test_a_tenth_of_each_label_is_held_out_by_the_seed():
    pictures = toy_pictures(each=20)
    train, valid = hold_out(pictures, seed=1)
    assert [round(20 * HELD_OUT)] * 7 == np.bincount(valid.labels).tolist()
    assert sorted(pictures.ids) == sorted([*train.ids, *valid.ids])
    again, other = (hold_out(pictures, seed=seed)[1].ids.tolist() for seed in (1, 2))
    assert (valid.ids.tolist(), True) == (again, again != other)


def test_pictures_that_were_trained_on_are_marked_in_the_other_splits(data, tmp_path):
    (tmp_path / "train").symlink_to(data / "class_folders/train")
    (tmp_path / "val").symlink_to(data / "class_folders/val")
    (tmp_path / "test").symlink_to(data / "class_folders/train")
    sets = read_sets(tmp_path, (), "chips", seed=1, test=True)
    assert not sets.valid.duplicate.any()
    assert sets.test.duplicate.all()


def test_few_pictures_make_small_batches():
    assert [20, 8, 40] == [
        own_fit(QUICK, count, epochs=1, warm=True).batch for count in (320, 30, 9000)
    ]


def test_there_is_no_figure_of_a_test_split_that_is_not_there(data):
    with pytest.raises(DataError, match="has no test split, so --final has nothing to measure"):
        read_sets(data / "affectnet", (), "chips", seed=1, test=True)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"name": "My Model"}, "name = My Model: must be 1 to 32 of"),
        ({"own_labels": "so so"}, "own label 'so so' must be"),
        ({"own_labels": "happy"}, "none of angry"),
    ],
)
def test_a_name_that_cannot_be_one_is_refused(changes, text):
    given = {"name": "mine", "out": None, "own_labels": "", "threads": 1, "data": "x", **changes}
    with pytest.raises(ConfigError, match=text):
        read_order(argparse.Namespace(**given))
