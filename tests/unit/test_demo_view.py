"""`edge-fer demo --view`: the page is served, and a browser sent there knows the broker."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge_fer.demo.demo import view_folder
from edge_fer.errors import DataError

BROWSER = """\
import http.client, sys, urllib.request
page, broker = sys.argv[1].split("#broker=ws://")
text = urllib.request.urlopen(page, timeout=10).read().decode()
caller = http.client.HTTPConnection(broker, timeout=10)
caller.request("GET", "/mqtt", headers={
    "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol": "mqtt",
})
open(sys.argv[0] + ".seen", "w").write(f"{caller.getresponse().status} {text}")
"""


def test_a_folder_without_the_page_is_refused(tmp_path):
    with pytest.raises(DataError, match="must be the folder of the live web view"):
        view_folder(str(tmp_path))


def test_the_browser_gets_the_page_and_where_the_broker_is(tmp_path, carphone):
    (tmp_path / "index.html").write_text("<p>the page</p>")
    browser = tmp_path / "browser.py"
    browser.write_text(BROWSER)
    command = [
        sys.executable,
        "-m",
        "edge_fer",
        "demo",
        "--view",
        str(tmp_path),
        "--max-frames",
        "3",
        "--camera",
        str(carphone),
        "--set",
        "privacy.acknowledge_use=research",
    ]
    ran = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "BROWSER": f"{sys.executable} {browser} %s"},
    )
    assert (0, "") == (ran.returncode, ran.stderr)
    assert "101 <p>the page</p>" == Path(f"{browser}.seen").read_text()
