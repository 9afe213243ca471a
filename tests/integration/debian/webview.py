"""The live web view as the package brings it: served in its system, and looked at from outside.

By Chromium, headless, where this machine has it; else node hands the page's own parse.js the
event, which is less, and said so.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import TYPE_CHECKING

from release import ReleaseError

from tests.support.browser import NoBrowserError, headless
from tests.support.chroot import Root
from tests.support.ports import free_port

if TYPE_CHECKING:
    from playwright.sync_api import Page

PLACE = "/usr/share/edge-fer/dashboard"
PARSE = "\nprocess.stdout.write(JSON.stringify(parse('event', {event})));\n"
"""Goes behind the page's own parse.js."""
TRACK_LETTERS = 4
"""Of a track's name on the page."""
PATIENCE_S = 300


@contextlib.contextmanager
def visitor(root: Root, websockets: int) -> Iterator[Chromium | Node]:
    """Serve the page as documented and open it for the broker at that port.

    Raises:
        ReleaseError: it is not served, or finds no broker; or neither Chromium nor node is here.
    """
    port = str(free_port())
    place = f"http://127.0.0.1:{port}/"
    serve = root.command("python3", "-m", "http.server", port, "-b", "127.0.0.1", "-d", PLACE)
    with (
        subprocess.Popen(serve, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server,
        contextlib.ExitStack() as opened,
    ):
        opened.callback(server.terminate)
        _get(f"{place}index.html")
        try:
            page = opened.enter_context(headless()).new_page()
        except NoBrowserError as error:
            yield Node(place, str(error))
            return
        page.set_default_timeout(1000 * PATIENCE_S)
        _open(page, f"{place}#broker=ws://127.0.0.1:{websockets}&minutes=15")
        yield Chromium(page)


class Chromium:
    """Somebody with a browser."""

    name = "Chromium"

    def __init__(self, page: Page) -> None:
        self._page = page

    def arrive(self) -> str:
        """Wait until the page has its broker; return what it says of that.

        Raises:
            ReleaseError: it has none.
        """
        self._find("#connection[data-state=up]", "Connected to")
        return self._page.locator("#connection").inner_text()

    def see(self, event: str) -> str:
        """Return the line about an event of this JSON, from the page's timeline as a table.

        Raises:
            ReleaseError: there is none.
        """
        told = json.loads(event)
        if not self._page.locator(".rolling").is_visible():
            self._find("summary", "As a table")
            self._page.get_by_text("As a table").click()
        row = f".rolling tbody tr:has(th:text-is('{told['track'][:TRACK_LETTERS]}'))"
        return self._find(row, told["emotion"])

    def _find(self, selector: str, text: str) -> str:
        from playwright.sync_api import Error

        place = self._page.locator(selector).filter(has_text=text).first
        try:
            place.wait_for()
        except Error:
            shown = " ".join(self._page.inner_text("body", timeout=1000 * PATIENCE_S).split())[:300]
            raise ReleaseError(f"the web view: {selector}: no {text!r} in: {shown}") from None
        return place.inner_text()


class Node:
    """Nobody with a browser: the page's code outside of one."""

    name = "node"

    def __init__(self, place: str, why: str) -> None:
        program = shutil.which("node")
        if program is None:
            raise ReleaseError(f"{why}; nor is node, which could run the page's code")
        self._program, self._place = program, place

    def arrive(self) -> str:
        """Fetch the code; return it."""
        return _get(f"{self._place}parse.js")

    def see(self, event: str) -> str:
        """Return what the page's code makes of an event's JSON, as JSON.

        Raises:
            ReleaseError: it refuses it.
        """
        script = self.arrive() + PARSE.format(event=json.dumps(event))
        done = subprocess.run(
            [self._program, "--input-type=module"],
            input=script,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise ReleaseError(f"the web view refuses the event: {done.stderr[-300:]}")
        return done.stdout


def _open(page: Page, address: str) -> None:
    from playwright.sync_api import Error

    try:
        page.goto(address)
    except Error as error:
        raise ReleaseError(f"the web view: {error.message}") from None


def _get(address: str, tries: int = 100) -> str:
    for left in reversed(range(tries)):
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            raise ReleaseError(f"{address}: {error}") from error
        except OSError as error:
            if not left:
                raise ReleaseError(f"{address}: {error}") from error
            time.sleep(0.1)
    raise AssertionError
