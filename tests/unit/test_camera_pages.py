"""Every configuration that the pages about cameras show is one that the daemon takes."""

import re
from pathlib import Path

import pytest

from edge_fer.cameras import CAMERAS, open_camera
from edge_fer.config.load import load

DOCS = Path(__file__).parents[2] / "docs" / "guides"
SNIPPETS = [
    pytest.param(snippet, id=f"{name}-{number}")
    for name in ("cameras.md", "jetson.md")
    for number, snippet in enumerate(
        re.findall(r"^```toml\n(.*?)^```", (DOCS / name).read_text(), re.M | re.S)
    )
]


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_a_snippet_is_a_configuration(snippet: str, tmp_path: Path) -> None:
    path = tmp_path / "edge-fer.toml"
    path.write_text(snippet)
    settings = load(path, [], {})
    # Opens nothing yet.
    open_camera(settings.camera)


def test_every_kind_of_source_has_a_row() -> None:
    text = (DOCS / "cameras.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert set(CAMERAS) == {scheme for scheme in CAMERAS if f"`{scheme}:" in "".join(rows)}


def test_the_jetsons_pipeline_is_the_one_that_is_shown() -> None:
    (snippet,) = re.findall(r"^    (nvarguscamerasrc .*)$", (DOCS / "jetson.md").read_text(), re.M)
    options = ["camera.source=csi:0", "camera.width=1280", "camera.height=720", "camera.fps=30"]
    assert snippet == open_camera(load(None, options, {}).camera).pipeline
