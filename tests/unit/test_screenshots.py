"""The pages' pictures of the live web view: taken by a command, small, of drawings only."""

from pathlib import Path

import pytest
from browser import chromium  # noqa: F401  a fixture
from faces import carphone, portrait  # noqa: F401  fixtures

from edge_fer.errors import BrokerError
from tools.browser import NoBrowserError
from tools.dashboard import DashboardError

pytest.importorskip("PIL", reason="the extra demo is not installed")

from tools.screenshots.__main__ import IMAGES, SHOTS, ScreenshotError, shoot, take

ROOT = Path(__file__).parents[2]
MOST_BYTES = 150_000


@pytest.mark.parametrize("name", SHOTS)
def test_a_page_shows_each_picture_and_it_is_small(name):
    assert (IMAGES / f"{name}.png").stat().st_size < MOST_BYTES
    pages = [ROOT / "README.md", *ROOT.glob("docs/**/*.md")]
    assert [] != [page for page in pages if f"images/{name}.png" in page.read_text()]


@pytest.mark.usefixtures("carphone", "portrait", "landmarks")
def test_the_command_takes_them_of_the_real_daemon(tmp_path):
    try:
        files = take(tmp_path, seconds=0)
    except (NoBrowserError, DashboardError, BrokerError) as error:
        pytest.skip(str(error))
    assert [f"{name}.png" for name in SHOTS] == [file.name for file in files]
    assert max(file.stat().st_size for file in files) < MOST_BYTES


@pytest.mark.parametrize("element", ["<img>", "<canvas></canvas>", "<svg><image/></svg>"])
def test_a_page_that_could_show_a_camera_is_not_shot(chromium, tmp_path, element):  # noqa: F811
    page = chromium.new_page()
    page.set_content(f"{2 * '<p class=card>here</p>'}{element}")
    with pytest.raises(ScreenshotError, match="1 elements could show a camera's frame"):
        shoot(page, tmp_path / "shot.png")
    assert [] == list(tmp_path.iterdir())
