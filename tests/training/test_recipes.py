"""Recipes: each one there is can be read, and a slip of the pen is named in one line."""

import sys

import pytest
from toys import toy_recipe

from edge_fer.errors import ConfigError
from training.nets import new_net
from training.recipe import FOLDER, Fit, origin, read_recipe, root
from training.soften import FOLDER as SOFT
from training.train import main
from training.weights import read_parent

NAMES = sorted(path.stem for path in FOLDER.glob("*.toml"))
GOOD = 'name = "good"\nnet = "resnet"\n[fit]\nepochs = 1\n'
STEPS = "[prune.between]\nepochs = 1\n[prune.last]\nepochs = 1\n"


def refusal(folder, text):
    (folder / "bad.toml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_recipe("bad", folder)
    start, _, message = str(caught.value).partition("bad.toml: ")
    assert str(folder) in start
    assert "\n" not in message
    return message


@pytest.mark.parametrize("name", NAMES)
def test_every_recipe_builds_a_network_of_seven_and_eight_outputs(name):
    recipe = read_recipe(name)
    assert name == recipe.name
    assert recipe.parent is None or recipe.parent in NAMES
    assert recipe.soft is None or (SOFT / f"{recipe.soft}.npz").exists()
    assert 15 == new_net(recipe).head.out_features


@pytest.mark.parametrize("name", [name for name in NAMES if read_recipe(name).parent])
def test_what_a_recipe_begins_with_is_committed_and_of_its_own_shape(name):
    recipe = read_recipe(name)
    read_parent(origin(recipe))
    whole = root(recipe)
    assert whole.parent is None
    assert (whole.net, whole.options) == (recipe.net, recipe.options)


def test_there_is_a_recipe_for_each_network_we_ship():
    assert {"ultralight", "xception"} <= set(NAMES)


def test_what_a_recipe_leaves_out_has_a_default(tmp_path):
    (tmp_path / "good.toml").write_text(GOOD)
    recipe = read_recipe("good", tmp_path)
    assert Fit(epochs=1) == recipe.fit
    assert recipe.prune is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"sede = 3\n{GOOD}", "sede: no such key, must be one of name, net, "),
        (f"{GOOD}epoch = 2", "fit.epoch: no such key, must be one of epochs, batch, "),
        (f"{GOOD}[prune]\nmac = 0.5\n{STEPS}", "prune.mac: no such key, must be one of macs, "),
        (f"{GOOD}[prune]\nmacs = 0.5\n{STEPS}bach = 9", "prune.last.bach: no such key"),
        (f"{GOOD}[quantize]\nimage = 9", "quantize.image: no such key, must be one of images, "),
        ('name = "a"\nnet = "b"\n[fit]\n', "fit.epochs: must be given"),
        ('name = "a"\n[fit]\nepochs = 1\n', "net: must be given"),
        (f"{GOOD}batch = 'big'", "fit.batch: must be int, is str"),
        (f"{GOOD}batch = ", "must be a TOML file"),
    ],
)
def test_a_wrong_key_or_value_is_named_with_what_would_be_right(tmp_path, text, expected):
    assert refusal(tmp_path, text).startswith(expected)


def test_a_mistyped_key_gets_a_suggestion(tmp_path):
    assert refusal(tmp_path, f"{GOOD}epoch = 2").endswith("; did you mean epochs?")


def test_a_recipe_that_is_not_there_is_answered_with_those_that_are():
    with pytest.raises(ConfigError, match=r"teacher, ultralight, .*; did you mean ultralight"):
        read_recipe("ultralite")


def test_a_network_that_is_not_there_is_answered_with_those_that_are():
    with pytest.raises(ConfigError, match="net = ultralite: must be one of ultralight, "):
        new_net(toy_recipe(net="ultralite"))


def test_an_option_the_network_does_not_have_is_named():
    with pytest.raises(ConfigError, match=r"options.width: no such key, .* did you mean widths\?"):
        new_net(toy_recipe(options={"width": [1, 2, 3]}))


def test_the_commands_end_in_one_line_and_the_code_of_a_wrong_setting(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["train", "ultralite"])
    assert 78 == main()
    assert 1 == capsys.readouterr().err.count("\n")


def test_missing_data_ends_in_one_line_too(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["train", "teacher"])
    monkeypatch.setenv("EDGE_FER_DATA", str(tmp_path / "none"))
    assert 65 == main()
    assert (
        "none: no data; name the folder of fer2013.npz in EDGE_FER_DATA\n"
        in capsys.readouterr().err
    )
