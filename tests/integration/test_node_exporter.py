"""A real node_exporter and a real Prometheus read the metrics file of the real daemon."""

import contextlib
import fnmatch
import json
import os
import queue
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from prometheus_client.parser import text_string_to_metric_families

from edge_fer.config.broker_url import parse_broker
from edge_fer.daemon.prometheus import Textfile
from edge_fer.mqtt.connection import subscribe
from edge_fer.mqtt.data_inventory import NUMBERS
from tests.integration.prometheus_server import (
    PATIENCE_S,
    Prometheus,
    fetch,
    lint,
    node_exporter,
    prometheus,
    unpack,
    version,
)
from tests.support.broker import Mosquitto
from tests.support.clips import write_folder
from tests.support.daemon import daemon
from tests.support.long_runs import Record
from tests.support.ports import free_port
from tests.support.rtsp import needs_server, serving
from tests.support.wait import wait_until

FILE = "edge-fer.prom"
FRAMES = 20
"""Frames before anything is compared."""
PICTURES = 200
LINT = ("metric names should not contain abbreviated units", 'should have "_total" suffix')
"""Known complaints of promtool: the names are those of the JSON on `stats`."""
BOUNDS: Mapping[str, tuple[float, float]] = {
    "frames": (FRAMES, 1e6),
    "fps": (0.1, 60),
    "frame_p50_ms": (0, 1e4),
    "frame_p95_ms": (1, 1e4),
    "events": (0, 1e5),
    "connects": (1, 1),
    "camera_losses": (0, 0),
    "dropped_full": (0, 0),
    "load": (0, 20),
    "rss_mb": (50, 512),
    "uptime_s": (1, 3600),
    "temperature_c": (-20, 120),
}
"""Plausible values of a daemon that has run for about a minute on a clip."""
SENSORS = {"temperature_c", "throttled"}
"""Not on every board."""
STALE_S = 5
"""Age of the file that shows that the daemon has ended; it writes every second."""

Numbers = dict[str, float]


def wait_for(reached: Any, what: str) -> Any:
    return wait_until(reached, what, PATIENCE_S, 0.1)


@pytest.fixture
def camera(carphone: Path, tmp_path: Path) -> Iterator[str]:
    """Show the clip on a network camera; only a live camera has all numbers."""
    video, port = cv2.VideoCapture(str(carphone)), free_port()
    frames: list[NDArray[np.uint8]] = []
    while len(frames) < PICTURES and (picture := video.read()[1]) is not None:
        frames.append(picture.astype(np.uint8))
    with serving(write_folder(tmp_path / "film", frames), port):
        yield f"rtsp://127.0.0.1:{port}/faces"


def numbers_of(address: str, device: str = "porch") -> Numbers:
    """Return the device's numbers at node_exporter, without their prefix."""
    families = text_string_to_metric_families(fetch(f"http://{address}/metrics"))
    return {
        sample.name.removeprefix("edge_fer_").removesuffix("_total"): sample.value
        for family in families
        for sample in family.samples
        if sample.labels.get("device") == device
    }


def scrape_error(address: str) -> float:
    lines = fetch(f"http://{address}/metrics").splitlines()
    name = "node_textfile_scrape_error "
    return float(next(line for line in lines if line.startswith(name)).split()[1])


@needs_server
@pytest.mark.integration
@pytest.mark.usefixtures("landmarks")
def test_node_exporter_and_prometheus_read_every_number(
    broker: Mosquitto, camera: str, tmp_path: Path, record: Record
) -> None:
    unpack()
    files, data = tmp_path / "textfile", tmp_path / "prometheus"
    files.mkdir()
    data.mkdir()
    settings = {
        "device.name": "porch",
        "log.level": "error",
        "camera.timeout_s": 30,
        "mqtt.outbox": tmp_path / "outbox",
        "stats.textfile": files / FILE,
    }
    seen: dict[str, object] = {}
    with (
        daemon(broker.url, camera, settings) as running,
        subscribe(parse_broker(broker.url), ["edge-fer/porch/stats"]) as inbox,
        node_exporter(files) as address,
        prometheus(data, address) as server,
    ):
        wait_for(lambda: numbers_of(address).get("frames", 0) >= FRAMES, "frames in the numbers")
        seen |= check_numbers(address, inbox)
        check_second_device(address, files)
        seen |= check_queries(server, address)
        running.kill()
        check_end(server, address)
        (files / "damaged.prom").write_text('edge_fer_fps{device="porch} 1\n')
        assert 1 == scrape_error(address)
    result = (
        f"every check, with node_exporter {version('prometheus-node-exporter')} and Prometheus "
        f"{version('prometheus')} and a load average of {os.getloadavg()[0]:.0f} on "
        f"{os.cpu_count()} processors"
    )
    record("metrics", result, [{"what": what, "seen": value} for what, value in seen.items()])


def check_numbers(address: str, inbox: Any) -> dict[str, object]:
    """Compare what node_exporter has with `stats`, with the list of numbers and with bounds."""
    numbers = matched(address, inbox)
    assert {name for name in NUMBERS if not fnmatch.filter(numbers, name)} <= SENSORS
    assert [] == [n for n in numbers if not any(fnmatch.fnmatch(n, name) for name in NUMBERS)]
    assert {} == {name: value for name, value in numbers.items() if not plausible(name, value)}
    assert 0 == scrape_error(address)
    lines = fetch(f"http://{address}/metrics").splitlines()
    own = "\n".join(line for line in lines if "edge_fer_" in line) + "\n"
    assert [] == [line for line in lint(own) if not any(known in line for known in LINT)]
    shown = ("fps", "frame_p95_ms", "frames", "events", "rss_mb")
    return {
        "numbers scraped, each equal to that of a message on stats": len(numbers),
        ", ".join(shown): ", ".join(f"{numbers[name]:g}" for name in shown),
    }


def matched(address: str, inbox: Any) -> Numbers:
    """Return a scrape that equals a message on `stats`."""
    told: list[Numbers] = []

    def equal() -> Numbers:
        with contextlib.suppress(queue.Empty):
            while True:
                told.append(plain(json.loads(inbox.get_nowait().payload)))
        now = numbers_of(address)
        return now if now in told else {}

    found: Numbers = wait_for(equal, "a scrape that equals a message on stats")
    return found


def plain(message: Mapping[str, Any]) -> Numbers:
    return {
        name: float(value)
        for name, value in message.items()
        if isinstance(value, int | float) and name != "schema"
    }


def plausible(name: str, value: float) -> bool:
    low, high = BOUNDS.get(name, (0.0, 1e9))
    return low <= value <= high


def check_second_device(address: str, files: Path) -> None:
    """Put the file of another device beside it, as each instance of the unit has its own."""
    numbers = {name: 2 * value for name, value in numbers_of(address).items()}
    Textfile().write(str(files / "hall.prom"), numbers, "hall")
    assert numbers == numbers_of(address, "hall")
    assert 0 == scrape_error(address)


def check_queries(server: Prometheus, address: str) -> dict[str, object]:
    rate = 'rate(edge_fer_frames{device="porch"}[10s])'
    losses = 'increase(edge_fer_camera_losses{device="porch"}[1d])'
    found = wait_for(lambda: server.number(rate), "a rate of frames")
    wait_for(lambda: server.number(losses) is not None, losses)
    assert 0 == server.number(losses)
    assert 1 == server.number("up")
    count = server.number('count({__name__=~"edge_fer_.+",device="porch"})')
    assert len(numbers_of(address)) == count
    return {"Prometheus: rate(edge_fer_frames[10s]), frames/s": f"{found:.1f}"}


def check_end(server: Prometheus, address: str) -> None:
    """After SIGKILL the file stays, and its age shows that."""
    last = numbers_of(address)
    query = f'time() - node_textfile_mtime_seconds{{file=~".*/{FILE}"}} > {STALE_S}'
    wait_for(lambda: server.query(query), "the file's age in Prometheus")
    assert numbers_of(address) == last != {}
