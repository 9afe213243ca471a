"""What is promised to pip and to those who ask for licences."""

import configparser
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import edge_fer
from edge_fer.emotion.card import find_model

ROOT = Path(__file__).parent.parent


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
    listed = {name for entry in setup["options"]["install_requires"].split("\n")[1:]
              for name in [Requirement(entry).name]}  # fmt: skip
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
