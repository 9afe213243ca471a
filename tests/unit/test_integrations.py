"""What the pages about Home Assistant, Node-RED and metrics tell people to copy."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from edge_fer.config.load import load
from edge_fer.config.options import OPTIONS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs" / "guides"


def snippets(page: str, kind: str) -> list[str]:
    text = (DOCS / page).read_text()
    found = re.findall(rf"^ *```{kind}\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    return [re.sub(r"^ +", "", snippet, flags=re.MULTILINE) for snippet in found]


@pytest.mark.parametrize("page", ["home-assistant.md", "metrics.md"])
def test_the_configuration_of_the_page_is_taken(page: str, tmp_path: Path) -> None:
    (snippet,) = snippets(page, "toml")
    file = tmp_path / "edge-fer.toml"
    file.write_text(snippet)
    settings = load(file, [], {})
    assert load(None, [], {}) != settings


def test_the_page_names_every_choice_of_discovery() -> None:
    text = (DOCS / "home-assistant.md").read_text()
    for choice in OPTIONS["homeassistant"]["discovery"].choices:
        assert f'"{choice}"' in text or f"`{choice}`" in text


def test_pages_point_only_to_what_is_there() -> None:
    for page in ("home-assistant.md", "node-red.md", "metrics.md", "python-client.md"):
        links = re.findall(r"\]\((?!http)([^)#]+)", (DOCS / page).read_text())
        assert [] == [link for link in links if not (DOCS / link).exists()], page


@pytest.fixture(scope="module")
def flow() -> Any:
    return json.loads((ROOT / "deploy/node-red/flow.json").read_text())


def test_the_flow_hears_and_says_topics_of_the_contract(flow: Any) -> None:
    document = json.loads((ROOT / "docs/reference/asyncapi.json").read_text())
    actions = {"mqtt in": "send", "inject": "receive"}
    addresses = {
        (document["operations"][name]["action"], channel["address"])
        for name, channel in document["channels"].items()
    }
    for node in flow:
        if node["type"] in actions:
            address = re.sub(r"^edge-fer/[^/]+", "{prefix}/{device}", node["topic"])
            assert (actions[node["type"]], address) in addresses


def test_the_flow_holds_no_secret_and_no_command_is_retained(flow: Any) -> None:
    assert not [node for node in flow if "credentials" in node]
    (out,) = (node for node in flow if node["type"] == "mqtt out")
    assert "false" == out["retain"]


def test_every_node_of_the_flow_is_wired_to_one_that_is_there(flow: Any) -> None:
    ids = {node["id"] for node in flow}
    wired = {end for node in flow for ends in node.get("wires", []) for end in ends}
    assert set() == wired - ids
    assert {"edgefer-broker"} == {node["broker"] for node in flow if "mqtt " in node["type"]}
