"""Numbers for Prometheus' node_exporter, and the sample for Telegraf."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from edge_fer.config.load import load
from edge_fer.daemon.prometheus import GAUGES, Textfile
from edge_fer.daemon.stats import Stats
from edge_fer.errors import ConfigError
from edge_fer.mqtt.data_inventory import NUMBERS
from tests.support.mqtt import warnings

try:
    import tomllib
except ModuleNotFoundError:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]


def written(name: str) -> str:
    """Return the name in the file; the parser adds ``_total`` to those of counters."""
    return name.removesuffix("_total")


def test_prometheus_own_parser_reads_every_number(tmp_path: Path) -> None:
    numbers = {**Stats().snapshot({"load": 0.125}), "uptime_s": 1234567.5}
    path = tmp_path / "edge-fer.prom"
    Textfile().write(str(path), numbers, "porch")
    families = text_string_to_metric_families(path.read_text())
    samples = [sample for family in families for sample in family.samples]
    assert {f"edge_fer_{name}": float(value) for name, value in numbers.items()} == {
        written(sample.name): sample.value for sample in samples
    }
    assert [{"device": "porch"}] * len(numbers) == [sample.labels for sample in samples]


def test_every_number_has_its_type_and_meaning(tmp_path: Path) -> None:
    numbers = dict.fromkeys(NUMBERS.keys() - {"faces_*"} | Stats().snapshot({}).keys(), 1.0)
    path = tmp_path / "edge-fer.prom"
    Textfile().write(str(path), numbers, "porch")
    families = {
        written(sample.name): family
        for family in text_string_to_metric_families(path.read_text())
        for sample in family.samples
    }
    for name in numbers:
        family = families[f"edge_fer_{name}"]
        assert ("gauge" if name in GAUGES else "counter") == family.type
        assert NUMBERS.get(name, NUMBERS["faces_*"])[1] == family.documentation
    assert set() == GAUGES - NUMBERS.keys()


def test_a_number_with_a_unit_is_never_a_counter() -> None:
    with_unit = {name for name, (unit, _) in NUMBERS.items() if unit}
    assert set() == with_unit - GAUGES
    assert {"waiting", "unsaved", "black", "degraded", "load", "throttled"} == GAUGES - with_unit


def test_the_file_is_replaced_as_a_whole_and_readable_by_all(tmp_path: Path) -> None:
    path = tmp_path / "edge-fer.prom"
    file = Textfile()
    file.write(str(path), {"fps": 1}, "porch")
    with path.open() as before:
        file.write(str(path), {"fps": 2}, "porch")
        assert before.read().endswith('{device="porch"} 1\n')
    assert path.read_text().endswith('{device="porch"} 2\n')
    assert 0o644 == path.stat().st_mode & 0o777
    assert [path] == list(tmp_path.iterdir())


def test_a_folder_that_is_not_there_is_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file, path = Textfile(), f"{tmp_path}/none/edge-fer.prom"
    for _ in range(2):
        file.write(path, {"fps": 1}, "porch")
    expected = f"stats.textfile = {path}: cannot be written: No such file or directory"
    assert [expected] == warnings(caplog)


@pytest.mark.parametrize("value", ["edge-fer.prom", "/var/lib/edge-fer.txt", "/.prom"])
def test_a_file_that_node_exporter_would_not_read_is_refused(value: str) -> None:
    with pytest.raises(ConfigError, match=r"stats.textfile = .*must be"):
        load(None, [f"stats.textfile={value}"], {})


@pytest.fixture(scope="module")
def telegraf() -> Any:
    return tomllib.loads((ROOT / "deploy/telegraf/edge-fer.conf").read_text())


def test_telegrafs_sample_names_numbers_that_the_daemon_tells(telegraf: Any) -> None:
    (stats,) = (item for item in telegraf["inputs"]["mqtt_consumer"] if "fieldinclude" in item)
    assert set() == set(stats["fieldinclude"]) - NUMBERS.keys()
    assert {"fps", "rss_mb", "waiting", "temperature_c"} <= set(stats["fieldinclude"])


def test_telegrafs_sample_reads_topics_and_fields_of_the_contract(telegraf: Any) -> None:
    document = json.loads((ROOT / "docs/reference/asyncapi.json").read_text())
    addresses = {channel["address"] for channel in document["channels"].values()}
    schemas = document["components"]["schemas"]
    for item in telegraf["inputs"]["mqtt_consumer"]:
        (topic,) = item["topics"]
        assert re.sub(r"^edge-fer/\+", "{prefix}/{device}", topic) in addresses
        schema = schemas[f"{topic.rpartition('/')[2].capitalize()}Payload"]["properties"]
        assert {item["json_time_key"], *item.get("tag_keys", [])} <= schema.keys()
        assert "2006-01-02T15:04:05.000Z" == item["json_time_format"]
