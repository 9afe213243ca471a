"""Runs the daemon, a real node_exporter on its file and a real Prometheus; keeps what was seen.

    python -m tools.metrics

The first time it takes both from Debian's archive into .cache; nothing is installed.
"""

from __future__ import annotations

import contextlib
import fnmatch
import json
import os
import queue
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from edge_fer.config.broker_url import parse_broker
from edge_fer.daemon.prometheus import Textfile
from edge_fer.demo.demo import PrivateBroker
from edge_fer.mqtt.connection import subscribe
from edge_fer.mqtt.data_inventory import NUMBERS
from tools.metrics.device import camera, daemon
from tools.metrics.servers import (
    MetricsError,
    Prometheus,
    fetch,
    lint,
    node_exporter,
    prepare,
    prometheus,
    until,
    version,
)
from tools.proofs import Proof, save

FILE = "edge-fer.prom"
FRAMES = 20
"""To have been looked at before anything is compared."""
LINT = "metric names should not contain abbreviated units"
"""Ours are those of the JSON on stats."""
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
"""Between which a number is believed, of a daemon that has run for a minute or so on a clip."""
SENSORS = {"temperature_c", "throttled"}
"""Not on every board."""
STALE_S = 5
"""Age at which a file is known to be one of a daemon that ended; it writes every second."""

Row = dict[str, str | int | float]
Numbers = dict[str, float]


def main() -> int:
    """Show and record; 1 where something is not as it must be."""
    try:
        prepare()
        with PrivateBroker() as broker, tempfile.TemporaryDirectory() as folder:
            rows = _trial(broker.url, Path(folder))
    except MetricsError as error:
        print(f"metrics: {error}", file=sys.stderr)
        return 1
    for row in rows:
        print(f"{row['holds']:3}  {row['what']}: {row['seen']}")
    save("metrics", _proof(rows))
    return int(any(row["holds"] == "no" for row in rows))


def _trial(url: str, folder: Path) -> list[Row]:
    files, books = folder / "textfile", folder / "prometheus"
    files.mkdir()
    books.mkdir()
    with (
        camera(folder) as source,
        daemon(
            url, source, f"mqtt.outbox={folder / 'outbox'}", f"stats.textfile={files / FILE}"
        ) as process,
        subscribe(parse_broker(url), ["edge-fer/porch/stats"]) as inbox,
        node_exporter(files) as address,
        prometheus(books, address) as server,
    ):
        until(lambda: scraped(address).get("frames", 0) >= FRAMES, "frames in the numbers")
        rows = _exported(address, inbox)
        rows.append(_beside(address, files))
        rows += _asked(server, address)
        process.kill()
        rows += _ended(server, address)
        rows.append(_damaged(address, files))
    return rows


def row(what: str, seen: object, *, holds: bool) -> Row:
    """One line of the record."""
    return {"what": what, "seen": str(seen), "holds": "yes" if holds else "no"}


def _exported(address: str, inbox: Any) -> list[Row]:
    """What node_exporter makes of the file, against the messages on `stats`."""
    numbers = _matched(address, inbox)
    missing = {name for name in NUMBERS if not fnmatch.filter(numbers, name)}
    unlisted = {n for n in numbers if not any(fnmatch.fnmatch(n, name) for name in NUMBERS)}
    strange = {n: v for n, v in numbers.items() if not _is_sane(n, v)}
    text = fetch(f"http://{address}/metrics")
    own = "\n".join(line for line in text.splitlines() if "edge_fer_" in line) + "\n"
    said = [line for line in lint(own).splitlines() if LINT not in line]
    error = plain(text, "node_textfile_scrape_error")
    return [
        row("node_textfile_scrape_error", error, holds=error == 0),
        row("numbers scraped, each equal to that of a message on stats", len(numbers), holds=True),
        row(
            "documented in docs/reference/leaves.json and not there",
            ", ".join(sorted(missing)) or "none",
            holds=missing <= SENSORS,
        ),
        row("there and not documented", ", ".join(sorted(unlisted)) or "none", holds=not unlisted),
        row(
            "fps, frame_p95_ms, frames, events, rss_mb",
            ", ".join(
                f"{numbers[n]:g}" for n in ("fps", "frame_p95_ms", "frames", "events", "rss_mb")
            ),
            holds=not strange,
        ),
        row("numbers beyond their bounds", strange or "none", holds=not strange),
        row(
            f"promtool check metrics: beside '{LINT}'", ", ".join(said) or "nothing", holds=not said
        ),
    ]


def _matched(address: str, inbox: Any) -> Numbers:
    """A scrape, once one is the same as a message on `stats`."""
    told: list[Numbers] = []
    found: list[Numbers] = []

    def look() -> bool:
        with contextlib.suppress(queue.Empty):
            while True:
                told.append(_plain(json.loads(inbox.get_nowait().payload)))
        now = scraped(address)
        found.extend([now] if now in told else [])
        return bool(found)

    until(look, "a scrape that equals a message on stats")
    return found[0]


def _asked(server: Prometheus, address: str) -> list[Row]:
    """What Prometheus answers."""
    count = len(scraped(address))
    until(lambda: server.number('rate(edge_fer_frames{device="porch"}[10s])'), "a rate")
    names = server.number('count({__name__=~"edge_fer_.+",device="porch"})')
    rate = server.number('rate(edge_fer_frames{device="porch"}[10s])') or 0.0
    lost = 'increase(edge_fer_camera_losses{device="porch"}[1d])'
    until(lambda: server.number(lost) is not None, lost)
    losses = server.number(lost)
    up = server.number("up")
    return [
        row("Prometheus: up", up, holds=up == 1),
        row("Prometheus: edge_fer_* of device porch", names, holds=names == count),
        row("Prometheus: rate(edge_fer_frames[10s]), frames/s", f"{rate:.1f}", holds=rate > 0),
        row(f"Prometheus: {lost}", f"{losses or 0:g}", holds=losses == 0),
    ]


def _ended(server: Prometheus, address: str) -> list[Row]:
    """After SIGKILL the file stays, and its age tells."""
    last = scraped(address)
    query = f'time() - node_textfile_mtime_seconds{{file=~".*/{FILE}"}} > {STALE_S}'
    until(lambda: server.ask(query), "the file's age in Prometheus")
    return [
        row("after SIGKILL: the numbers stay", len(last), holds=scraped(address) == last != {}),
        row(
            f"after SIGKILL: time() - node_textfile_mtime_seconds > {STALE_S}",
            "found",
            holds=bool(server.ask(query)),
        ),
    ]


def _beside(address: str, files: Path) -> Row:
    """The file of another device, as each instance of the templated unit has its own."""
    numbers = {name: 2 * value for name, value in scraped(address).items()}
    Textfile().write(str(files / "hall.prom"), numbers, "hall")
    found = scraped(address, "hall")
    error = plain(fetch(f"http://{address}/metrics"), "node_textfile_scrape_error")
    return row(
        "a second device's file beside it: its numbers, node_textfile_scrape_error",
        f"{len(found)}, {error}",
        holds=found == numbers and error == 0,
    )


def _damaged(address: str, files: Path) -> Row:
    """That the error's number is one where a file is no good."""
    (files / "damaged.prom").write_text('edge_fer_fps{device="porch} 1\n')
    error = plain(fetch(f"http://{address}/metrics"), "node_textfile_scrape_error")
    return row("node_textfile_scrape_error beside a damaged file", error, holds=error == 1)


def scraped(address: str, device: str = "porch") -> Numbers:
    """The numbers of a device at node_exporter, without their prefix."""
    families = text_string_to_metric_families(fetch(f"http://{address}/metrics"))
    return {
        sample.name.removeprefix("edge_fer_").removesuffix("_total"): sample.value
        for family in families
        for sample in family.samples
        if sample.labels.get("device") == device
    }


def plain(text: str, name: str) -> float:
    """The value of a metric without labels."""
    return float(next(line for line in text.splitlines() if line.startswith(f"{name} ")).split()[1])


def _plain(message: Mapping[str, Any]) -> Numbers:
    return {
        name: float(value)
        for name, value in message.items()
        if isinstance(value, int | float) and name != "schema"
    }


def _is_sane(name: str, value: float) -> bool:
    low, high = BOUNDS.get(name, (0.0, 1e9))
    return low <= value <= high


def _proof(rows: list[Row]) -> Proof:
    good = all(one["holds"] == "yes" for one in rows)
    exporter, server = version("prometheus-node-exporter"), version("prometheus")
    return Proof(
        title="Prometheus reads the numbers",
        floor="node_exporter takes the file without an error",
        aim="each number equals that on stats, and Prometheus answers queries on them",
        reached=f"{sum(one['holds'] == 'yes' for one in rows)} of {len(rows)}",
        verdict="aim" if good else "below the floor",
        command="make metrics",
        note="The real daemon writes stats.textfile every second, on a network camera "
        "(GStreamer's RTSP server) that shows a clip again and again; Debian 12's node_exporter "
        f"{exporter} reads it, and its Prometheus {server} scrapes that, all on this machine. "
        f"Its load average was {os.getloadavg()[0]:.0f} on {os.cpu_count()} processors at the end, "
        "which fps and milliseconds are to be read with. Telegraf and Grafana were not run.",
        rows=tuple(rows),
    )


if __name__ == "__main__":
    sys.exit(main())
