"""The how-to "add a camera" of CONTRIBUTING.md, followed with docs/examples/pattern_camera.py."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import test_camera_contract as contract

import edge_fer.cameras
from edge_fer.cameras import CAMERAS, camera_class, open_camera, split_source
from edge_fer.cli import main
from edge_fer.config.load import load
from edge_fer.config.settings import Camera as Settings
from edge_fer.errors import ConfigError
from tests.support.clips import HEIGHT, WIDTH

ROOT = Path(__file__).parents[2]
REGISTERED = {"pattern": "edge_fer.cameras.pattern:PatternCamera"}


@pytest.fixture(autouse=True)
def _added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The file beside the other cameras, and its line in the registry; nothing else."""
    shutil.copy(ROOT / "docs/examples/pattern_camera.py", tmp_path / "pattern.py")
    monkeypatch.setattr(edge_fer.cameras, "__path__", [*edge_fer.cameras.__path__, str(tmp_path)])
    for scheme, place in REGISTERED.items():
        monkeypatch.setitem(CAMERAS, scheme, place)
    yield
    sys.modules.pop("edge_fer.cameras.pattern", None)


def case(_folder: Path) -> contract.Case:
    """The line that the page adds to the contract test."""
    settings = Settings(source="pattern:2", width=WIDTH, height=HEIGHT, fps=200)
    camera = open_camera(settings)
    return contract.Case(camera, lambda: getattr(camera, "_step", None) is not None, 6)


SCENES = "test_luma_is_that_of_the_scene_and_stays_so"
"""Of cameras that show the test's own scenes."""

CHECKS = sorted({name for name in vars(contract) if name.startswith("test_")} - {SCENES})


@pytest.mark.parametrize("check", CHECKS)
def test_it_keeps_the_contract(check: str, tmp_path: Path) -> None:
    vars(contract)[check](case(tmp_path))


def test_the_settings_open_it() -> None:
    settings = load(None, ["camera.source=pattern:3"], {})
    with open_camera(settings.camera) as camera:
        assert (480, 640) == next(camera).luma.shape


def test_a_wrong_source_names_it() -> None:
    for source in ("patern:3", "pattern:", "pattern"):
        with pytest.raises(ConfigError, match=r"must be file:PATH, .* or pattern:3; did you mean"):
            split_source(source)
    with pytest.raises(ConfigError, match=r"did you mean 'pattern:4'\?"):
        split_source("Pattern:4")
    with pytest.raises(ConfigError, match="must be pattern:N, N 1 to 9"):
        open_camera(Settings(source="pattern:many"))


def test_help_and_configuration_list_it(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["explain", "--help"])
    assert "csi:0, pattern:3" in " ".join(capsys.readouterr().out.split())
    assert 0 == main(["config"])
    assert "# - pattern:3: a test pattern of three moving bars." in capsys.readouterr().out


def test_the_commands_open_it(capsys: pytest.CaptureFixture[str], landmarks: Path) -> None:
    options = ["--camera", "pattern:3", "--set", "privacy.acknowledge_use=research"]
    options += ["--set", "mqtt.brokers=mqtt://127.0.0.1:9"]
    assert 69 == main(["check", *options])
    (line,) = (line for line in capsys.readouterr().out.splitlines() if "pattern:3" in line)
    assert "640x480" in line
    assert 0 == main(["explain", "--max-frames", "2", *options])
    assert 2 == capsys.readouterr().out.count("no face")


@pytest.mark.parametrize("scheme", sorted(CAMERAS))
def test_every_kind_describes_itself(scheme: str) -> None:
    kind = camera_class(scheme)
    assert scheme == kind.scheme
    assert kind.example.startswith(f"{scheme}:")
    assert kind.help
    assert not kind.help.endswith(".")
    assert kind.live is (scheme != "file")
    assert (scheme, True) == (split_source(kind.example)[0], bool(split_source(kind.example)[1]))
