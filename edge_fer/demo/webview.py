"""The live web view's files, served to a browser on this machine for the demo."""

import functools
import http.server
import threading
from pathlib import Path

from edge_fer.errors import DataError

PACKAGED = Path("/usr/share/edge-fer/dashboard")
CHECKOUT = Path(__file__).resolve().parents[2] / "dist" / "dashboard"


def view_folder(given: str = "") -> Path:
    """The folder of the web view: ``given``, else the package's, else the checkout's.

    Raises:
        DataError: it is in none of them.
    """
    places = [Path(given)] if given else [PACKAGED, CHECKOUT]
    for place in places:
        if (place / "index.html").is_file():
            return place
    raise DataError(
        f"--view: {places[-1]}: must be the folder of the live web view; make dashboard makes it"
    )


class ViewServer:
    """Serves a folder on a free port of this machine alone, while entered."""

    def __init__(self, folder: Path) -> None:
        handler = functools.partial(_Quiet, directory=str(folder))
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> "ViewServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def address(self, websocket: str) -> str:
        """The page's address, which tells it where the broker is."""
        return f"http://127.0.0.1:{self._server.server_port}/#broker={websocket}"


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the terminal is for the events."""
