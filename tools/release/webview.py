"""The live web view as the package brings it: served in its system, and given an event."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import urllib.error
import urllib.request

from tools.release import ReleaseError
from tools.release.roots import Root

PLACE = "/usr/share/edge-fer/dashboard"
PORT = 18080
PARSE = "\nprocess.stdout.write(JSON.stringify(parse('event', {event})));\n"
"""Goes behind the page's own parse.js."""


def show(root: Root, event: str) -> str:
    """Serve the page as documented; return what its own code makes of an event's JSON.

    Raises:
        ReleaseError: the page is not served or refuses the event; or node is missing.
    """
    node = shutil.which("node")
    if node is None:
        raise ReleaseError("node: not found: it runs the web view's code (apt install nodejs)")
    serve = root.command("python3", "-m", "http.server", str(PORT), "-b", "127.0.0.1", "-d", PLACE)
    with subprocess.Popen(serve, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            _get("index.html")
            script = _get("parse.js") + PARSE.format(event=json.dumps(event))
        finally:
            server.terminate()
    done = subprocess.run(
        [node, "--input-type=module"], input=script, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ReleaseError(f"the web view refuses the event: {done.stderr[-300:]}")
    return done.stdout


def _get(name: str, tries: int = 100) -> str:
    address = f"http://127.0.0.1:{PORT}/{name}"
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
