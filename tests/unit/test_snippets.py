"""Every command and every piece of configuration in our pages is run, read, or says why not.

A block without a mark is held to what its language can be held to here. The line above a block
may say `<!-- run by: tests/unit/test_x.py -->` or `make x`, which runs it as it stands, or
`<!-- not run here: needs … -->`. Neither excuses an option that does not exist.
"""

import configparser
import json
import queue
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from docsite.__main__ import ROOT, pages

from edge_fer.cameras import open_camera
from edge_fer.cli import main
from edge_fer.config.broker_url import parse_brokers
from edge_fer.config.load import load
from edge_fer.config.options import OPTIONS
from tests.support import ports
from tests.support.broker import Mosquitto, find_mosquitto
from tests.support.mqtt import publisher
from tests.support.snippets import TARGETS, Block, read, unfit, unfit_in_line
from tests.support.wait import DEADLINE_S, wait_until

PROGRAM = re.compile(
    r"(sudo |env |[A-Z_]+=\S+ |/opt/edge-fer/bin/)*"
    r"(apt|apt-get|cd|cp|edge-fer|git|install|journalctl|make|mosquitto_\w+|npm|openssl|pip|pipx"
    r"|python3?|systemctl|fuser|v4l2-ctl|rpicam-hello|chmod)( |$)"
)
"""How a command begins."""

FILES = re.compile(r"\.(js|json|jsonl|md|onnx|py|toml|prom|svg|png)$")
PARTS = {page: read(page) for page in pages()}
BLOCKS = [block for blocks, _ in PARTS.values() for block in blocks]


def of_kind(*kinds: str) -> pytest.MarkDecorator:
    found = [pytest.param(block, id=str(block)) for block in BLOCKS if block.kind in kinds]
    return pytest.mark.parametrize("block", found)


def test_every_block_is_of_a_kind_that_is_held_to_something() -> None:
    known = {"sh", "toml", "json", "yaml", "ini", "python", "cfg", "text"}
    assert [] == [f"{block}: ```{block.kind}" for block in BLOCKS if block.kind not in known]


def test_a_mark_names_what_runs_the_block_or_what_is_missing() -> None:
    wrong = []
    for block in BLOCKS:
        kind, _, name = block.by.partition(" ")
        if block.how == "not run here" and not re.fullmatch(r"needs \S.+", block.by):
            wrong.append(f"{block}: must say what it needs")
        elif block.how == "run by" and kind == "make" and name not in TARGETS:
            wrong.append(f"{block}: {block.by}: no such target")
        elif block.how == "run by" and kind != "make" and not _tests(block):
            wrong.append(f"{block}: {block.by}: must be a test that reads {block.page.name}")
    assert [] == wrong


def _tests(block: Block) -> bool:
    file = ROOT / block.by
    return block.by.startswith("tests/") and file.is_file() and block.page.name in file.read_text()


@of_kind("text")
def test_what_is_a_command_or_a_setting_is_marked_as_such(block: Block) -> None:
    for line in block.text.splitlines():
        assert not PROGRAM.match(line), f"{block}: ```sh: {line}"
        assert not re.fullmatch(r"\[\w+\]", line), f"{block}: ```toml or ```ini: {line}"


@of_kind("sh")
def test_a_command_has_the_options_that_are_given_and_others_are_marked(block: Block) -> None:
    for words in block.commands():
        if (wrong := unfit(words)) is not None:
            assert not wrong, f"{block}: {shlex.join(words)}: {wrong}"
        else:
            assert block.how, f"{block}: {shlex.join(words)}: mark it, not run here: needs …"


@of_kind("toml")
def test_a_configuration_is_taken(block: Block, tmp_path: Path) -> None:
    file = tmp_path / "edge-fer.toml"
    file.write_text(block.text)
    settings = load(file, [], {})
    # Both touch nothing yet.
    open_camera(settings.camera)
    parse_brokers(settings.mqtt.brokers)


@of_kind("json")
def test_json_can_be_read(block: Block) -> None:
    json.loads(block.text)


@of_kind("yaml")
def test_yaml_can_be_read(block: Block) -> None:
    assert yaml.safe_load(block.text)


@of_kind("ini")
def test_an_addition_to_the_unit_has_sections_of_a_unit(block: Block) -> None:
    parser = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    parser.read_string(block.text)
    assert {"Service"} == set(parser.sections())


@of_kind("python")
def test_python_runs(block: Block) -> None:
    if not block.how:
        subprocess.run([sys.executable, "-c", block.text], check=True, cwd=ROOT, timeout=60)


@of_kind("cfg")
def test_a_configuration_of_mosquitto_starts_it(block: Block, broker: Mosquitto) -> None:
    broker.stop()
    websockets = str(ports.free_port())
    text = block.text.replace("1883", str(broker.port)).replace("9001", websockets)
    config = broker.folder / "page.conf"
    config.write_text(f"{text}user root\n")
    command = [find_mosquitto(), "-c", str(config)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        deadline = time.monotonic() + 10
        while not broker.accepts(broker.port):
            assert process.poll() is None, f"{block}: {process.stderr.read()}"
            assert time.monotonic() < deadline, f"{block}: does not listen"
        process.kill()


def to_run(form: str) -> pytest.MarkDecorator:
    """The commands of blocks without a mark whose first two words match, as parameters."""
    found = [
        pytest.param(words, id=f"{block}-{'-'.join(words[:2])}")
        for block in BLOCKS
        if block.kind == "sh" and not block.how
        for words in block.commands()
        if re.fullmatch(form, " ".join(words[:2]))
    ]
    return pytest.mark.parametrize("words", found)


@to_run("mosquitto_(pub|rr|sub) .*")
def test_mosquittos_commands_reach_a_device_or_hear_it(words: list[str], broker: Mosquitto) -> None:
    asked: queue.SimpleQueue[bool] = queue.SimpleQueue()
    with publisher(broker.url, on_enabled=asked.put) as out:
        wait_until(lambda: out.connected, "connected")
        # Its retained status is there for whoever listens.
        end = ["-C", "1"] if words[0] == "mosquitto_sub" else []
        end += [] if words[0] == "mosquitto_pub" else ["-W", "10"]
        command = [*words, "-p", str(broker.port), *end]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        if words[0] == "mosquitto_sub":
            assert "edge-fer/porch/" in said
        else:
            assert (words[words.index("-m") + 1] == "ON") == asked.get(timeout=DEADLINE_S)


@to_run("edge-fer (check|config|explain|models)")
def test_our_own_quick_commands_run_as_they_stand(
    words: list[str],
    carphone: Path,
    broker: Mosquitto,
    landmarks: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    camera = f"file:{carphone}"
    instead = {"clip.mp4": camera, "v4l2:/dev/video0": camera}
    file = tmp_path / "edge-fer.toml"
    instead["/etc/edge-fer/edge-fer.toml"] = str(file)
    file.write_text("[privacy]\nacknowledge_use = 'home'\n[vision]\nmin_face_px = 40\n")
    settings = {"CAMERA__SOURCE": camera, "MQTT__BROKERS": json.dumps([broker.url])}
    for name, value in settings.items():
        monkeypatch.setenv(f"EDGE_FER_{name}", value)
    monkeypatch.setenv("EDGE_FER_CONFIG", str(file))
    monkeypatch.chdir(tmp_path)
    words = [instead.get(word, word) for word in words[1:]]
    brief = ["--max-frames", "20"] if words[0] == "explain" else []
    assert 0 == main([*words, *brief]), capfd.readouterr()


def test_the_certificates_of_the_security_page_are_good(tmp_path: Path) -> None:
    (block,) = (b for b in BLOCKS if b.kind == "sh" and "openssl req" in b.text)
    for words in [words for words in block.commands() if words[0] == "openssl"]:
        subprocess.run(words, check=True, cwd=tmp_path, capture_output=True)
    # Strict, as Python verifies since 3.13.
    verify = [
        "openssl",
        "verify",
        "-x509_strict",
        "-CAfile",
        "ca.pem",
        "-verify_hostname",
        "broker.example",
    ]
    subprocess.run([*verify, "edge-fer.crt"], check=True, cwd=tmp_path, capture_output=True)


def lines() -> Iterator[tuple[str, str]]:
    for page, (_, spans) in PARTS.items():
        yield from ((f"{page}:{line}", span) for line, span in spans)


def test_a_command_in_a_line_exists() -> None:
    told = [(place, span, unfit_in_line(span)) for place, span in lines()]
    assert [] == [f"{place}: {span}: {wrong}" for place, span, wrong in told if wrong]


def test_a_setting_in_a_line_exists() -> None:
    form = re.compile(rf"({'|'.join(OPTIONS)})\.([a-z0-9_]+)( = .*)?")
    found = [(place, form.fullmatch(span)) for place, span in lines() if not FILES.search(span)]
    wrong = [f"{place}: {f[0]}" for place, f in found if f and f[2] not in OPTIONS[f[1]]]
    assert [] == wrong


def test_a_message_in_the_troubleshooting_page_is_one_that_is_said() -> None:
    said = "".join(file.read_text() for file in (ROOT / "edge_fer").rglob("*.py"))
    page = Path("docs/guides/troubleshooting.md")
    wrong = [
        f"{page}:{line}: {span}"
        for line, span in PARTS[page][1]
        if " " in span and " = " not in span and not PROGRAM.match(span)
        for part in re.split(r"\s*…\s*", span)
        if part not in said and not part.startswith("Watchdog")
    ]
    assert [] == wrong
