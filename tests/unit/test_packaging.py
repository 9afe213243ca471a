"""What is promised to pip and to those who ask for licences."""

import configparser
import gzip
import io
import re
import subprocess
import tarfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from release import TARGETS
from release.deb import SCRIPTS
from release.environment import HOME, _forget
from release.manual import COMPLETIONS, write_manual
from release.python import _settle

import edge_fer
from edge_fer.cli import COMMANDS
from edge_fer.emotion.card import find_model

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def setup():
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def requirements(setup, **environment):
    every = map(Requirement, setup["options"]["install_requires"].split("\n")[1:])
    return {
        entry.name: entry
        for entry in every
        if entry.marker is None or entry.marker.evaluate(environment)
    }


def test_every_package_is_listed(setup):
    found = {
        ".".join(file.parent.relative_to(ROOT).parts)
        for file in (ROOT / "edge_fer").rglob("__init__.py")
    }
    assert found | {"edge_fer.models"} == set(setup["options"]["packages"].split())


@pytest.mark.parametrize(
    ("machine", "expected"),
    [
        ("x86_64", "dlib-bin"),
        ("aarch64", "dlib-bin"),
        ("AMD64", "dlib-bin"),
        ("arm64", "dlib-bin"),
        ("armv7l", "dlib"),
        ("riscv64", "dlib"),
        ("x86", "dlib"),
        ("64", "dlib"),
    ],
)
def test_a_machine_gets_exactly_one_dlib(setup, machine, expected):
    names = requirements(setup, platform_machine=machine)
    assert {expected} == {"dlib", "dlib-bin"} & names.keys()


@pytest.mark.parametrize(
    ("python", "newest", "too_new"),
    [("3.10", "1.23.2", "1.24.0"), ("3.11", "1.31.1", "1.32.0"), ("3.13", "1.31.1", "1.32.0")],
)
def test_every_python_gets_an_onnxruntime_that_was_tried(setup, python, newest, too_new):
    specifier = requirements(setup, python_version=python)["onnxruntime"].specifier
    assert newest in specifier
    assert too_new not in specifier


def test_tomli_is_for_python_3_10_only(setup):
    assert "tomli" in requirements(setup, python_version="3.10")
    assert "tomli" not in requirements(setup, python_version="3.11")


def test_torch_is_never_needed_to_run(setup):
    assert not {"torch", "torch-pruning", "matplotlib"} & requirements(setup).keys()


def test_every_dependency_stands_in_the_list_of_third_parties(setup):
    text = (ROOT / "THIRD_PARTY.md").read_text(encoding="utf-8")
    listed = {
        name
        for entry in setup["options"]["install_requires"].split("\n")[1:]
        for name in [Requirement(entry).name]
    }
    assert [] == [name for name in sorted(listed) if name not in text]


def test_the_version_has_an_entry_in_the_changelog():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## [{edge_fer.__version__}]" in text


def test_the_wheel_holds_the_int8_models_of_the_default_network_with_their_cards(setup):
    patterns = setup["options.package_data"]["edge_fer.models"].split()
    held = {path.name for pattern in patterns for path in (ROOT / "models").glob(pattern)}
    default = find_model("")
    assert {default.name, f"{default.stem}.json"} <= held
    assert {f"{Path(name).stem}.json" for name in held if name.endswith(".onnx")} <= held
    assert [] == [name for name in held if "fp32" in name]


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_a_debian_package_gets_what_setup_cfg_allows(setup, target):
    pinned = dict(re.findall(r"^([\w-]+)==(\S+)", target.pins.read_text(), re.MULTILINE))
    wanted = requirements(setup, platform_machine=target.machine, python_version=target.python)
    assert {} == {
        name: pinned.get(name)
        for name, requirement in wanted.items()
        if pinned.get(name) not in requirement.specifier
    }
    assert pinned["numpy"] in Requirement(target.numpy).specifier


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_every_pinned_wheel_has_a_hash(target):
    entries = target.pins.read_text().replace("\\\n", "").splitlines()[1:]
    assert [] == [entry for entry in entries if "--hash=sha256:" not in entry]


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_scripts_of_the_debian_package_are_sh(name):
    script = ROOT / "deploy" / "debian" / name
    assert 0 == subprocess.run(["sh", "-n", str(script)]).returncode
    assert "set -e\n" in script.read_text()


def test_the_package_puts_the_program_where_the_unit_starts_it():
    unit = (ROOT / "deploy" / "systemd" / "edge-fer.service").read_text()
    assert f"ExecStart={HOME}/bin/edge-fer run -c /etc/edge-fer/edge-fer.toml\n" in unit


def archive(path, time, order):
    with tarfile.open(path, "w:gz") as packed:
        for name in order:
            member = tarfile.TarInfo(name)
            member.size, member.mtime, member.uname = 1, time, f"user{time}"
            packed.addfile(member, io.BytesIO(b"x"))


def test_an_sdist_does_not_tell_when_by_whom_and_in_which_order_it_was_packed(tmp_path):
    one, two = tmp_path / "one.tar.gz", tmp_path / "two.tar.gz"
    archive(one, 1, "ab")
    archive(two, 2, "ba")
    for path in (one, two):
        _settle(path, 1_700_000_000)
    assert one.read_bytes() == two.read_bytes()


def test_an_environment_does_not_tell_where_it_was_laid_out(tmp_path):
    record = tmp_path / "RECORD"
    record.write_text("rich/a.py,sha256=1,1\n../../bin/x,sha256=2,2\nrich/direct_url.json,,\n")
    (tmp_path / "direct_url.json").touch()
    _forget(record)
    assert "rich/a.py,sha256=1,1\n" == record.read_text()
    assert not (tmp_path / "direct_url.json").exists()


def test_manual_and_completions_know_every_command(tmp_path):
    write_manual(ROOT, tmp_path, "1.2", 1_700_000_000)
    page = gzip.decompress((tmp_path / "usr/share/man/man1/edge-fer.1.gz").read_bytes()).decode()
    scripts = [(tmp_path / place).read_text() for place in COMPLETIONS.values()]
    for command in COMMANDS:
        assert f"edge\\-fer {command}" in page
        assert [] == [script for script in scripts if command not in script]
    assert "EXIT STATUS" in page
    assert 0 == subprocess.run(["bash", "-n", tmp_path / COMPLETIONS["bash"]]).returncode
