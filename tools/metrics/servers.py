"""Debian's node_exporter, Prometheus and promtool, unpacked and not installed."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from research.emulation import unpack
from research.progress import Progress, StepError
from tools.daemon import ROOT
from tools.ports import free_port

SUITE = "bookworm"
CACHE = ROOT / ".cache" / "metrics"
PROGRAMS = CACHE / SUITE / "usr" / "bin"
PACKAGES = ("prometheus", "prometheus-node-exporter")
PATIENCE_S = 600.0
"""Long, for a machine that does other things too."""
INTERVAL_S = 1

CONFIG = """\
global:
  scrape_interval: {interval}s
scrape_configs:
  - job_name: node
    static_configs:
      - targets: ["{target}"]
"""


class MetricsError(Exception):
    """Something does not come, or is not as it must be."""


def prepare() -> None:
    """Fetch them with apt's keys, where they are not there yet.

    Raises:
        MetricsError: apt or dpkg failed.
    """
    if PROGRAMS.exists():
        return
    progress = Progress(1, CACHE / "log.txt")
    part = CACHE / "part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    progress.begin("Prometheus and node_exporter")
    ask = ["dpkg", "--print-architecture"]
    machine = subprocess.run(ask, check=True, capture_output=True, text=True).stdout.strip()
    try:
        unpack(progress, part, SUITE, [f"{name}:{machine}" for name in PACKAGES])
    except StepError as error:
        progress.show_failure(error)
        raise MetricsError(f"{CACHE}: cannot be filled") from error
    part.rename(CACHE / SUITE)
    progress.end()


@contextlib.contextmanager
def node_exporter(folder: Path) -> Iterator[str]:
    """Its address, which is the host and the port; it reads ``*.prom`` in ``folder`` alone."""
    options = ["--collector.disable-defaults", "--collector.textfile"]
    with _serving(
        "prometheus-node-exporter", *options, f"--collector.textfile.directory={folder}"
    ) as address:
        until(lambda: fetch(f"http://{address}/metrics"), "node_exporter answers")
        yield address


@contextlib.contextmanager
def prometheus(folder: Path, target: str) -> Iterator[Prometheus]:
    """One that scrapes ``target`` every `INTERVAL_S` and keeps what it knows in ``folder``."""
    config = folder / "prometheus.yml"
    config.write_text(CONFIG.format(interval=INTERVAL_S, target=target))
    with _serving(
        "prometheus",
        f"--config.file={config}",
        f"--storage.tsdb.path={folder}/data",
        "--log.level=error",
    ) as address:
        until(lambda: fetch(f"http://{address}/-/ready"), "Prometheus is ready")
        yield Prometheus(address)


class Prometheus:
    """Its HTTP API."""

    def __init__(self, address: str) -> None:
        self._address = address

    def ask(self, query: str) -> list[dict[str, Any]]:
        """The samples that a query has now."""
        address = f"http://{self._address}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
        answer = json.loads(fetch(address) or "{}")
        found: list[dict[str, Any]] = answer.get("data", {}).get("result", [])
        return found

    def number(self, query: str) -> float | None:
        """The value of the only sample; None where there is not exactly one."""
        found = self.ask(query)
        return float(found[0]["value"][1]) if len(found) == 1 else None


def lint(text: str) -> str:
    """What promtool has to say about metrics, a line each; empty where it has nothing."""
    tool = [str(PROGRAMS / "promtool"), "check", "metrics"]
    done = subprocess.run(tool, input=text, capture_output=True, text=True, check=False)
    said = (done.stdout + done.stderr).strip()
    return said or ("" if done.returncode == 0 else f"exit status {done.returncode}")


def version(program: str) -> str:
    """Its version, as Debian has it."""
    done = subprocess.run(
        [str(PROGRAMS / program), "--version"], capture_output=True, text=True, check=True
    )
    return (done.stdout + done.stderr).split("version ")[1].split(" ")[0]


def fetch(address: str) -> str:
    """What is there; empty where nobody answers, or with an error."""
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            return str(answer.read().decode())
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return ""


def until(reached: Callable[[], Any], what: str) -> None:
    """Wait for it.

    Raises:
        MetricsError: it did not come.
    """
    deadline = time.monotonic() + PATIENCE_S
    while not reached():
        if time.monotonic() > deadline:
            raise MetricsError(f"never: {what}")
        time.sleep(0.1)


@contextlib.contextmanager
def _serving(program: str, *options: str) -> Iterator[str]:
    address = f"127.0.0.1:{free_port()}"
    command = [str(PROGRAMS / program), *options, f"--web.listen-address={address}"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        yield address
    finally:
        process.terminate()
        process.wait()
