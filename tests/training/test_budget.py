"""A budget counts what all the networks before took, also where their runs are gone."""

import json

import pytest
from toys import toy_recipe

from training import recipe as recipes
from training.budget import FILE, Budget, budget_of, keep_budget

CHAIN = [
    toy_recipe("one"),
    toy_recipe("two", parent="one"),
    toy_recipe("three", parent="two"),
    toy_recipe("wide", grown="two"),
    toy_recipe("four", parent="wide"),
]
TAKEN = {
    "one/parent": 5,
    "one/pruned1": 7,
    "two/pruned1": 3,
    "three/pruned1": 2,
    "wide/parent": 4,
    "four/pruned1": 6,
}


@pytest.fixture
def known(tmp_path, monkeypatch):
    """The recipes and their runs, of half an hour an epoch."""
    monkeypatch.chdir(tmp_path)
    by_name = {each.name: each for each in CHAIN}
    monkeypatch.setattr(recipes, "read_recipe", by_name.__getitem__)
    for run, epochs in TAKEN.items():
        (tmp_path / "runs" / run).mkdir(parents=True)
        history = [{"seconds": 1800.0}] * epochs
        (tmp_path / "runs" / run / "history.json").write_text(json.dumps(history))
    FILE.parent.mkdir(parents=True)
    return by_name


@pytest.mark.parametrize(
    ("name", "parent", "pruned"), [("one", 5, 7), ("three", 5, 5), ("four", 12, 6)]
)
def test_all_that_came_before_counts(known, name, parent, pruned):
    assert Budget(epochs=parent, hours=parent / 2) == budget_of(known[name], "parent")
    assert Budget(epochs=pruned, hours=pruned / 2) == budget_of(known[name], "pruned")


def test_a_run_that_is_gone_is_remembered_if_its_network_was_committed(known, tmp_path):
    keep_budget(known["two"])
    for name, run in (("two", "two/pruned1"), ("one", "one/parent")):
        keep_budget(known[name])
        (tmp_path / "runs" / run / "history.json").unlink()
    assert ["one", "two"] == list(json.loads(FILE.read_text()))
    assert Budget(epochs=12, hours=6) == budget_of(known["four"], "parent")
    (tmp_path / "runs/one/pruned1/history.json").unlink()
    assert budget_of(known["one"], "pruned") is None


def test_what_began_with_random_weights_is_found_behind_growing_and_pruning(known):
    assert ["one"] * len(known) == [recipes.first(each).name for each in known.values()]


def test_what_nobody_noted_is_not_known(known, tmp_path):
    (tmp_path / "runs/two/pruned1/history.json").unlink()
    assert budget_of(known["three"], "pruned") is None
    assert budget_of(known["four"], "parent") is None
