"""Walk docs/start/first-event.md in a minimal system: from nothing to an event on the web view."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from release import ROOT, ReleaseError

from tests.integration.debian.broker import mosquitto
from tests.integration.debian.webview import visitor
from tests.support.chroot import Root

CLIP = ROOT / ".cache" / "carphone_pristine.mp4"
CONFIG = "/etc/edge-fer/edge-fer.toml"

ANSWERS = """\
[privacy]
acknowledge_use = "research"
[camera]
source = "file:/tmp/clip.mp4"
[vision]
min_face_px = 40
[mqtt]
brokers = ["mqtt://127.0.0.1:{port}"]
outbox = "/var/lib/edge-fer"
"""

Row = dict[str, str | int | float]


def timed(step: str, what: Callable[[], str], holds: Callable[[str], bool]) -> Row:
    """Do a step; how long it took, and whether what it returned is as it should be."""
    start = time.monotonic()
    text = what()
    return {
        "step": step,
        "seconds": round(time.monotonic() - start, 1),
        "holds": "yes" if holds(text) else "no",
    }


def first_event(root: Root, deb: Path) -> tuple[list[Row], float]:
    """Walk it; the steps, and the seconds until the event was seen.

    Raises:
        ReleaseError: a step failed.
    """
    root.put(deb, "/tmp/edge-fer.deb")
    root.put(CLIP, "/tmp/clip.mp4")
    rows = [
        timed("apt-get update", lambda: root.apt("update"), bool),
        timed(
            "apt-get install ./edge-fer.deb mosquitto mosquitto-clients, with what they need",
            lambda: root.apt("install", "/tmp/edge-fer.deb", "mosquitto", "mosquitto-clients"),
            lambda text: "next: sudo edge-fer setup" in text,
        ),
    ]
    with mosquitto(root) as (port, websockets):
        (root.folder / "tmp/answers.toml").write_text(ANSWERS.format(port=port))
        rows.append(
            timed(
                "edge-fer setup --from answers.toml: camera and broker tried",
                lambda: root.run("edge-fer", "setup", "--from", "/tmp/answers.toml"),
                lambda text: ": connected" in text and f"written: {CONFIG}" in text,
            )
        )
        rows += _watched(root, port, websockets)
        seconds = sum(float(row["seconds"]) for row in rows)
        rows.append(
            timed(
                "edge-fer check --report",
                lambda: root.run("edge-fer", "check", "--report"),
                lambda text: "| error |" not in text and "| model | ok |" in text,
            )
        )
    return rows, seconds


def _watched(root: Root, port: int, websockets: int) -> list[Row]:
    """Open the page, run the daemon, find its event there."""
    events = []

    def run() -> str:
        events.append(_event(root, port))
        return events[0]

    with visitor(root, websockets) as guest:
        name = guest.name
        return [
            timed(f"the package's page, served there, is open in {name}", guest.arrive, bool),
            timed(
                "edge-fer run: the first event at a subscriber",
                run,
                lambda text: '"emotion"' in text,
            ),
            timed(f"that event, found on the page by {name}", lambda: guest.see(events[0]), bool),
        ]


def _event(root: Root, port: int) -> str:
    """Run the daemon until a subscriber has an event; return that.

    Raises:
        ReleaseError: the daemon ended without one.
    """
    # By number: a bare chroot knows no localhost.
    server = ["-h", "127.0.0.1", "-p", str(port)]
    wait = ["mosquitto_sub", *server, "-t", "edge-fer/+/event", "-C", "1", "-W", "900"]
    log = root.folder / "tmp/run.log"
    with (
        log.open("w") as errors,
        subprocess.Popen(root.command(*wait), stdout=subprocess.PIPE, text=True) as subscriber,
        subprocess.Popen(root.command("edge-fer", "run"), stderr=errors) as daemon,
    ):
        while subscriber.poll() is None and daemon.poll() is None:
            time.sleep(0.1)
        daemon.terminate()
        daemon.wait()
        with contextlib.suppress(subprocess.TimeoutExpired):
            subscriber.wait(5)
        subscriber.terminate()
        text, _ = subscriber.communicate()
    if not text:
        raise ReleaseError(f"edge-fer run: no event: {log.read_text()[-500:]}")
    return text
