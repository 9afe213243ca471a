"""The page about the models says what their cards say."""

import runpy
from pathlib import Path

import pytest

from edge_fer.emotion.card import LABELS
from edge_fer.errors import ModelError
from tests.support.tiny_model import write_tiny_model

ROOT = Path(__file__).parents[2]
EMPTY = "# Head\n<!-- models -->\nold\n<!-- /models -->\ntail\n"


@pytest.fixture(scope="module")
def render():
    return runpy.run_path(str(ROOT / "docs/generate_models.py"))["render"]


def test_the_page_is_freshly_made(render):
    page = (ROOT / "models/README.md").read_text()
    models = sorted((ROOT / "models").glob("*.onnx"))
    assert render(page, models) == page, "run: python docs/generate_models.py"


def test_without_a_model_it_says_so(render):
    assert "# Head\n<!-- models -->\nNone yet.\n<!-- /models -->\ntail\n" == render(EMPTY, [])


@pytest.mark.parametrize(("key", "whose"), [("fer2013", "FER-2013"), ("ferplus", "FER+ majority")])
def test_each_model_is_a_row_with_the_figures_of_its_card_and_whose_labels(
    render, tmp_path, key, whose
):
    f1 = {label: {"f1": 0.1 * place} for place, label in enumerate(LABELS, start=1)}
    model = write_tiny_model(
        tmp_path,
        bytes=12_345,
        command="make model NET=tiny",
        metrics={f"{key}-public": {"per_class": f1, "macro_f1": 0.4}},
    )
    row = render(EMPTY, [model]).splitlines()[4]
    assert row.startswith("| `tiny-fp32.onnx` | 12,345 | `")
    assert row.endswith(
        f"| `make model NET=tiny` | {whose} | 0.10 | 0.20 | 0.30 | 0.40 | 0.50 | 0.60 | 0.70 | "
        "0.80 | 0.400 |"
    )


def test_what_a_card_leaves_open_is_a_dash(render, tmp_path):
    assert "| - | - | - | - | - | - | - | - | - | - |" in render(
        EMPTY, [write_tiny_model(tmp_path)]
    )


def test_a_model_that_does_not_fit_its_card_stops_the_page(render, tmp_path):
    model = write_tiny_model(tmp_path)
    model.write_bytes(model.read_bytes() + b" ")
    with pytest.raises(ModelError, match="sha256"):
        render(EMPTY, [model])
