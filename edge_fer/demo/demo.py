"""Run a private broker, the daemon as a child process, and a server of the web view."""

import functools
import http.server
import json
import os
import queue
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from edge_fer.config.broker_url import parse_broker
from edge_fer.errors import BrokerError, DataError
from edge_fer.mqtt.connection import subscribe

START_S = 10.0
"""Longest wait for the broker's port."""

PACKAGED_VIEW = Path("/usr/share/edge-fer/dashboard")
CHECKOUT_VIEW = Path(__file__).resolve().parents[2] / "dist" / "dashboard"


class PrivateBroker:
    """A mosquitto on a free local port, which stops when the context ends.

    Raises:
        BrokerError: mosquitto is not installed or does not start.
    """

    def __enter__(self) -> "PrivateBroker":
        program = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        if program is None:
            raise BrokerError("mosquitto is not installed: sudo apt-get install mosquitto")
        self._folder = tempfile.TemporaryDirectory(prefix="edge-fer-broker-")
        port, web = _free_port(), _free_port()
        self.url = f"mqtt://127.0.0.1:{port}"
        self.websocket = f"ws://127.0.0.1:{web}"
        config = Path(self._folder.name) / "mosquitto.conf"
        config.write_text(
            f"listener {port} 127.0.0.1\nlistener {web} 127.0.0.1\nprotocol websockets\n"
            "allow_anonymous true\npersistence false\n"
        )
        self._process = subprocess.Popen(
            [program, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._wait(port)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()
        self._folder.cleanup()

    def _wait(self, port: int) -> None:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self._process.poll() is None:
            with socket.socket() as caller:
                if caller.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.02)
        self.__exit__()
        raise BrokerError(f"mosquitto does not start on 127.0.0.1:{port}")


def run_daemon(
    url: str, options: Sequence[str], show: Callable[[dict[str, Any]], None]
) -> tuple[int, list[dict[str, Any]]]:
    """Run ``edge-fer run`` against the broker; call ``show`` with each event as it arrives.

    Returns the daemon's exit code and all events.
    """
    events: list[dict[str, Any]] = []
    with subscribe(parse_broker(url), ["+/+/event", "+/+/status"]) as inbox:
        daemon = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "edge_fer",
                "run",
                *options,
                "--mqtt",
                url,
                "--set",
                "log.level=warning",
                # The outbox on disk belongs to the daemon of this machine.
                "--set",
                "mqtt.outbox=memory",
            ],
        )
        try:
            _follow(daemon, inbox, events, show)
        except KeyboardInterrupt:
            daemon.terminate()
        return daemon.wait(), events


def _follow(
    daemon: "subprocess.Popen[bytes]",
    inbox: Any,
    events: list[dict[str, Any]],
    show: Callable[[dict[str, Any]], None],
) -> None:
    """Read events until the daemon publishes that it stopped, or its process ends."""
    while True:
        try:
            message = inbox.get(timeout=0.5)
        except queue.Empty:
            if daemon.poll() is not None:
                return
            continue
        content = json.loads(message.payload)
        if message.topic.endswith("/event"):
            events.append(content)
            show(content)
        elif content["state"] == "stopped":
            return


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def view_folder(given: str = "") -> Path:
    """Return the folder of the web view: ``given``, else the package's, else the checkout's.

    Raises:
        DataError: no such folder holds it.
    """
    places = [Path(given)] if given else [PACKAGED_VIEW, CHECKOUT_VIEW]
    for place in places:
        if (place / "index.html").is_file():
            return place
    raise DataError(
        f"--view: {places[-1]}: must be the folder of the live web view; make dashboard makes it"
    )


class ViewServer:
    """Serve a folder on a free local port while the context lasts."""

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
        """Return the page's URL, which names the broker's WebSocket."""
        return f"http://127.0.0.1:{self._server.server_port}/#broker={websocket}"


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Print nothing: the terminal shows the events."""
