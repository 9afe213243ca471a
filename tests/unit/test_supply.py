"""The lock file holds what setup.cfg asks for, on every Python and processor, and nothing else."""

import configparser
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from supply import LOCK, locked, without_doubles

ROOT = Path(__file__).parents[2]
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
MACHINES = ("x86_64", "aarch64")


@pytest.fixture(scope="module")
def wanted():
    setup = configparser.ConfigParser(interpolation=None)
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    return [Requirement(line) for line in setup["options"]["install_requires"].split("\n")[1:]]


def on(requirements, python, machine):
    """What is installed there."""
    place = {
        "python_version": python,
        "python_full_version": f"{python}.7",
        "platform_machine": machine,
        "sys_platform": "linux",
        "extra": "",
    }
    return [one for one in requirements if one.marker is None or one.marker.evaluate(place)]


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("python", PYTHONS)
def test_each_requirement_has_one_locked_version_that_it_allows(wanted, python, machine):
    versions = {}
    for one in on(map(Requirement, locked()), python, machine):
        assert one.name not in versions
        (pin,) = one.specifier
        assert "==" == pin.operator
        versions[one.name] = pin.version
    needed = on(wanted, python, machine)
    assert [] == [one for one in needed if versions[one.name] not in one.specifier]


def test_every_requirement_has_an_upper_bound(wanted):
    bounds = {one.name: {pin.operator for pin in one.specifier} for one in wanted}
    assert [] == [name for name, operators in bounds.items() if "<" not in operators]


def test_every_locked_version_has_hashes_and_no_address():
    entries = [entry for entry in LOCK.read_text().split("\n") if entry and entry[0] not in "# "]
    assert len(locked()) == len(entries)
    whole = LOCK.read_text().replace("\\\n", " ").split("\n")
    lines = [line for line in whole if line and not line.startswith("#")]
    assert [] == [line for line in lines if "--hash=sha256:" not in line]
    assert [] == [
        word for word in ("://", "--index", "--find", "--extra", "@ ") if word in LOCK.read_text()
    ]


def test_every_version_is_asked_about_also_those_of_other_pythons():
    groups = without_doubles(["a==1 ; x", "a==2 ; y", "b==1", "a==3"])
    assert [["a==1", "b==1"], ["a==2"], ["a==3"]] == groups
    asked = [line for group in without_doubles(locked()) for line in group]
    assert sorted(line.partition(";")[0].strip() for line in locked()) == sorted(asked)
