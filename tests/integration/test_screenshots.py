"""The pictures of the live web view in the documentation: small, and of drawings only."""

from pathlib import Path

import pytest

from deploy.dashboard.build import DashboardError
from tests.support.browser import NoBrowserError

pytest.importorskip("PIL", reason="the extra demo is not installed")

from docs.screenshots import IMAGES, SHOTS, ScreenshotError, shoot, take

ROOT = Path(__file__).parents[2]
MOST_BYTES = 150_000


@pytest.mark.parametrize("name", SHOTS)
def test_a_page_shows_each_picture_and_it_is_small(name):
    assert (IMAGES / f"{name}.png").stat().st_size < MOST_BYTES
    pages = [ROOT / "README.md", *ROOT.glob("docs/**/*.md")]
    assert [] != [page for page in pages if f"images/{name}.png" in page.read_text()]


@pytest.mark.usefixtures("carphone", "portrait", "landmarks", "broker")
def test_the_command_takes_them_of_the_real_daemon(tmp_path):
    try:
        files = take(tmp_path, seconds=0)
    except (NoBrowserError, DashboardError) as error:
        pytest.skip(str(error))
    assert [f"{name}.png" for name in SHOTS] == [file.name for file in files]
    assert max(file.stat().st_size for file in files) < MOST_BYTES


@pytest.mark.parametrize("element", ["<img>", "<canvas></canvas>", "<svg><image/></svg>"])
def test_a_page_that_could_show_a_camera_is_not_shot(chromium, tmp_path, element):
    page = chromium.new_page()
    page.set_content(f"{2 * '<p class=card>here</p>'}{element}")
    with pytest.raises(ScreenshotError, match="1 elements could show a camera frame"):
        shoot(page, tmp_path / "shot.png")
    assert [] == list(tmp_path.iterdir())
