"""How the unit starts, reloads, hangs, ends and fails; `start` is to come first."""

from __future__ import annotations

import contextlib
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.integration.systemd.environment import UNIT, Rig, frozen, until
from tests.integration.systemd.finding import Finding, same
from tests.integration.systemd.machine import NAME, Machine

LISTEN = (
    "mosquitto_sub",
    "--cafile",
    "/etc/edge-fer/ca.pem",
    "-h",
    "localhost",
    "-p",
    "8883",
    "-u",
    "dashboard",
    "-P",
    "seen",
    "-t",
    f"edge-fer/{NAME}/#",
    "-F",
    "%j",
    "-q",
    "1",
)
WATCHDOG_S = 30
STOPS_WITHIN_S = 2.0
SETTLE_S = 8.0
"""More than RestartSec, in which systemd would have started it again."""


def start(rig: Rig) -> Iterator[Finding]:
    """The first start, until an event arrives."""
    rig.control("start", "--no-block")
    # It is at the camera, and the model is there.
    until(lambda: rig.said("golden vectors") or rig.said("model "), "the model is open")
    time.sleep(3)
    before = rig.show("ActiveState")
    with listening(rig.machine, LISTEN) as heard:
        rig.fill("/srv/film/00000.png")
        until(lambda: rig.show("ActiveState") == "active", "READY")
        until(lambda: rig.show("StatusText") == "watching", "watching")
        yield same(
            "Type=notify: READY with the first frame",
            "activating, then active: watching",
            f"{before}, then {rig.show('ActiveState')}: {rig.show('StatusText')}",
        )
        until(lambda: events(heard), "an event")
        event = events(heard)[0]
    yield Finding(
        "an event reaches mosquitto: TLS, password, the shipped ACL",
        f"edge-fer/{NAME}/event, camera door",
        f"{event['topic']}, camera {event['payload']['camera']}: {event['payload']['emotion']}",
        (f"edge-fer/{NAME}/event", "door") == (event["topic"], event["payload"]["camera"]),
    )


@contextlib.contextmanager
def listening(machine: Machine, command: Sequence[str]) -> Iterator[Path]:
    """The file in which a subscriber in the container, with ``-F %j``, notes what it hears."""
    with tempfile.TemporaryDirectory() as folder, Path(folder, "heard").open("wb") as heard:
        listener = subprocess.Popen([*machine.enter, *command], stdout=heard)
        try:
            yield Path(heard.name)
        finally:
            listener.terminate()
            listener.wait()


def events(heard: Path) -> list[dict[str, Any]]:
    """The messages on `event` in it so far."""
    found = []
    for line in heard.read_text().splitlines():
        message = json.loads(line)
        if message["topic"].endswith("/event"):
            found.append({**message, "payload": json.loads(message["payload"])})
    return found


def reload(rig: Rig) -> Iterator[Finding]:
    """Good, and bad in two ways."""
    pid = rig.pid
    for what, changes, code, word in (
        (
            "good: another vision.min_face_px",
            {"vision__min_face_px": 50},
            0,
            "configuration reloaded; changed:",
        ),
        ("bad value", {"vision__min_face_px": "many"}, 1, "vision.min_face_px"),
        ("bad model", {"model__path": "/none.onnx"}, 0, "reload failed, keeping"),
    ):
        rig.configure(**changes)
        result = rig.control("reload")
        until(lambda word=word: rig.said(word), word)
        until(lambda: rig.show("StatusText").startswith("watching"), "watching")
        same_one = "the same process" if rig.pid == pid else "another process"
        yield Finding(
            f"systemctl reload, {what}",
            f"exit status {code}, the log says '{word}…'; the same process goes on: watching",
            f"exit status {result.returncode}, the log: '{rig.said(word)}'; {same_one} goes on: "
            f"{rig.show('StatusText')}",
            (result.returncode, rig.pid, rig.show("ActiveState")) == (code, pid, "active"),
        )


def hang(rig: Rig) -> Iterator[Finding]:
    """One stage, and all of it."""
    rig.fresh(camera__source="file:/srv/hang")
    until(lambda: rig.said("Main process exited"), "the end of a camera that hangs")
    until(lambda: rig.show("ActiveState") == "active", "READY")
    exited = rig.said("Main process exited").removeprefix(f"{UNIT}: ")
    yield Finding(
        "Restart: a camera that does not come back from a read",
        "status=74/IOERR, started again",
        f"'{rig.said('hangs: ')}' {exited}, {rig.show('NRestarts')} restart(s)",
        exited.endswith("status=74/IOERR") and int(rig.show("NRestarts")) > 0,
    )
    rig.fresh()
    pid = rig.pid
    rig.machine.tell("systemctl", "kill", "--signal=STOP", "--kill-whom=main", UNIT)
    until(lambda: rig.said("Watchdog timeout"), "the watchdog")
    until(lambda: rig.pid not in (0, pid), "a new process")
    until(lambda: rig.show("ActiveState") == "active", "READY")
    said = rig.said("Watchdog timeout").removeprefix(f"{UNIT}: ")
    failed = rig.said("Failed with result").removeprefix(f"{UNIT}: ")
    yield Finding(
        "WatchdogSec: the whole process stands still (SIGSTOP)",
        f"Watchdog timeout (limit {WATCHDOG_S}s), Failed with result 'watchdog', started again",
        f"{said} {failed} Started again: {rig.show('ActiveState')}",
        f"limit {WATCHDOG_S}s" in said and "'watchdog'" in failed,
    )


def stop(rig: Rig) -> Iterator[Finding]:
    """With each kind of broker."""
    for what, broker in (("answers", ""), ("hangs", "STOP"), ("is away", "stop")):
        rig.fresh()
        # Long enough for the broker's first answer, or for its absence to be told.
        time.sleep(3)
        until(lambda: rig.show("StatusText") == "watching", "watching")
        if broker == "STOP":
            with frozen(rig, "mosquitto"):
                seconds = _timed_stop(rig)
        else:
            if broker:
                rig.machine.tell("systemctl", "stop", "mosquitto")
            time.sleep(3)
            seconds = _timed_stop(rig)
        rig.machine.tell("systemctl", "start", "mosquitto")
        yield Finding(
            f"systemctl stop, the broker {what}",
            f"at most {STOPS_WITHIN_S:g} s, Result=success",
            f"{seconds:.2f} s, Result={rig.show('Result')}",
            seconds <= STOPS_WITHIN_S and rig.show("Result") == "success",
        )


def _timed_stop(rig: Rig) -> float:
    began = time.monotonic()
    rig.control("stop")
    return time.monotonic() - began


def fail(rig: Rig) -> Iterator[Finding]:
    """What a restart does not mend, and what is waited for."""
    rig.fresh(vision__min_face_px="many")
    time.sleep(SETTLE_S)
    yield same(
        "RestartPreventExitStatus: a broken configuration",
        "failed, exit status 78, 0 restarts",
        f"{rig.show('ActiveState')}, exit status {rig.show('ExecMainStatus')}, "
        f"{rig.show('NRestarts')} restarts",
    )
    rig.fresh(camera__source="v4l2:/dev/video0")
    text = rig.show("StatusText")
    yield Finding(
        "no camera: READY with the wait in the status",
        "active: camera lost, reopening: …",
        f"{rig.show('ActiveState')}: {text}",
        rig.show("ActiveState") == "active" and text.startswith("camera lost, reopening: "),
    )
