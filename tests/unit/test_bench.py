"""The bench: real runs over a few frames of a real clip, and the commands around them."""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from edge_fer.bench import stability
from edge_fer.bench.device import memory_mb
from edge_fer.bench.playback import WARM_UP
from edge_fer.cameras import CAMERAS
from edge_fer.cli import main
from edge_fer.cli.bench import _print_bench, add_arguments
from edge_fer.config.broker_url import parse_broker
from edge_fer.errors import UnsteadyError
from edge_fer.mqtt.connection import subscribe
from edge_fer.pipeline import STAGES
from tests.support.tiny_model import write_tiny_model

FRAMES = 41
NO_BROKER = "--set=mqtt.brokers=['mqtt://127.0.0.1:9']"
SMALL_FACES = "--set=vision.min_face_px=40"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("bench")


@pytest.fixture(scope="module")
def base(carphone, landmarks, folder):
    """What a run needs: the clip, whose faces are small, and a tiny network."""
    model = write_tiny_model(folder)
    return ["bench", "--camera", carphone, "--model", model, SMALL_FACES, NO_BROKER]


@pytest.fixture(scope="module")
def result(base, folder):
    """Everything at once, kept in a file."""
    path = folder / "kept" / "result.json"
    other = write_tiny_model(folder, "other-fp32", size=64)
    arguments = [
        *base,
        "--frames",
        FRAMES,
        "--compare",
        other,
        "--against",
        "naive",
        "--save",
        path,
        "--plot",
        folder / "plot.png",
    ]
    assert 0 == main([str(argument) for argument in arguments])
    return json.loads(path.read_text())


def call(capsys, *arguments):
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_the_result_says_what_was_measured(result):
    assert (FRAMES, "tiny-fp32", 48) == (result["frames"], result["model"], result["size"])
    assert [176, 144] == result["frame_size"]
    assert 40 == result["settings"]["vision"]["min_face_px"]
    assert "mqtt" not in result["settings"]
    assert [FRAMES] * 2 == [len(result[key]) for key in ("frame_ms", "frame_cpu_ms")]


def test_every_stage_has_wall_and_cpu_percentiles_in_order(result):
    assert [*STAGES, "frame"] == list(result["stages"])
    for row in result["stages"].values():
        assert row["p50_ms"] <= row["p95_ms"] <= row["p99_ms"]
        assert row["cpu_p50_ms"] <= row["cpu_p95_ms"] <= row["cpu_p99_ms"]
    parts = sum(result["stages"][name]["cpu_mean_ms"] for name in STAGES)
    assert 0 < parts <= result["stages"]["frame"]["cpu_mean_ms"] + 0.001 * len(STAGES)


def test_fps_at_full_speed_is_that_of_the_frames(result):
    assert 1000 / np.mean(result["frame_ms"]) == pytest.approx(result["fps"], rel=0.01)


def test_the_cameras_pace_is_the_files_own(result):
    pace = result["pace"]
    assert 29.97 == pytest.approx(pace["source_fps"], abs=0.1)
    assert pace["fps"] <= pace["source_fps"] + 0.01
    assert pace["seconds"] >= (FRAMES - 1) / 29.98
    assert 0 < pace["pipeline_cpu_s_per_min"] <= pace["cpu_s_per_min"]
    assert 60 * pace["core_share"] <= pace["cpu_s_per_min"] * 1.01


def test_the_first_event_comes_after_the_settling_time(result):
    event = result["first_event"]
    settled = result["settings"]["smoothing"]["settle_s"]
    assert settled <= event["from_first_frame_s"] < event["from_start_s"]


def test_peak_memory_is_never_below_the_present(result):
    assert 0 < result["rss_mb"] <= result["peak_mb"]
    now, most = memory_mb()
    assert 10 < now <= most


def test_a_process_knows_its_age_from_its_very_start():
    code = "import time; time.sleep(0.3); from edge_fer.bench.device import age_s; print(age_s())"
    began, tick = time.monotonic(), 0.01
    age = float(subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE).stdout)
    assert 0.3 - tick <= age <= time.monotonic() - began + tick


def test_a_live_camera_is_played_once_at_its_own_pace(capsys, monkeypatch, base, carphone):
    monkeypatch.setitem(CAMERAS, "v4l2", "tests.fakes.replay:Replay")
    live = ["--camera", f"v4l2:{carphone}", "--set=privacy.acknowledge_use=research"]
    code, out, _ = call(capsys, *base, *live, "--frames", FRAMES, "--json")
    figures = json.loads(out)
    assert (0, True, FRAMES - WARM_UP) == (code, figures["live"], figures["frames"])
    assert figures["pace"]["source_fps"] <= 31
    assert figures["conditions"]["second_round_to_first"] is None
    assert figures["first_event"]["from_first_frame_s"] >= 0.3


def test_without_a_broker_the_way_to_it_is_null_with_the_reason(result):
    assert result["ack"] is None
    assert "mqtt://127.0.0.1:9: cannot be reached" in result["ack_missing"]


def test_other_models_are_compared_stage_and_frame(result):
    (row,) = result["compare"]
    assert ("other-fp32", 64) == (row["model"], row["size"])
    for name in ("classify", "frame"):
        low, high = row[f"{name}_interval_95"]
        assert 0 < low <= row[f"{name}_ratio"] <= high


def test_ours_stands_against_the_naive_pipeline(result):
    row = result["against"]
    assert {"mean_cpu_ratio", "p95_ratio", "coverage", "agreement"} <= set(row)
    assert FRAMES == row["frames"]
    assert row["mean_cpu_ratio"] > 0
    assert 0 < row["coverage"] <= 1


def test_the_plot_is_a_picture_of_its_suffix(result, folder):
    from edge_fer.demo.plot import draw_bench

    assert b"\x89PNG\r\n\x1a\n" == (folder / "plot.png").read_bytes()[:8]
    draw_bench(result, folder / "plot.svg")
    assert "<svg" in (folder / "plot.svg").read_text()


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_tables_fit_the_width_and_keep_every_figure(capsys, monkeypatch, result, width):
    monkeypatch.setenv("COLUMNS", str(width))
    _print_bench(result)
    out = capsys.readouterr().out
    assert max(len(line.rstrip()) for line in out.splitlines()) <= width
    assert "…" not in out
    words = out.split()
    assert [] == [name for name in (*STAGES, "frame") if name not in words]
    shown = [f"{row[key]:.2f}" for row in result["stages"].values() for key in row]
    assert [] == [figure for figure in shown if float(figure) < 100 and figure not in words]
    told = ("CPU-seconds per minute", "frame to broker", "compared", "against naive", "at most")
    assert [] == [words for words in told if words not in " ".join(out.split())]


def test_events_reach_a_real_broker_on_a_topic_of_their_own(capsys, base, broker):
    with subscribe(parse_broker(broker.url), ["#"]) as inbox:
        code, out, _ = call(
            capsys,
            *base,
            "--frames",
            FRAMES,
            "--json",
            "--broker",
            broker.url,
            "--set=device.name=dev",
        )
        ack = json.loads(out)["ack"]
        messages = [inbox.get(timeout=5) for _ in range(ack["messages"])]
    assert (0, 0) == (code, ack["unacknowledged"])
    assert 0 < ack["p50_ms"] <= ack["p95_ms"]
    assert {("edge-fer-bench/dev/event", False)} == {(m.topic, m.retain) for m in messages}
    assert f"mqtt://127.0.0.1:{broker.port}" == ack["broker"]


def test_strict_fails_on_a_machine_that_is_not_steady(capsys, monkeypatch, base):
    for bound in ("LOAD", "OTHERS", "STEAL", "SWITCHES_PER_S", "WALL_TO_CPU", "DRIFT"):
        monkeypatch.setattr(stability, bound, 1e9)
    quick = [*base, "--frames", 2, "--strict"]
    code, out, errors = call(capsys, *quick)
    assert (0, "") == (code, errors)
    assert "steady            yes" in out
    monkeypatch.setattr(stability, "WALL_TO_CPU", 0.0)
    code, out, errors = call(capsys, *quick, "--json")
    assert 75 == code
    (reason,) = json.loads(out)["unsteady"]
    assert f"edge-fer: not steady: {reason}\n" == errors


@pytest.mark.parametrize(
    ("options", "code", "text"),
    [
        (["--plot", "x.jpg"], 78, "--plot x.jpg: must end in .png or .svg"),
        (["--compare", "ultralihgt"], 78, "must be a path or one of"),
        (["--compare", "/none.onnx"], 78, "/none.onnx"),
        (["--broker", "mqtt://127.0.0.1:9"], 69, "mqtt://127.0.0.1:9: cannot be reached"),
        (["--broker", "tcp://host"], 78, "did you mean 'mqtt://host'"),
        (["--camera", "/none.mp4"], 74, "/none.mp4"),
        (["--frames", "2", "--save", "/dev/null/x.json"], 65, "/dev/null/x.json: cannot be"),
    ],
)
def test_a_mistake_is_one_line_with_its_code(capsys, base, options, code, text):
    got, _, errors = call(capsys, *base, *options)
    assert (code, 1) == (got, len(errors.splitlines()))
    assert text in errors


def test_the_page_tells_of_every_option_and_its_own_exit_code():
    page = (Path(__file__).parents[2] / "docs" / "guides" / "bench.md").read_text()
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    options = [name for action in parser._actions for name in action.option_strings]
    assert [] == [name for name in options if name.startswith("--") and name not in page + "--help"]
    assert f"| {UnsteadyError.exit_code} | with `--strict`" in page


def test_a_number_of_frames_below_one_is_a_usage_error(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["bench", "--frames", "0"])
    assert 2 == caught.value.code
    assert "must be a whole number, 1 to" in capsys.readouterr().err
