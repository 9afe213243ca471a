"""`compare`: the yardstick is the paper's, the tables say what the rows say, all have a source."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from toys import toy_recipe

from edge_fer.bench.models import Ratio
from edge_fer.emotion.card import FER2013_LABELS, read_card
from edge_fer.emotion.classify import Classifier
from edge_fer.evaluation.evaluate import evaluate
from training.budget import Budget
from training.compare.__main__ import PAGE, fill
from training.compare.latency import instructions, ratios
from training.compare.mini_xception import mini_xception
from training.compare.page import (
    NONE,
    UNTRAINED,
    UNVERIFIED,
    capability_table,
    class_table,
    cost_table,
    measured_table,
    published_table,
)
from training.compare.peers import Rebuilt, read_peers
from training.compare.plots import Point, plot_confusions, plot_reliability, plot_tradeoff
from training.compare.rebuild import rebuild
from training.compare.rows import Row, our_rows, timed
from training.export import costs
from training.records import read_record, write_record

ROOT = Path(__file__).parents[2]
PEERS = read_peers()
YARDSTICK = Rebuilt(name="mini_XCEPTION", net="mini_xception", channels=1, sizes=[64], source="-")
MODEL = "toy-p30-int8"


@pytest.fixture(scope="module")
def yardstick(tmp_path_factory):
    return rebuild(YARDSTICK, 64, tmp_path_factory.mktemp("peers"))


def cells(table, name):
    """The row of that name by heading."""
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    row = next(line for line in lines if line[0] == name)
    return dict(zip(lines[0], row, strict=True))


def test_mini_xception_has_the_parameters_that_keras_counts():
    state = mini_xception().state_dict()
    assert 58_423 == sum(v.numel() for k, v in state.items() if "num_batches" not in k)


def test_mini_xception_gives_a_distribution_over_the_labels():
    scores = mini_xception(labels=7).eval()(torch.randn(2, 1, 64, 64))
    assert (2, 7) == scores.shape
    assert [1, 1] == pytest.approx(scores.sum(1).tolist())


def test_mini_xception_costs_at_64_px_what_the_field_says(yardstick):
    _, _, macs = yardstick
    assert 10.2e6 == pytest.approx(macs, rel=0.01)


def test_a_network_that_is_there_is_not_rebuilt(yardstick):
    path, *_ = yardstick
    before = path.read_bytes()
    assert path == rebuild(YARDSTICK, 64, path.parent)[0]
    assert before == path.read_bytes()


def test_half_precision_halves_the_file_and_keeps_the_count(yardstick):
    path, parameters, macs = yardstick
    peer = Rebuilt(
        **{f: getattr(YARDSTICK, f) for f in ("name", "net", "sizes", "source")},
        channels=1,
        half=True,
    )
    half, *counts = rebuild(peer, 64, path.parent)
    assert [parameters, macs] == counts
    assert half.stat().st_size < 0.65 * path.stat().st_size


def test_a_network_takes_as_long_as_itself(yardstick):
    path, *_ = yardstick
    first, twin, larger = ratios([(path, 64), (path, 64), (path, 64)], rounds=5)
    assert Ratio(1, 1, 1) == first
    assert all(0 < each.low <= each.value <= each.high for each in (twin, larger))


def test_the_processor_is_named_with_its_extensions():
    assert ":" in instructions()


@pytest.mark.parametrize("kind", ["rebuilt", "measured", "published", "capability"])
def test_every_peer_has_a_source(kind):
    entries = getattr(PEERS, kind)
    assert entries
    assert [] == [entry for entry in entries if not entry.source.strip()]


def test_every_measured_peer_names_its_checkpoint_and_all_recalls():
    assert [] == [peer.name for peer in PEERS.measured if not peer.checkpoint]
    assert {len(FER2013_LABELS)} == {len(peer.recall) for peer in PEERS.measured}


def test_the_yardstick_is_the_first_peer():
    assert ("mini_xception", 64) == (PEERS.rebuilt[0].net, PEERS.rebuilt[0].sizes[0])


def test_a_row_says_what_is_known_and_a_dash_for_the_rest():
    row = Row(
        name="toy",
        model="toy",
        size=48,
        parameters=1234,
        macs=2_500_000,
        bytes=567_890,
        latency=Ratio(1.5, 1.25, 2),
        public={"accuracy": 0.7},
        private={"accuracy": 0.72, "accuracy_no_duplicates": 0.7, "macro_f1": 0.6789},
        budget=Budget(epochs=9, hours=1.25),
    )
    assert {
        "network": "toy",
        "input, px": "48 x 48 x 1",
        "parameters": "1,234",
        "MMACs": "2.5",
        "MB": "0.568",
        "latency ratio": "1.50 (1.25-2.00)",
        "PublicTest, %": "70.00",
        "PrivateTest, %": "72.00",
        "no duplicates, %": "70.00",
        "macro-F1": "0.679",
        "ECE": "-",
        "training budget": "9 epochs, 1.2 h",
    } == cells(cost_table([row]), "toy")


def test_what_was_never_trained_says_so():
    row = cells(cost_table([Row(name="VGG", size=224, channels=3)]), "VGG")
    assert (UNTRAINED, "-") == (row["training budget"], row["PrivateTest, %"])


def test_peers_are_told_in_full():
    assert len(PEERS.measured) + 2 == len(measured_table(PEERS.measured).splitlines())
    lines = published_table(PEERS.published).splitlines()
    told = {line.split(" | ")[0][2:]: line.endswith(f"({UNVERIFIED}) |") for line in lines}
    assert [] == [peer.name for peer in PEERS.published if told[peer.name] == peer.verified]


def test_accuracies_of_two_benchmarks_are_two_tables():
    tables = published_table(PEERS.published).split("\n\n")
    assert ["FER-2013:", "FER+:"] == tables[::2]
    assert "CERN" not in tables[1]


def test_claims_are_answered_with_the_default_models_figures():
    row = Row(
        name="toy", size=48, bytes=600_000, private={"accuracy": 0.72}, latency=Ratio(0.5, 0.4, 0.6)
    )
    answer = cells(capability_table(PEERS.capability, row), PEERS.capability[0].who)["ours"]
    assert all(word in answer for word in ("toy", "72.00 %", "0.600 MB", "0.50"))


def test_each_place_of_the_page_is_filled_and_a_missing_one_named():
    page = "a\n<!-- x -->\nold\n<!-- /x -->\nb\n"
    assert "a\n<!-- x -->\nnew\n<!-- /x -->\nb\n" == fill(page, {"x": "new"})
    with pytest.raises(ValueError, match="<!-- y -->"):
        fill(page, {"y": "new"})


def test_the_page_has_a_place_for_every_part():
    names = (
        "machine",
        "default",
        "costs",
        "costs-ferplus",
        "sizes",
        "classes",
        "classes-ferplus",
        "data",
        "said",
        "crowd",
        "robustness",
        "aligned",
        "study",
        "search",
        "shares",
        "measured",
        "published",
        "capabilities",
    )
    page = fill((ROOT / PAGE).read_text(), dict.fromkeys(names, "part"))
    assert len(names) == page.count("part\n<!-- /")


def test_a_built_model_has_a_record_with_its_stages(built):
    record = read_record(built / f"training/records/{MODEL}.json")
    assert (MODEL, "toy", ["parent", "pruned"]) == (
        record.model,
        record.recipe,
        list(record.stages),
    )
    parent, pruned = record.stages.values()
    assert costs(built / "runs/toy/toy-fp32.onnx") == (parent.parameters, parent.macs)
    assert (4, 4) == (parent.budget.epochs, pruned.budget.epochs)
    found = evaluate(Classifier(built / f"runs/toy/{pruned.file}"), built / "toy.npz", "public")
    assert found["accuracy"] == pruned.figures["accuracy"]


def test_a_budget_outlives_the_history_it_was_read_from(built, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EDGE_FER_DATA", str(built / "toy.npz"))
    record = Path(f"training/records/{MODEL}.json")
    record.parent.mkdir(parents=True)
    record.write_bytes((built / record).read_bytes())
    stages = {"parent": built / "runs/toy/toy-fp32.onnx"}
    write_record(toy_recipe(), built / f"models/{MODEL}.onnx", stages)
    kept = read_record(built / record).stages["parent"].budget
    assert kept is not None
    assert kept == read_record(record).stages["parent"].budget


def test_our_rows_are_all_stages_of_a_model_with_their_times(
    built, tmp_path, monkeypatch, yardstick
):
    monkeypatch.chdir(built)
    rows = our_rows([built / f"models/{MODEL}.onnx"], tmp_path)
    names = [f"{MODEL}: fp32 parent", f"{MODEL}: fp32 pruned", MODEL, f"{MODEL}, compiled"]
    assert names == [row.name for row in rows]
    assert [4, 8, 8, 8] == [row.budget.epochs for row in rows]
    absent = Row(name="elsewhere", size=48)
    first = Row(name="first", size=64, file=yardstick[0])
    latencies = [row.latency for row in timed([*rows, absent], first)]
    assert latencies[-1] is None
    assert all(latency.value > 0 for latency in latencies[:-1])


def test_recalls_of_a_card_stand_beside_the_peers(built):
    card = read_card(built / f"models/{MODEL}.onnx")
    recall = card.metrics["fer2013-public"]["per_class"]["happy"]["recall"]
    table = class_table("fer2013", [card], PEERS.measured)
    assert f"{100 * recall:.2f}" == cells(table, MODEL)["happy"]
    assert str(PEERS.measured[0].recall[3]) == cells(table, PEERS.measured[0].name)["happy"]
    assert NONE == class_table("ferplus", [card])


def test_plots_are_written(tmp_path):
    points = [
        Point("ours", 1.0, 70.0, ours=True, path="a"),
        Point("theirs", 2.0, 65.0, ours=False, hollow=True),
    ]
    plot_tradeoff([("one", points), ("two", points[:1])], "cost", tmp_path / "a.png")
    plot_confusions([("m", np.eye(3, dtype=np.int64), "abc")], tmp_path / "b.png")
    bins = {"n": [0, 2], "confidence": [None, 0.7], "accuracy": [None, 0.5]}
    plot_reliability([("m", bins)], tmp_path / "c.png")
    for name in "abc":
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_records_are_committed_as_json_of_one_form():
    for path in (ROOT / "training/records").glob("*-int8.json"):
        assert json.loads(path.read_text())["model"] == path.stem
