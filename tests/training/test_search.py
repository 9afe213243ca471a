"""A search trains and times every shape alike, and tells which of them no other beats."""

import json

import msgspec
import pytest
from toys import QUICK, toy_recipe, write_fer2013

from edge_fer.errors import ConfigError
from training.compare.draw import draw_search
from training.compare.sections import NO_SEARCH, search_table
from training.recipe import Search
from training.search import _best, search

ONE = msgspec.structs.replace(QUICK, epochs=1)
PLAN = Search(fit=ONE, variants={"same": {}, "wider": {"widths": [32, 48, 64]}})


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    folder = tmp_path_factory.mktemp("search")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("EDGE_FER_DATA", str(write_fer2013(folder / "toy.npz")))
        return search(toy_recipe(search=PLAN))


def test_every_variant_is_the_recipes_network_but_for_what_it_changes(record):
    same, wider = record["variants"]
    assert ["same", "wider"] == [same["name"], wider["name"]]
    assert toy_recipe().options == same["options"]
    assert {**toy_recipe().options, "widths": [32, 48, 64]} == wider["options"]
    for cost in ("parameters", "macs", "bytes"):
        assert 0 < same[cost] < wider[cost]
    assert all(0 <= row["accuracy"] <= 1 and row["latency"]["value"] > 0 for row in (same, wider))


def test_the_record_becomes_a_table_and_a_plot(tmp_path, record):
    path = tmp_path / "search-toy.json"
    path.write_text(json.dumps(record))
    lines = search_table([path]).splitlines()
    assert lines[0].startswith("toy, each from scratch for 1 epochs at 48 px")
    fastest = min(record["variants"], key=lambda row: row["latency"]["value"])
    assert lines[4].startswith(f"| **{fastest['name']}** |")
    assert NO_SEARCH == search_table([])
    draw_search([path], tmp_path)
    assert (tmp_path / "search-toy.png").read_bytes().startswith(b"\x89PNG")


def rows(*pairs):
    return [{"accuracy": right, "latency": {"value": cost}} for right, cost in pairs]


def test_best_is_what_nothing_faster_equals():
    found = rows((0.6, 1.0), (0.5, 0.5), (0.55, 1.5), (0.6, 1.2), (0.7, 2.0))
    assert [True, True, False, False, True] == [_best(row, found) for row in found]


def test_without_a_plan_there_is_nothing_to_search():
    with pytest.raises(ConfigError, match="must have the section search"):
        search(toy_recipe())
