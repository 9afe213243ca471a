"""The package as a library: its names, its types, and what importing it costs."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import edge_fer

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/reference/python-api.md"
NAMES = {
    "EdgeFerError",
    "Event",
    "Face",
    "Recognizer",
    "Settings",
    "WatchedFrame",
    "open_camera",
}
MOST_MS = 50


def python(code: str, *flags: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *flags, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )


def test_the_public_names_are_a_handful_and_loaded_on_use() -> None:
    assert NAMES == set(edge_fer.__all__)
    assert set(dir(edge_fer)) >= NAMES
    code = (
        f"import sys, edge_fer\nfor name in {sorted(NAMES)}: assert getattr(edge_fer, name), name\n"
        "from edge_fer import *\nassert Recognizer is edge_fer.Recognizer"
    )
    python(code)
    with pytest.raises(AttributeError, match="module 'edge_fer' has no attribute 'Recogniser'"):
        edge_fer.Recogniser  # type: ignore[attr-defined]  # noqa: B018


def test_importing_the_package_is_quick_and_pulls_nothing_heavy() -> None:
    code = (
        "import sys; before = set(sys.modules); import edge_fer; print(*set(sys.modules) - before)"
    )
    loaded = set(python(code).stdout.split())
    assert {"edge_fer"} == {name for name in loaded if name.split(".")[0] not in STDLIB}
    timed = "import time; t = time.process_time(); import edge_fer; print(time.process_time() - t)"
    # The fastest of several, since other programs run beside.
    assert min(float(python(timed).stdout) for _ in range(5)) < MOST_MS / 1000


STDLIB = sys.stdlib_module_names


def test_the_library_knows_neither_the_broker_nor_the_outbox() -> None:
    code = (
        "import sys, edge_fer.recognizer, edge_fer.testing;"
        "print([m for m in ('paho', 'sqlite3', 'rich', 'torch', 'matplotlib') if m in sys.modules])"
    )
    assert "[]\n" == python(code).stdout


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package as its wheel installs it."""
    folder = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    build = [*pip, "wheel", "--no-deps", "-w", str(folder / "dist")]
    done = subprocess.run([*build, str(_sources(folder))], capture_output=True, text=True)
    assert 0 == done.returncode, done.stderr
    (wheel,) = (folder / "dist").glob("edge_fer-*.whl")
    install = [*pip, "install", "--no-deps", "--target", str(folder / "site"), str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    return folder / "site"


def _sources(folder: Path) -> Path:
    """A copy of what goes into the wheel: a build leaves files beside its sources."""
    import shutil

    target = folder / "sources"
    target.mkdir()
    for name in ("edge_fer", "models"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, target / name, ignore=ignored)
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE", "THIRD_PARTY.md"):
        shutil.copy(ROOT / name, target)
    return target


def python_blocks(page: Path) -> list[str]:
    """The lines of Python that a page shows, apart from those it says are wrong."""
    return re.findall(r"^```python\n(.*?)^```", page.read_text(), re.M | re.S)


TYPES = """
from typing import TYPE_CHECKING
from collections.abc import Generator, Mapping, Sequence
import numpy as np
from edge_fer import Event, Face, Recognizer, Settings, WatchedFrame, open_camera

recognizer: Recognizer = Recognizer(model="xception", min_face_px=40, acknowledge_use="home")
Recognizer(Settings())
faces: list[Face] = recognizer.read("a.jpg")
recognizer.read(np.zeros((64, 64, 3), np.uint8), order="rgb")
stream: Generator[WatchedFrame, None, None] = recognizer.watch("v4l2:/dev/video0")
for frame in stream:
    events: Sequence[Event] = frame.events
    scores: Sequence[Mapping[str, float]] = [face.scores for face in frame.faces]
"""

WRONG = {
    "Recognizer(min_face_px='many')": "arg-type|typeddict-item",
    "Recognizer(min_face=3)": "call-arg",
    "Recognizer().read('a.jpg')[0].feeling": "attr-defined",
    "Recognizer().read('a.jpg', order='grb')": "arg-type",
    "Recognizer(acknowledge_use='work')": "arg-type",
}


def mypy(site: Path, folder: Path, *programs: str) -> str:
    """What mypy --strict says of the programs 0.py, 1.py and so on."""
    for number, program in enumerate(programs):
        (folder / f"{number}.py").write_text(program)
    config = folder / "mypy.ini"
    config.write_text(f"[mypy]\nstrict = True\nmypy_path = {site}\n")
    command = [sys.executable, "-m", "mypy", "--config-file", str(config), "--scripts-are-modules"]
    command += ["--follow-imports=silent", "--cache-dir", str(site.parent / "cache")]
    files = [f"{number}.py" for number in range(len(programs))]
    environ = {"MYPYPATH": "", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [*command, *files], capture_output=True, text=True, cwd=folder, env=environ
    )
    return done.stdout + done.stderr


def test_the_wheel_ships_its_types(site: Path) -> None:
    assert (site / "edge_fer/py.typed").is_file()


def test_the_documented_lines_are_well_typed(site: Path, tmp_path: Path) -> None:
    blocks = python_blocks(ROOT / "README.md") + python_blocks(PAGE)
    wrong = "\n".join(["from edge_fer import Recognizer", *WRONG])
    said = mypy(site, tmp_path, TYPES, *blocks, wrong)
    last = len(blocks) + 1
    errors = [line for line in said.splitlines() if ": error:" in line]
    assert [] == [line for line in errors if not line.startswith(f"{last}.py:")], said
    for number, (line, code) in enumerate(WRONG.items(), 2):
        assert re.search(rf"^{last}\.py:{number}: error: .*\[({code})\]", said, re.M), (
            f"{line}\n{said}"
        )
