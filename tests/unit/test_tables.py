"""Tables keep every figure whole: at any width, in a pipe, on a terminal and without colours."""

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from edge_fer.cli import main
from edge_fer.cli.tables import Column, print_pairs, print_table
from tests.support.tiny_model import write_tiny_model

ROOT = Path(__file__).parents[2]
WIDTHS = (40, 80, 200)
METRICS = {
    "fer2013-private": {
        "accuracy": 0.71234,
        "accuracy_no_duplicates": 0.69876,
        "macro_f1": 0.6543,
        "ece": 0.0123,
    }
}


@pytest.fixture
def model(tmp_path, monkeypatch):
    path = write_tiny_model(
        tmp_path, bytes=1_230_000, macs=45_600_000, parameters=500_856, metrics=METRICS
    )
    monkeypatch.setattr("edge_fer.emotion.card.shipped_models", lambda: [path])
    return path


@pytest.fixture
def data(tmp_path):
    """Bright and dark pictures of all seven labels, so that the confusion matrix has counts."""
    count = 1400
    bright = np.arange(count) % 2 * 255
    np.savez(
        tmp_path / "d.npz",
        images=np.repeat(bright, 64).reshape(count, 8, 8).astype(np.uint8),
        label=np.arange(count) % 7,
        usage=np.ones(count),
        ferplus_votes=np.zeros((count, 10), int),
        id=np.arange(count),
        duplicate=np.zeros(count, bool),
    )
    return tmp_path / "d.npz"


def printed(capsys, *arguments):
    assert 0 == main([str(argument) for argument in arguments])
    out = capsys.readouterr().out
    assert "…" not in out
    return out


def test_rows_stand_under_their_headings_if_they_fit():
    out = at(30, [Column("name"), Column("n", right=True)], [("one", "1"), ("three", "300")])
    assert ["name     n", "one      1", "three  300"] == out


def at(width, columns, rows):
    console = Console(width=width, highlight=False, markup=False)
    with console.capture() as capture:
        print_table(columns, rows, console)
    return [line.rstrip() for line in capture.get().splitlines()]


def test_optional_columns_give_way_from_the_last_and_are_named():
    columns = [Column("name"), Column("mean"), *(Column(c, optional=True) for c in ("p50", "p95"))]
    rows = [("first", "12.34", "56.78", "90.12")]
    assert ["name   mean   p50    p95", "first  12.34  56.78  90.12"] == at(26, columns, rows)
    assert ["name   mean   p50", "first  12.34  56.78", "not shown at this width:"] == at(
        25, columns, rows
    )[:3]
    assert "p50, p95" in " ".join(at(12, columns, rows))


def test_a_row_becomes_a_block_if_the_figures_do_not_fit():
    columns = [Column("name"), Column("accuracy"), Column("latency")]
    rows = [("first", "71.23 %", "12.34 ms"), ("second", "", "1.00 ms")]
    assert [
        "first",
        "  accuracy  71.23 %",
        "  latency   12.34 ms",
        "second",
        "  latency   1.00 ms",
    ] == at(20, columns, rows)


def test_text_wraps_where_figures_do_not():
    columns = [Column("n", right=True), Column("text", wrap=True)]
    out = at(40, columns, [("1234567", "many words " * 8)])
    assert "1234567" in out[1]
    assert 16 == " ".join(out).count("words") + " ".join(out).count("many")


def test_nothing_is_read_as_markup():
    assert ["name", "[red]x[/]"] == at(40, [Column("name")], [("[red]x[/]",)])


@pytest.mark.parametrize("width", WIDTHS)
def test_pairs_lose_no_text(width):
    console = Console(width=width, highlight=False, markup=False)
    with console.capture() as capture:
        print_pairs([("memory", "81.2 MB resident, 90.1 MB at most"), ("", "steady")], console)
    assert "81.2 MB resident, 90.1 MB at most" in " ".join(capture.get().split())


@pytest.mark.parametrize("width", WIDTHS)
def test_the_table_of_models_keeps_its_figures(capsys, monkeypatch, model, width):
    monkeypatch.setenv("COLUMNS", str(width))
    out = printed(capsys, "models")
    assert max(map(len, out.splitlines())) <= width
    assert "tiny (default)" in out
    assert [] == [figure for figure in ("1.23", "71.23 %", "FER-2013") if figure not in out]
    if width == 200:
        rest = ("69.88 %", "0.654", "45.6 M", "tiny-fp32")
        assert [] == [figure for figure in rest if figure not in out]


@pytest.mark.parametrize("width", WIDTHS)
def test_one_model_is_one_screen(capsys, monkeypatch, model, width):
    monkeypatch.setenv("COLUMNS", str(width))
    out = printed(capsys, "models", model)
    lines = out.splitlines()
    assert max(map(len, lines)) <= width
    assert len(lines) <= 40
    digest = json.loads(model.with_suffix(".json").read_text())["sha256"]
    assert digest in "".join(out.split())
    figures = ("500,856", "71.23 %", "69.88 %", "0.654", "0.012", "1.23 MB")
    text = " ".join(out.split())
    assert [] == [figure for figure in figures if figure not in text]


def test_the_default_shipped_model_is_one_screen(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert len(printed(capsys, "models", "ultralight-ferplus").splitlines()) <= 40


@pytest.mark.parametrize("width", WIDTHS)
def test_evaluate_keeps_its_figures(capsys, monkeypatch, model, data, width):
    monkeypatch.setenv("COLUMNS", str(width))
    out = printed(capsys, "evaluate", "--data", data, "--model", model)
    assert max(map(len, out.splitlines())) <= width
    figures = json.loads(printed(capsys, "evaluate", "--data", data, "--model", model, "--json"))
    words = out.split()
    for row in figures["per_class"].values():
        for key in ("precision", "recall", "f1"):
            assert f"{row[key]:.3f}" in words
    assert {100} == {count for row in figures["confusion"]["table"] for count in row if count}
    # A column of n, and two counts a row of the matrix.
    assert 14 <= words.count("100")
    assert f"{figures['accuracy']:.4f}" in words


def saved(folder, name, scale):
    row = {
        f"{prefix}{key}": scale * value
        for prefix in ("", "cpu_")
        for key, value in (("p50_ms", 1.11), ("p95_ms", 2.22), ("p99_ms", 3.33), ("mean_ms", 1.5))
    }
    figures = {
        "schema": 1,
        "stages": {"landmarks": row, "frame": row},
        "fps": 100.0,
        "device": {},
        "settings": {},
        "unsteady": [],
        "frames": 10,
        "model": "tiny",
    }
    (folder / name).write_text(json.dumps(figures))
    return folder / name


@pytest.mark.parametrize("width", WIDTHS)
def test_a_difference_keeps_its_ratios(capsys, monkeypatch, tmp_path, width):
    monkeypatch.setenv("COLUMNS", str(width))
    old, new = saved(tmp_path, "a.json", 1), saved(tmp_path, "b.json", 12.5)
    out = printed(capsys, "bench", "--diff", old, new)
    assert max(map(len, out.splitlines())) <= width
    assert 16 == out.split().count("12.50")


@pytest.mark.parametrize("width", WIDTHS)
def test_check_keeps_its_findings(capsys, monkeypatch, model, width):
    monkeypatch.setenv("COLUMNS", str(width))
    main(["check", f"--set=model.path={model}", "--camera", "file:/none.mp4"])
    out = capsys.readouterr().out
    assert "…" not in out
    assert max(map(len, out.splitlines())) <= width
    letters = re.sub(r"\s", "", out)
    assert "/none.mp4" in letters
    assert "privacy.acknowledge_use" in letters


def on_terminal(arguments, width, **environ):
    """What the command writes to a terminal of that width."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    plain = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "NO_COLOR")}
    process = subprocess.Popen(
        [sys.executable, "-m", "edge_fer", *arguments],
        stdin=follower,
        stdout=follower,
        stderr=subprocess.DEVNULL,
        env={**plain, "PYTHONPATH": str(ROOT), "TERM": "xterm", **environ},
    )
    os.close(follower)
    out = b""
    while True:
        try:
            block = os.read(leader, 4096)
        except OSError:
            break
        if not block:
            break
        out += block
    os.close(leader)
    assert 0 == process.wait()
    return out.decode()


FIGURES = ("86.77 %", "71.05 %", "0.64")


@pytest.mark.parametrize("width", [40, 80])
@pytest.mark.parametrize("environ", [{}, {"NO_COLOR": "1"}])
def test_a_terminal_shows_the_figures_with_and_without_colours(width, environ):
    out = on_terminal(["models"], width, **environ)
    assert [] == [figure for figure in FIGURES if figure not in out]
    if environ:
        assert not re.search(r"\x1b\[(3|4|9)\d", out)


@pytest.mark.parametrize("environ", [{}, {"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_pipe_gets_the_figures_as_plain_text(environ):
    plain = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "NO_COLOR")}
    out = subprocess.run(
        [sys.executable, "-m", "edge_fer", "models"],
        stdout=subprocess.PIPE,
        env={**plain, "PYTHONPATH": str(ROOT), **environ},
        check=True,
        text=True,
    ).stdout
    assert [] == [figure for figure in FIGURES if figure not in out]
    assert "\x1b" not in out
