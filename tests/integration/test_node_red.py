"""A real Node-RED runs deploy/node-red/flow.json with the real daemon."""

import contextlib
import json
import queue
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt import publish

from edge_fer.config.broker_url import parse_broker
from edge_fer.mqtt.connection import subscribe
from tests.support.broker import Mosquitto
from tests.support.daemon import daemon
from tests.support.long_runs import Record
from tests.support.media import CACHE, ROOT
from tests.support.ports import free_port
from tests.support.wait import wait_until

VERSION = "4.1.15"
PROGRAM = CACHE / "nodered" / "node_modules" / "node-red" / "red.js"
FLOW = ROOT / "deploy" / "node-red" / "flow.json"
PATIENCE_S = 90.0
SURE = 0.6
"""The flow's minimum confidence."""
EVENTS = 8
"""Events to wait for; the clip makes about five in each round."""


class NodeRed:
    """A Node-RED with the flow, changed only in the broker's port and to print what it shows."""

    def __init__(self, folder: Path, broker_port: int) -> None:
        self._port = free_port()
        flow = json.loads(FLOW.read_text())
        for node in flow:
            if node["type"] == "mqtt-broker":
                node["port"] = str(broker_port)
            if node["type"] == "debug":
                node["console"] = True
        folder.mkdir()
        (folder / "flows.json").write_text(json.dumps(flow))
        (folder / "settings.js").write_text(
            f"module.exports = {{uiHost: '127.0.0.1', uiPort: {self._port}, "
            "flowFile: 'flows.json', telemetry: {enabled: false}};\n"
        )
        self._folder = folder

    @contextlib.contextmanager
    def running(self) -> "Iterator[NodeRed]":
        """Run it; it is connected to the broker at the start of the context."""
        with (self._folder / "out").open("wb") as out:
            command = ["node", str(PROGRAM), "--userDir", str(self._folder)]
            process = subprocess.Popen(command, stdout=out, stderr=out)
        try:
            wait_until(lambda: "Connected to broker" in self.output(), "connected", PATIENCE_S)
            yield self
        finally:
            process.terminate()
            process.wait()

    def output(self) -> str:
        return (self._folder / "out").read_text(errors="replace")

    def shown(self, name: str) -> list[str]:
        """Return what the debug node of that name has shown."""
        mark = f"[debug:{name}]"
        lines = self.output().splitlines()
        return [line.partition(mark)[2].strip() for line in lines if mark in line]

    def press(self, node: str) -> None:
        """Press the button of an inject node."""
        url = f"http://127.0.0.1:{self._port}/inject/{node}"
        urllib.request.urlopen(urllib.request.Request(url, b""), timeout=10).close()


@pytest.fixture(scope="module")
def installed() -> None:
    """Install Node-RED from npm into the cache, if it is not there yet."""
    npm = shutil.which("npm")
    if PROGRAM.is_file():
        return
    if npm is None:
        pytest.skip("npm is not installed; it downloads Node-RED (apt install npm)")
    folder = CACHE / "nodered"
    folder.mkdir(parents=True, exist_ok=True)
    command = [npm, "install", "--no-audit", "--no-fund", f"node-red@{VERSION}"]
    subprocess.run([*command, "--prefix", str(folder)], check=True)


@pytest.mark.integration
@pytest.mark.usefixtures("installed", "landmarks")
def test_the_flow_shows_what_its_filter_passes_and_switches_the_camera(
    broker: Mosquitto, carphone: Path, tmp_path: Path, record: Record
) -> None:
    red = NodeRed(tmp_path / "node-red", broker.port)
    with (
        red.running(),
        subscribe(parse_broker(broker.url), ["edge-fer/porch/event"]) as inbox,
        daemon(broker.url, f"loop:{carphone}", {"device.name": "porch"}) as running,
    ):
        events = [json.loads(inbox.get(timeout=PATIENCE_S).payload) for _ in range(EVENTS)]
        # With the camera closed there are no more events; every track ends.
        red.press("edgefer-off")
        running.wait_for(lambda: not running.has_open(carphone), "the clip closed", PATIENCE_S)
        publish.single("edge-fer/porch/event", json.dumps(events[-1]), 1, port=broker.port)
        events += rest(inbox)
        # One of the events was sent twice, and must be shown once.
        unique = {event["id"]: event for event in events}
        assert len(unique) + 1 == len(events)
        expected = [text(event) for event in unique.values() if passes(event)]
        wait_until(lambda: len(red.shown("expression")) >= len(expected), "all events", PATIENCE_S)
        time.sleep(1)
        assert expected == red.shown("expression")
        red.press("edgefer-on")
        running.wait_for(lambda: running.has_open(carphone), "the clip open", PATIENCE_S)
        assert ["edge-fer/porch/status: online"] == red.shown("status")[:1]
    rows: dict[str, object] = {
        "events of the daemon, one of them sent twice": len(events),
        "shown, exactly those that pass the filter": len(expected),
        "the first one": expected[0],
        "button *close the camera*, then *open it*": "the clip closed, then open",
    }
    result = f"all of it, on Node-RED {VERSION}"
    record("node-red", result, [{"what": what, "seen": seen} for what, seen in rows.items()])


def rest(inbox: Any) -> list[dict[str, Any]]:
    found = []
    with contextlib.suppress(queue.Empty):
        while True:
            found.append(json.loads(inbox.get(timeout=2).payload))
    return found


def passes(event: dict[str, Any]) -> bool:
    sure = event["emotion"] != "uncertain" and event["confidence"] >= SURE
    return bool(sure and event["phase"] != "end")


def text(event: dict[str, Any]) -> str:
    return f"porch: {event['emotion']} {round(100 * event['confidence'])} %"
