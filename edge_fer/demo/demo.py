"""A private broker and the daemon as a child process, for the demo."""

import json
import os
import queue
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from edge_fer.config.broker_url import parse_broker
from edge_fer.errors import BrokerError
from edge_fer.mqtt.subscriber import subscribe

START_S = 10.0
"""Longest wait for the broker's port."""


class PrivateBroker:
    """A mosquitto on a free port of this machine alone, gone with the context.

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
                # What a daemon on this machine keeps for its own broker is none of ours.
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
    """Read until the daemon says it has stopped, or is gone without a word."""
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
