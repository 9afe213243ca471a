"""Runs the flow in a real Node-RED against the real daemon, and keeps what was seen.

    python -m tools.nodered

The first time it takes Node-RED from npm into .cache.
"""

from __future__ import annotations

import contextlib
import json
import queue
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from paho.mqtt import publish

from edge_fer.config.broker_url import parse_broker
from edge_fer.demo.demo import PrivateBroker
from edge_fer.mqtt.connection import subscribe
from tools.daemon import ROOT, Daemon
from tools.ports import free_port
from tools.proofs import Proof, save

VERSION = "4.1.15"
CACHE = ROOT / ".cache" / "nodered"
FLOW = ROOT / "deploy" / "node-red" / "flow.json"
PATIENCE_S = 90.0
SURE = 0.6
"""The flow's own bound."""
EVENTS = 8
"""To wait for; the clip gives five or so in each round."""


class FlowError(Exception):
    """Something is missing, or was not as it must be."""


class NodeRed:
    """A Node-RED with our flow; the broker's port is its only change, and that it also prints."""

    def __init__(self, folder: Path, broker_port: int) -> None:
        self._port = free_port()
        flow = json.loads(FLOW.read_text())
        for node in flow:
            if node["type"] == "mqtt-broker":
                node["port"] = str(broker_port)
            if node["type"] == "debug":
                node["console"] = True
        (folder / "flows.json").write_text(json.dumps(flow))
        (folder / "settings.js").write_text(
            f"module.exports = {{uiHost: '127.0.0.1', uiPort: {self._port}, "
            "flowFile: 'flows.json', telemetry: {enabled: false}};\n"
        )
        self._folder = folder

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """From when it listens to the broker."""
        program = CACHE / "node_modules" / "node-red" / "red.js"
        with (self._folder / "out").open("wb") as out:
            command = ["node", str(program), "--userDir", str(self._folder)]
            process = subprocess.Popen(command, stdout=out, stderr=out)
        try:
            until(lambda: "Connected to broker" in self.output(), "Node-RED at the broker")
            yield
        finally:
            process.terminate()
            process.wait()

    def output(self) -> str:
        """All that it has printed."""
        return (self._folder / "out").read_text(errors="replace")

    def shown(self, name: str) -> list[str]:
        """What the debug node of that name has shown."""
        lines = self.output().splitlines()
        return [
            line.partition(f"[debug:{name}]")[2].strip()
            for line in lines
            if f"[debug:{name}]" in line
        ]

    def press(self, node: str) -> None:
        """Press the button of an inject node."""
        url = f"http://127.0.0.1:{self._port}/inject/{node}"
        urllib.request.urlopen(urllib.request.Request(url, b""), timeout=10).close()


def until(reached: Callable[[], bool], what: str) -> None:
    """Wait for it.

    Raises:
        FlowError: it did not come.
    """
    deadline = time.monotonic() + PATIENCE_S
    while not reached():
        if time.monotonic() > deadline:
            raise FlowError(f"never {what}")
        time.sleep(0.1)


def prepare() -> None:
    """Take it from npm, where it is not there yet.

    Raises:
        FlowError: npm is missing or fails.
    """
    if (CACHE / "node_modules" / "node-red" / "red.js").is_file():
        return
    npm = shutil.which("npm")
    if npm is None:
        raise FlowError("npm: not found: it brings Node-RED (apt install npm)")
    CACHE.mkdir(parents=True, exist_ok=True)
    command = [npm, "install", "--no-audit", "--no-fund", f"node-red@{VERSION}"]
    if subprocess.run([*command, "--prefix", str(CACHE)], check=False).returncode:
        raise FlowError(f"npm install node-red@{VERSION} fails")


def main() -> int:
    """Do it; exit code 1 and a line where something is not as it must be."""
    try:
        prepare()
        with PrivateBroker() as broker, tempfile.TemporaryDirectory() as folder:
            rows = _trial(broker.url, NodeRed(Path(folder), int(broker.url.rpartition(":")[2])))
    except FlowError as error:
        print(f"nodered: {error}", file=sys.stderr)
        return 1
    save("node-red", _proof(rows))
    return 0


def _trial(url: str, red: NodeRed) -> list[dict[str, str | int | float]]:
    daemon = Daemon(url, "porch")
    events: list[dict[str, Any]] = []
    try:
        with red.running(), subscribe(parse_broker(url), ["edge-fer/porch/event"]) as inbox:
            daemon.start()
            while len(events) < EVENTS:
                events.append(json.loads(_next(inbox).payload))
            last = json.dumps(events[-1])
            # The camera is closed so that the numbers hold still; whoever was there ends.
            red.press("edgefer-off")
            until(lambda: not daemon.films(), "the clip closed")
            publish.single("edge-fer/porch/event", last, 1, port=int(url.rpartition(":")[2]))
            events += _rest(inbox)
            expected = [_text(event) for event in events[:-1] if _passes(event)]
            until(lambda: len(red.shown("expression")) >= len(expected), "all events")
            time.sleep(1)
            if (found := red.shown("expression")) != expected:
                raise FlowError(f"shows {found}, must show {expected}")
            red.press("edgefer-on")
            until(daemon.films, "the clip open")
            alive = red.shown("status")
    finally:
        daemon.end()
    rows: list[dict[str, str | int | float]] = [
        {"what": "events of the daemon, one of them sent twice", "seen": len(events)},
        {"what": "shown, exactly those that pass the filter", "seen": len(expected)},
        {"what": "the first one", "seen": expected[0]},
        {"what": "status", "seen": alive[0]},
        {"what": "button *close the camera*, then *open it*", "seen": "the clip closed, then open"},
    ]
    for row in rows:
        print(f"{row['what']}: {row['seen']}")
    return rows


def _next(inbox: Any) -> Any:
    try:
        return inbox.get(timeout=PATIENCE_S)
    except queue.Empty:
        raise FlowError("never another event") from None


def _rest(inbox: Any) -> list[dict[str, Any]]:
    found = []
    with contextlib.suppress(queue.Empty):
        while True:
            found.append(json.loads(inbox.get(timeout=2).payload))
    return found


def _passes(event: dict[str, Any]) -> bool:
    sure = event["emotion"] != "uncertain" and event["confidence"] >= SURE
    return sure and event["phase"] != "end"


def _text(event: dict[str, Any]) -> str:
    return f"porch: {event['emotion']} {round(100 * event['confidence'])} %"


def _proof(rows: list[dict[str, str | int | float]]) -> Proof:
    return Proof(
        title="Node-RED runs the flow",
        floor="the flow is taken, live events arrive",
        aim="also: exactly what its filter lets through, and its buttons switch the camera",
        reached=f"all of it, on Node-RED {VERSION}",
        verdict="aim",
        command="make node-red",
        note=f"deploy/node-red/flow.json in a real Node-RED {VERSION} from npm, with the broker's "
        "port changed and its debug nodes printing to the terminal, too; mosquitto, and the real "
        "daemon on a clip that is played again and again. Its editor was not opened in a browser.",
        rows=tuple(rows),
    )


if __name__ == "__main__":
    sys.exit(main())
