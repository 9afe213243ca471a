"""`python -m tools.screenshots` writes docs/images/dashboard-*.png; 1 with one line on failure.

What is seen is real: the daemon on a clip and a portrait, mosquitto's websockets, the page as
`make dashboard` puts it together, Chromium. No frame of a camera can get into the pictures: the
page has none, and each is looked through for elements that could show one.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from edge_fer.demo.demo import PrivateBroker, ViewServer
from edge_fer.errors import EdgeFerError
from tools.browser import NoBrowserError, headless
from tools.dashboard import DashboardError, assemble

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "docs" / "images"
CLIP = ROOT / ".cache" / "carphone_pristine.mp4"
WATCHED_S = 66
"""From the first face on: the minute that the page shows, and until the portrait is back."""
PATIENCE_S = 120
"""For the daemon to start, and for both faces to be there, on a machine with much else to do."""
COLOURS = 256
"""Of a palette, which makes a third of the bytes of full colour, and a drawing needs no more."""
SHOWS_PICTURES = "img, picture, video, canvas, object, embed, iframe, image"
"""Elements by which a page could show a camera's frame."""

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
"""Name of the file -> what the browser pretends to be."""

OPTIONS = (
    "device.name=hall",
    "privacy.acknowledge_use=research",
    "camera.pace=real",
    "vision.min_face_px=40",
    "stats.interval_s=1",
    "mqtt.outbox=memory",
    "log.level=warning",
)


class ScreenshotError(Exception):
    """The page does not show what it should; the message says what."""


def main() -> int:
    """Take them all and say where they are."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=IMAGES, help="folder to write to")
    parser.add_argument("--seconds", type=float, default=WATCHED_S, help="to watch before")
    arguments = parser.parse_args()
    try:
        for file in take(arguments.out, arguments.seconds):
            print(f"{file}: {file.stat().st_size:,} bytes")
    except (ScreenshotError, NoBrowserError, DashboardError, EdgeFerError) as error:
        print(f"screenshots: {error}", file=sys.stderr)
        return 1
    return 0


def take(folder: Path, seconds: float = WATCHED_S) -> list[Path]:
    """Watch the page for a while in each of its shapes; return the pictures' files.

    Raises:
        ScreenshotError: nobody is seen, or an element could show a camera's frame.
        NoBrowserError: there is no browser to look with.
        DashboardError: the page cannot be put together.
        BrokerError: mosquitto is not installed.
    """
    with (
        tempfile.TemporaryDirectory() as site,
        headless() as browser,
        PrivateBroker() as broker,
        ViewServer(assemble(Path(site))) as server,
    ):
        address = f"{server.address(broker.websocket)}&minutes=1"
        pages = {name: _open(browser, address, shape) for name, shape in SHOTS.items()}
        with _daemon(broker.url):
            first = next(iter(pages.values()))
            _expect(first, 1)
            first.wait_for_timeout(1000 * seconds)
            return [shoot(page, folder / f"{name}.png") for name, page in pages.items()]


def _open(browser: Browser, address: str, shape: dict[str, Any]) -> Page:
    page = browser.new_context(**shape, locale="en-GB").new_page()
    page.set_default_timeout(1000 * PATIENCE_S)
    page.goto(address)
    return page


@contextlib.contextmanager
def _daemon(url: str) -> Iterator[None]:
    options = [f"--set={option}" for option in OPTIONS]
    camera = ["--camera", f"scene:{CLIP}", "--mqtt", url]
    command = [sys.executable, "-m", "tools.screenshots.camera", "run", *camera, *options]
    with subprocess.Popen(command, cwd=ROOT) as process:
        try:
            yield
        finally:
            process.terminate()
    if process.returncode:
        raise ScreenshotError(f"edge-fer run: exit code {process.returncode}")


def _expect(page: Page, faces: int) -> None:
    from playwright.sync_api import TimeoutError as Late

    try:
        page.locator(".card").nth(faces - 1).wait_for()
    except Late:
        shown = " ".join(page.locator("main").inner_text().split())[:200]
        raise ScreenshotError(f"the page shows no {faces} faces but: {shown}") from None


def shoot(page: Page, file: Path) -> Path:
    """Write the whole page, in a palette's colours, into the file."""
    _expect(page, 2)
    if found := page.locator(SHOWS_PICTURES).count():
        raise ScreenshotError(f"{file.stem}: {found} elements could show a camera's frame")
    picture = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(file, optimize=True)
    return file


if __name__ == "__main__":
    sys.exit(main())
