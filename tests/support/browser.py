"""The live web view in a real browser: Chromium, the page, and a broker set up as documented."""

import contextlib
import re
import shutil
import subprocess
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from deploy.dashboard import build
from edge_fer.demo.demo import ViewServer
from tests.support import ports
from tests.support.broker import Mosquitto, running
from tests.support.media import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")

DEADLINE_MS = 60_000
BLOCK = re.compile(r"<!-- (mosquitto|passwords|acl) -->\n\s*```\n(.*?)```", re.DOTALL)
"""Configuration that the page's document tells to write."""


class NoBrowserError(Exception):
    """Chromium or playwright is not installed; the message says how to install it."""


@contextlib.contextmanager
def headless() -> "Iterator[Browser]":
    """Run the system's Chromium without a window.

    Raises:
        NoBrowserError: it, or playwright, which drives it, is not installed.
    """
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        raise NoBrowserError("chromium is not installed (apt install chromium)")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise NoBrowserError("playwright is not installed (make venv)") from None
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program)
        try:
            yield browser
        finally:
            browser.close()


class Documented(Mosquitto):
    """A broker set up as docs/guides/dashboard.md says, with a user camera and a user viewer."""

    def _config(self):
        blocks = dict(BLOCK.findall((ROOT / "docs/guides/dashboard.md").read_text()))
        passwords, acl = self.folder / "passwords", self.folder / "acl"
        for number, user in enumerate(("camera", "viewer")):
            create = ["-c"] if number == 0 else []
            command = ["mosquitto_passwd", "-b", *create, str(passwords), user, "secret"]
            subprocess.run(command, check=True, capture_output=True)
        acl.write_text(textwrap.dedent(blocks["acl"]))
        text = textwrap.dedent(blocks["mosquitto"])
        text = text.replace("allow_anonymous true", blocks["passwords"])
        text = text.replace("/etc/mosquitto", str(self.folder))
        text = text.replace("1883", str(self.port)).replace("9001", str(self.websockets))
        config = self.folder / "mosquitto.conf"
        config.write_text(f"{text}user root\n")
        return config


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The assembled page on a web server of its own."""
    try:
        folder = build.assemble(tmp_path_factory.mktemp("dashboard"))
    except build.DashboardError as error:
        pytest.skip(str(error))
    with ViewServer(folder) as server:
        yield server


@pytest.fixture(scope="module")
def chromium():
    try:
        with headless() as browser:
            yield browser
    except NoBrowserError as error:
        pytest.skip(str(error))


@pytest.fixture
def documented(tmp_path):
    with running(Documented(tmp_path, websockets=ports.free_port())) as broker:
        yield broker


@pytest.fixture
def visit(chromium, site):
    """Open the page for a broker; at the end, nothing may have gone wrong or outside."""
    pages, wrong, hosts = [], [], set()

    def note(url):
        if urlsplit(url).scheme != "data":
            hosts.add(urlsplit(url).hostname)

    def opened(address, **options):
        context = chromium.new_context(**options)
        page = context.new_page()
        page.set_default_timeout(DEADLINE_MS)
        page.on("console", lambda message: wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda request: note(request.url))
        page.on("websocket", lambda channel: note(channel.url))
        page.goto(f"{site.address(address)}&minutes=1")
        pages.append(page)
        return page

    yield opened
    for page in pages:
        page.context.close()
    # A browser tells its console of connections that fail; that is no mistake of the page.
    assert [] == [text for text in wrong if "WebSocket" not in text]
    assert {"127.0.0.1"} == hosts


def websocket(broker):
    return broker.websocket


def publish(broker, topic, payload, *options):
    arguments = ["-p", str(broker.port), "-t", topic, "-m", payload, "-q", "1", *options]
    subprocess.run(["mosquitto_pub", *arguments], check=True)


def has(page, selector, text):
    page.locator(selector).filter(has_text=text).first.wait_for()
