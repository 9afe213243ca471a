"""The Python of README.md and of docs/reference/python-api.md, run as it stands there."""

import re
from pathlib import Path

import cv2
import numpy as np
import pytest

import edge_fer
from edge_fer.cameras import CAMERAS, Camera, Reading
from edge_fer.config.settings import Camera as CameraSettings
from edge_fer.recognizer import KEYWORDS, Face, WatchedFrame
from edge_fer.types import Event

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/reference/python-api.md"
BLOCKS = [
    pytest.param(block, id=f"{page.name}-{number}")
    for page in (ROOT / "README.md", PAGE)
    for number, block in enumerate(
        re.findall(r"^```python\n(.*?)^```", page.read_text(), re.M | re.S)
    )
]


class ClipCamera(Camera):
    """Stands in for /dev/video0: shows the portrait as a live camera would, and ends."""

    live = True

    def __init__(self, settings: CameraSettings, address: str) -> None:
        super().__init__(settings.source)
        self._left = 0

    def _open(self) -> None:
        self._left = 10

    def _close(self) -> None:
        self._left = 0

    def _read(self) -> Reading | None:
        if not self._left:
            return None
        self._left -= 1
        luma = cv2.imread("picture.jpg", cv2.IMREAD_GRAYSCALE)
        return Reading(np.asarray(luma, np.uint8), 1 - self._left / 10, 0.0)


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_runs(
    block: str,
    portrait: np.ndarray,
    carphone: Path,
    landmarks: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    cv2.imwrite(str(tmp_path / "picture.jpg"), portrait)
    (tmp_path / "clip.mp4").symlink_to(carphone)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(CAMERAS, "v4l2", "test_python_api:ClipCamera")
    exec(compile(block, "page", "exec"), {"__name__": "__page__"})
    out = capsys.readouterr().out
    if "face.emotion" in block or "event.emotion" in block:
        assert "happy" in out
    if "frame.number" in block:
        assert "119 (144, 176)" in out


def test_the_page_lists_every_name_keyword_and_attribute() -> None:
    words = set(re.findall(r"[A-Za-z_][A-Za-z_0-9]*", PAGE.read_text()))
    fields = {name for kind in (Face, WatchedFrame, Event) for name in kind.__dataclass_fields__}
    assert {*edge_fer.__all__, *KEYWORDS, *fields} - words == set()
