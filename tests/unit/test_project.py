"""The files of the public project: workflows run what exists, and links have one source."""

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import urls
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
LINKED = [
    "setup.cfg",
    "SECURITY.md",
    "SUPPORT.md",
    "CITATION.cff",
    ".github/ISSUE_TEMPLATE/config.yml",
    "deploy/debian/control",
]
ADDRESS = "https://forge.example/people/edge-fer"


def jobs(workflow):
    return yaml.safe_load(workflow.read_text())["jobs"].values()


def commands(workflow):
    """Yield each line that the workflow runs, once for each value of the matrix."""
    for job in jobs(workflow):
        matrix = job.get("strategy", {}).get("matrix", {})
        for step in job.get("steps", ()):
            lines = [step.get("run", "")]
            for name, values in matrix.items():
                mark = f"${{{{ matrix.{name} }}}}"
                lines = [line.replace(mark, value) for line in lines for value in values]
            yield from filter(None, lines)


def make_targets():
    found = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.M)
    return {target for line in found for target in line.split()}


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_runs_what_exists(workflow):
    targets = make_targets()
    found = list(commands(workflow))
    assert found
    for command in found:
        assert "matrix." not in command
        words = command.partition("make ")[2].split() if "make " in command else []
        named = [word for word in words if "=" not in word]
        assert set(named) <= targets, command
        for path in re.findall(r"\bpackaging/[\w.-]+", command):
            assert (ROOT / path).exists(), command


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_every_job_has_a_time_limit_and_no_right_but_reading(workflow):
    text = yaml.safe_load(workflow.read_text())
    assert {"contents": "read"} == text["permissions"]
    assert all("timeout-minutes" in job or "uses" in job for job in jobs(workflow))


def test_the_tests_run_on_every_python_of_setup_cfg():
    setup = configparser.ConfigParser(interpolation=None)
    setup.read(ROOT / "setup.cfg")
    lines = setup["metadata"]["classifiers"].splitlines()
    versions = [line.rpartition(" ")[2] for line in lines if ":: 3." in line]
    checks = yaml.safe_load((ROOT / ".github/workflows/checks.yml").read_text())
    matrix = checks["jobs"]["test"]["strategy"]["matrix"]
    assert versions == matrix["python"]
    assert ["ubuntu-24.04", "ubuntu-24.04-arm"] == matrix["machine"]


def test_the_citation_names_the_version_of_the_package():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    source = (ROOT / "edge_fer/__init__.py").read_text()
    assert f'__version__ = "{citation["version"]}"' in source


@pytest.fixture
def copy(tmp_path):
    for name in LINKED:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, tmp_path / name)
    return tmp_path


def test_the_files_hold_what_setup_cfg_says(copy):
    assert [] == urls.write(copy)


def test_one_address_reaches_every_file_and_can_be_taken_back(copy):
    urls.write(copy, "")
    before = {name: (copy / name).read_text() for name in LINKED}
    assert not any("forge.example" in text for text in before.values())
    assert set(LINKED) == set(urls.write(copy, f"{ADDRESS}.git"))
    for name in LINKED:
        assert ADDRESS in (copy / name).read_text(), name
    setup = configparser.ConfigParser(interpolation=None)
    setup.read(copy / "setup.cfg")
    assert ADDRESS == setup["metadata"]["url"]
    assert f"Issues = {ADDRESS}/issues" in setup["metadata"]["project_urls"]
    contacts = yaml.safe_load((copy / ".github/ISSUE_TEMPLATE/config.yml").read_text())
    assert f"{ADDRESS}/security/advisories/new" == contacts["contact_links"][0]["url"]
    assert [] == urls.write(copy, ADDRESS)
    urls.write(copy, "")
    assert before == {name: (copy / name).read_text() for name in LINKED}


@pytest.mark.parametrize("address", ["edge-fer", "http://a/b", "https://forge.example"])
def test_an_address_that_is_none_is_refused_and_nothing_changes(address, copy):
    before = {name: (copy / name).read_text() for name in LINKED}
    with pytest.raises(ValueError, match="must be https://host/owner/name"):
        urls.write(copy, address)
    assert before == {name: (copy / name).read_text() for name in LINKED}


def test_a_fresh_root_says_how_it_is_used():
    done = subprocess.run(
        [ROOT / "packaging/fresh-root"], capture_output=True, text=True, check=False
    )
    assert (64, True) == (done.returncode, "make test" in done.stderr)
