"""Take the pictures of the live web view: `python -m docs.screenshots` writes docs/images/.

Everything is real: the daemon with a clip and a portrait, mosquitto's websockets, the page as
`make dashboard` builds it, and Chromium. No camera frame can get into the pictures: the page has
none, and each page is searched for elements that could show one.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from deploy.dashboard.build import DashboardError, assemble
from edge_fer.demo.demo import ViewServer
from edge_fer.errors import EdgeFerError
from tests.support import ports
from tests.support.broker import Mosquitto, running
from tests.support.browser import NoBrowserError, headless
from tests.support.daemon import daemon
from tests.support.media import CLIP, ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

IMAGES = ROOT / "docs" / "images"
WATCHED_S = 66
"""From the first face: the minute that the page shows, and until the portrait is back."""
PATIENCE_S = 120
"""For the daemon to start and for both faces to appear, on a busy machine."""
COLOURS = 256
"""Colours of the palette: a third of the bytes of full colour, and enough for a drawing."""
SHOWS_PICTURES = "img, picture, video, canvas, object, embed, iframe, image"
"""Elements that could show a camera frame."""

SHOTS: Mapping[str, dict[str, Any]] = {
    "dashboard-light": {
        "viewport": {"width": 1180, "height": 800},
        "device_scale_factor": 1.5,
        "color_scheme": "light",
    },
    "dashboard-dark": {
        "viewport": {"width": 1180, "height": 800},
        "device_scale_factor": 1.5,
        "color_scheme": "dark",
    },
    "dashboard-phone": {
        "viewport": {"width": 390, "height": 844},
        "device_scale_factor": 2,
        "color_scheme": "light",
        "is_mobile": True,
        "has_touch": True,
    },
}
"""Name of the file -> options of the browser context."""


class ScreenshotError(Exception):
    """The page does not show what it should; the message says why."""


def main() -> int:
    """Take all pictures and print their files; return 1 after one line of error."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=IMAGES, help="folder to write to")
    parser.add_argument("--seconds", type=float, default=WATCHED_S, help="to wait before")
    arguments = parser.parse_args()
    try:
        for file in take(arguments.out, arguments.seconds):
            print(f"{file}: {file.stat().st_size:,} bytes")
    except (ScreenshotError, NoBrowserError, DashboardError, EdgeFerError) as error:
        print(f"screenshots: {error}", file=sys.stderr)
        return 1
    return 0


def take(folder: Path, seconds: float = WATCHED_S) -> list[Path]:
    """Show the page for a while in each of its shapes; return the files of the pictures.

    Raises:
        ScreenshotError: no face appears, or an element could show a camera frame.
        NoBrowserError: there is no browser.
        DashboardError: the page cannot be built.
    """
    with (
        tempfile.TemporaryDirectory() as name,
        headless() as browser,
        running(Mosquitto(Path(name) / "broker", websockets=ports.free_port())) as broker,
        ViewServer(assemble(Path(name) / "site")) as server,
    ):
        address = f"{server.address(broker.websocket)}&minutes=1"
        pages = {name: _open(browser, address, shape) for name, shape in SHOTS.items()}
        with daemon(broker.url, f"scene:{CLIP}", {"device.name": "hall"}) as process:
            first = next(iter(pages.values()))
            _expect(first, 1)
            first.wait_for_timeout(1000 * seconds)
            files = [shoot(page, folder / f"{name}.png") for name, page in pages.items()]
            if code := process.stop()[0]:
                raise ScreenshotError(f"edge-fer run: exit code {code}")
            return files


def _open(browser: Browser, address: str, shape: dict[str, Any]) -> Page:
    page = browser.new_context(**shape, locale="en-GB").new_page()
    page.set_default_timeout(1000 * PATIENCE_S)
    page.goto(address)
    return page


def _expect(page: Page, faces: int) -> None:
    from playwright.sync_api import TimeoutError as Late

    try:
        page.locator(".card").nth(faces - 1).wait_for()
    except Late:
        shown = " ".join(page.locator("main").inner_text().split())[:200]
        raise ScreenshotError(f"the page shows no {faces} faces but: {shown}") from None


def shoot(page: Page, file: Path) -> Path:
    """Write a picture of the whole page to the file and return the file."""
    _expect(page, 2)
    if found := page.locator(SHOWS_PICTURES).count():
        raise ScreenshotError(f"{file.stem}: {found} elements could show a camera frame")
    picture = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(file, optimize=True)
    return file


if __name__ == "__main__":
    sys.exit(main())
