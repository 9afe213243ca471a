"""Kept results: written, read again, set against one another, and refused where damaged."""

import copy
import json

import pytest

from edge_fer.bench.results_file import compare, read, save
from edge_fer.cli import main
from edge_fer.errors import DataError

ROW = {"p50_ms": 2.0, "p95_ms": 4.0, "cpu_p50_ms": 1.0}
RESULT = {
    "schema": 1,
    "edge_fer": "0.1.0",
    "model": "tiny",
    "model_sha256": "a",
    "size": 48,
    "source": "file:x",
    "frame_size": [176, 144],
    "frames": 40,
    "fps": 100.0,
    "rss_mb": 80.0,
    "peak_mb": 90.0,
    "stages": {"align": ROW, "frame": ROW},
    "unsteady": [],
    "pace": {"core_share": 0.2, "cpu_s_per_min": 12.0},
    "first_event": None,
    "ack": None,
    "device": {"cpu": "Pi", "features": ["neon"]},
    "settings": {"vision": {"min_face_px": 60}},
}


@pytest.fixture
def other():
    return copy.deepcopy(RESULT)


def test_a_result_comes_back_as_it_was_kept(tmp_path):
    save(RESULT, tmp_path / "new" / "a.json")
    assert RESULT == read(tmp_path / "new" / "a.json")


def test_a_result_against_itself_is_one_without_notes():
    found = compare(RESULT, RESULT)
    assert dict.fromkeys(ROW, 1.0) == found["stages"]["align"]
    assert ([], 1.0) == (found["notes"], found["figures"]["fps"])


def test_ratios_are_new_to_old(other):
    other["stages"]["align"]["p50_ms"] = 1.0
    other["pace"]["cpu_s_per_min"] = 18.0
    found = compare(RESULT, other)
    assert 0.5 == found["stages"]["align"]["p50_ms"]
    assert 1.5 == found["figures"]["pace.cpu_s_per_min"]


def test_times_too_short_to_tell_have_no_ratio(other):
    other["stages"]["align"]["p50_ms"] = 0.002
    assert compare(other, RESULT)["stages"]["align"]["p50_ms"] is None
    assert 0.001 == compare(RESULT, other)["stages"]["align"]["p50_ms"]


def test_what_one_of_them_lacks_has_no_ratio(other):
    other["ack"] = {"p50_ms": 3.0}
    other["pace"] = None
    other["stages"]["scan"] = dict(ROW)
    other["stages"]["align"]["p99_ms"] = 5.0
    found = compare(RESULT, other)
    assert [None, None] == [found["figures"][key] for key in ("ack.p50_ms", "pace.core_share")]
    assert found["stages"]["align"]["p99_ms"] is None
    assert ["stage scan: only in new"] == found["notes"]
    assert ["stage scan: only in old"] == compare(other, RESULT)["notes"]


def test_notes_tell_of_another_device_model_and_setting_and_of_unsteadiness(other):
    other["device"] |= {"cpu": "Jetson", "features": ["neon", "dotprod"]}
    other["settings"]["vision"]["min_face_px"] = 40
    other |= {"model": "large", "unsteady": ["load average 9.00", "x", "y"]}
    assert [
        "model: tiny -> large",
        "device.cpu: Pi -> Jetson",
        "device.features: neon -> neon dotprod",
        "settings.vision.min_face_px: 60 -> 40",
        "new is unsteady: load average 9.00; and 2 more",
    ] == compare(RESULT, other)["notes"]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "is damaged"),
        (b'{"schema": 1, "sta', "is damaged"),
        (b"\xff\xfe", "is damaged"),
        (b"[1, 2]", "is damaged"),
        (b'{"frames": 3}', "schema = None: must be 1"),
        (json.dumps(RESULT | {"schema": 2}).encode(), "schema = 2: must be 1"),
        (json.dumps(RESULT | {"stages": {"align": 1}}).encode(), "not a result of the bench"),
        (json.dumps(RESULT | {"unsteady": 3}).encode(), "not a result of the bench"),
        (b'{"schema": 1}', "not a result of the bench: object missing required field"),
    ],
)
def test_a_damaged_file_is_one_line(capsys, tmp_path, content, text):
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    save(RESULT, good)
    bad.write_bytes(content)
    assert 65 == main(["bench", "--diff", str(good), str(bad)])
    errors = capsys.readouterr().err
    assert errors.startswith(f"edge-fer: {bad}: ")
    assert (1, True) == (len(errors.splitlines()), text in errors)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.json: cannot be read: no such file"):
        read(tmp_path / "none.json")


def test_diff_prints_a_table_or_json(capsys, monkeypatch, tmp_path, other):
    monkeypatch.setenv("COLUMNS", "80")
    other["stages"]["frame"]["p50_ms"] = 1.0
    other["model"] = "large"
    paths = [str(tmp_path / name) for name in ("old.json", "new.json")]
    for path, figures in zip(paths, (RESULT, other), strict=True):
        (tmp_path / path).write_text(json.dumps(figures))
    assert 0 == main(["bench", "--diff", *paths])
    out = capsys.readouterr().out
    frame = next(line for line in out.splitlines() if line.split()[:1] == ["frame"])
    assert "0.50" == frame.split()[1]
    assert "model: tiny -> large" in out
    assert 0 == main(["bench", "--diff", *paths, "--json"])
    assert compare(RESULT, other) == json.loads(capsys.readouterr().out)
