"""Damaged input gives a result or an error of one line, and nothing else; `make fuzz` runs long.

A case is a number: `mutate` makes the same bytes of it every time, so a fault is shown again by
`-k NAME --seed NUMBER --rounds 1`. Parsers run in this process; files that C and C++ libraries
read go to a child process, whose death is noticed.
"""

import json
import logging
import queue
import signal
import sys
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_fer.config.broker_url import parse_broker
from edge_fer.emotion.card import Card, find_model, read_card
from edge_fer.errors import ConfigError, DataError, ModelError
from edge_fer.mqtt.connection import subscribe
from edge_fer.mqtt.messages import Message
from tests.stress.fuzz import datasets, files, parsers
from tests.stress.fuzz.child import cases
from tests.stress.fuzz.mutate import mutate
from tests.stress.fuzz.outcome import judge
from tests.support import daemon as daemons
from tests.support.broker import Mosquitto
from tests.support.long_runs import Effort, Record

FRESH = 10_000_000
"""Number of the first case: none that a long run has seen."""
CASES, FILES = 200, 25
LONG_CASES, LONG_FILES, LONG_MODELS = 100_000, 10_000, 100
RUNNING = "onnx, daemon running"
GOOD = ("", "refused")

NAMES = (
    "AffectNet csv",
    "AffectNet npy",
    "RAF-DB list",
    "bench result",
    "broker",
    "camera",
    "card",
    "class folders",
    "command",
    "config",
    "environment",
    "fer2013.csv",
    "fer2013.npz",
    "fer2013new.csv",
    "jpeg",
    "override",
    "password",
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def targets(tmp_path_factory):
    logging.disable()
    folder = tmp_path_factory.mktemp("fuzz")
    yield {**parsers.targets(folder), **datasets.targets(folder)}
    logging.disable(logging.NOTSET)


def test_these_are_all_parsers(targets):
    assert set(NAMES) == set(targets)


@pytest.mark.parametrize("name", NAMES)
def test_a_parser_gives_a_result_or_one_line(targets, name):
    outcomes = [targets[name].run(name, number) for number in range(FRESH, FRESH + CASES)]
    faults = {FRESH + k: text for k, text in enumerate(outcomes) if text not in GOOD}
    assert {} == faults


@pytest.mark.parametrize("name", NAMES)
def test_what_is_damaged_was_good(targets, name):
    assert "" in [targets[name].judge(seed) for seed in targets[name].seeds]


@pytest.mark.parametrize("name", files.NAMES)
def test_no_file_ends_the_process_or_is_told_in_more_than_a_line(name):
    outcomes = dict(cases(name, FRESH, FILES))
    assert {} == {k: text for k, text in outcomes.items() if text not in GOOD}
    assert FILES == len(outcomes)


@settings(max_examples=300, deadline=None)
@given(field=st.sampled_from(Card.__struct_fields__), value=JSON)
def test_a_card_may_hold_anything(tmp_path_factory, field, value):
    model = tmp_path_factory.getbasetemp() / "any-fp32.onnx"
    model.touch()
    sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    card = json.loads(parsers.card_seeds(sha256)[0])
    model.with_suffix(".json").write_text(json.dumps(card | {field: value}))
    assert judge(lambda: read_card(model)) in ("", "refused")


@settings(max_examples=500, deadline=None)
@given(st.text(max_size=60) | st.builds("mqtt://{}".format, st.text(max_size=60)))
def test_an_address_is_read_back_as_it_is_written_or_refused(url):
    try:
        broker = parse_broker(url)
    except ConfigError:
        return
    assert broker == parse_broker(str(broker))


def raising(error):
    def call():
        raise error

    return call


@pytest.mark.parametrize(
    ("call", "fault"),
    [
        (raising(ValueError("odd")), "ValueError: odd"),
        (raising(ConfigError("one", "two")), "not one line"),
        (lambda: warnings.warn("odd", UserWarning, stacklevel=1), "UserWarning: odd"),
    ],
)
def test_anything_but_one_line_is_a_fault(call, fault):
    assert judge(call).startswith(fault)


def test_where_all_mistakes_are_told_together_each_has_a_line():
    assert "refused" == judge(raising(ConfigError("one", "two")), several=True)


def test_one_line_and_a_result_are_no_faults():
    assert "refused" == judge(raising(DataError("one")))
    assert "" == judge(lambda: 7)


def test_a_case_is_the_same_bytes_every_time_and_each_number_another():
    made = [mutate([b"seed" * 20], "any", number) for number in range(100)]
    assert made == [mutate([b"seed" * 20], "any", number) for number in range(100)]
    assert len(set(made)) > 80


CHILD = """
import os, signal, sys, time
first, count = map(int, sys.argv[2:])
print("ready", flush=True)
for number in range(first, first + count):
    if number == 3:
        os.kill(os.getpid(), signal.SIGSEGV)
    if number == 5:
        os._exit(4)
    if number == 7:
        print("some library says", flush=True)
    print(f"case-{number} refused", flush=True)
"""


def test_a_case_that_ends_the_child_is_told_and_the_next_ones_are_tried():
    outcomes = dict(cases("any", 0, 9, (sys.executable, "-c", CHILD)))
    expected = dict.fromkeys(range(9), "refused")
    expected |= {3: "dies: signal 11", 5: "dies: exit code 4", 7: "on stdout: some library says\n"}
    assert expected == outcomes


def test_a_child_that_does_not_start_is_not_a_case():
    with pytest.raises(RuntimeError, match="does not start"):
        next(cases("any", 0, 1, (sys.executable, "-c", "raise SystemExit(1)")))


def test_a_model_that_is_refused_is_told_in_a_line_and_not_on_stdout(tmp_path, capfd):
    from edge_fer.emotion.card import sha256_of
    from edge_fer.emotion.classify import Classifier
    from tests.support.tiny_model import write_tiny_model

    model = write_tiny_model(tmp_path)
    model.write_bytes(model.read_bytes().replace(b"Gemm", b"Ge\xf5m"))
    card = json.loads(model.with_suffix(".json").read_text()) | {"sha256": sha256_of(model)}
    model.with_suffix(".json").write_text(json.dumps(card))
    with pytest.raises(ModelError, match="onnxruntime cannot load it"):
        Classifier(model)
    assert "" == capfd.readouterr().out


@pytest.fixture(scope="module")
def rows(record: Record) -> Iterator[dict[str, dict[str, object]]]:
    """Collect the rows of the long runs; record them when every input had its cases."""
    rows: dict[str, dict[str, object]] = {}
    yield rows
    if [*rows] == [*NAMES, *files.NAMES, RUNNING]:
        own = min(int(str(rows[name]["cases"])) for name in NAMES)
        total = sum(int(str(row["cases"])) for row in rows.values())
        result = f"{total:,} cases, at least {own:,} of each parser, {len(rows)} inputs; no fault"
        record("fuzz", result, list(rows.values()))


def check(
    rows: dict[str, dict[str, object]], name: str, outcomes: Iterable[tuple[int, str]]
) -> None:
    """Count the outcomes of a run; ``outcomes`` are numbers of cases and what came of them."""
    read = refused = 0
    faults = {}
    for number, text in outcomes:
        read += text == ""
        refused += text == "refused"
        if text not in GOOD:
            faults[number] = text
    assert {} == faults
    rows[name] = {"input": name, "cases": read + refused, "read": read, "refused": refused}


@pytest.mark.stress
@pytest.mark.parametrize("name", NAMES)
def test_many_cases_of_a_parser(name, targets, effort: Effort, rows):
    numbers = range(effort.seed, effort.seed + (effort.rounds or LONG_CASES))
    check(rows, name, ((number, targets[name].run(name, number)) for number in numbers))


@pytest.mark.stress
@pytest.mark.parametrize("name", files.NAMES)
def test_many_files_of_a_kind(name, effort: Effort, rows):
    check(rows, name, cases(name, effort.seed, effort.rounds or LONG_FILES))


@pytest.mark.stress
def test_a_daemon_goes_on_when_its_model_is_damaged(
    carphone: Path, broker: Mosquitto, tmp_path: Path, effort: Effort, rows
):
    whole, model = find_model("").read_bytes(), tmp_path / "case.onnx"
    model.write_bytes(whole)
    files.with_card(model)
    settings = {"device.name": "fuzzed", "stats.interval_s": 0.2, "model.path": model}
    outcomes: dict[int, str] = {}
    with (
        subscribe(parse_broker(broker.url), ["edge-fer/fuzzed/stats"]) as inbox,
        daemons.daemon(broker.url, f"loop:{carphone}", settings) as daemon,
    ):
        before = stats(inbox)
        for number in range(effort.seed, effort.seed + (effort.rounds or LONG_MODELS)):
            model.write_bytes(mutate([whole], "onnx", number))
            files.with_card(model)
            daemon.send(signal.SIGHUP)
            after = reloaded(inbox, before)
            refused = after["reloads_refused"] > before["reloads_refused"]
            outcomes[number], before = "refused" if refused else "", after
    check(rows, RUNNING, outcomes.items())


def stats(inbox: "queue.SimpleQueue[Message]") -> dict[str, float]:
    found: dict[str, float] = json.loads(inbox.get(timeout=daemons.STUCK_S).payload)
    return found


def reloaded(inbox: "queue.SimpleQueue[Message]", before: dict[str, float]) -> dict[str, float]:
    """Return the stats after the daemon has reloaded, or refused to, and read more frames."""
    while True:
        after = stats(inbox)
        done = sum(after[name] - before[name] for name in ("reloads", "reloads_refused"))
        if done and after["frames"] > before["frames"]:
            return after
