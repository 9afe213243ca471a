"""Headless Chromium, for those who look at the live web view as its users do."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


class NoBrowserError(Exception):
    """There is none to drive; the message says what to install."""


@contextlib.contextmanager
def headless() -> Iterator[Browser]:
    """The system's Chromium, without a window, gone with the context.

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
