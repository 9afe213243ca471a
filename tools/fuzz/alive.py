"""Damaged networks put in the place of the one that a daemon runs: it must go on with that one."""

import json
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from edge_fer.config.broker_url import parse_broker
from edge_fer.emotion.card import find_model
from edge_fer.mqtt.connection import subscribe
from edge_fer.mqtt.messages import Message
from tools.fuzz.files import with_card
from tools.fuzz.mutate import mutate
from tools.torture.mosquitto import Broker
from tools.torture.soak import ROOT, write_clip

PATIENCE_S = 120.0


def alive(first: int, count: int) -> Iterator[tuple[int, str]]:
    """Number and outcome of each: read, refused, or that the daemon ended or stood still."""
    whole = find_model("").read_bytes()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_clip(folder / "clip.mp4")
        model = folder / "case.onnx"
        model.write_bytes(whole)
        shutil.copy(with_card(model), folder / "first.onnx")
        broker = Broker(folder)
        broker.start()
        url = f"mqtt://127.0.0.1:{broker.port}"
        with subscribe(parse_broker(url), ["edge-fer/fuzzed/stats"]) as inbox:
            daemon = _daemon(folder, url)
            try:
                before = _stats(inbox)
                for number in range(first, first + count):
                    model.write_bytes(mutate([whole], "onnx", number))
                    with_card(model)
                    daemon.send_signal(signal.SIGHUP)
                    after = _reloaded(inbox, daemon, before)
                    yield number, _outcome(before, after)
                    if after is None:
                        return
                    before = after
            finally:
                daemon.kill()
                daemon.wait()
                broker.stop()


def _daemon(folder: Path, url: str) -> "subprocess.Popen[bytes]":
    settings = {
        "camera.source": f"loop:{folder / 'clip.mp4'}",
        "camera.pace": "real",
        "device.name": "fuzzed",
        "privacy.acknowledge_use": "research",
        "stats.interval_s": 0.2,
        "mqtt.brokers": url,
        "mqtt.outbox": "memory",
        "log.level": "error",
        "model.path": folder / "case.onnx",
    }
    options = [f"--set={key}={value}" for key, value in settings.items()]
    program = [sys.executable, "-m", "tools.torture.looped", "run", *options]
    return subprocess.Popen(program, cwd=ROOT, stderr=subprocess.DEVNULL)


def _stats(inbox: "queue.SimpleQueue[Message]") -> dict[str, float]:
    found: dict[str, float] = json.loads(inbox.get(timeout=PATIENCE_S).payload)
    return found


def _reloaded(
    inbox: "queue.SimpleQueue[Message]", daemon: "subprocess.Popen[bytes]", before: dict[str, float]
) -> dict[str, float] | None:
    """What the daemon tells once it has reloaded and filmed on; None where it does not."""
    try:
        while True:
            stats = _stats(inbox)
            told = sum(stats[name] - before[name] for name in ("reloads", "reloads_refused"))
            if told and stats["frames"] > before["frames"]:
                return stats
    except queue.Empty:
        return None


def _outcome(before: dict[str, float], after: dict[str, float] | None) -> str:
    if after is None:
        return "the daemon does not go on"
    return "refused" if after["reloads_refused"] > before["reloads_refused"] else ""
