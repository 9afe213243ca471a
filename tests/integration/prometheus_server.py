"""Debian's node_exporter, Prometheus and promtool, unpacked into the cache and not installed."""

import contextlib
import json
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.media import CACHE
from tests.support.ports import free_port
from tests.support.wait import wait_until

FOLDER = CACHE / "prometheus"
PROGRAMS = FOLDER / "usr" / "bin"
PACKAGES = ("prometheus", "prometheus-node-exporter")
PATIENCE_S = 600.0
INTERVAL_S = 1
CONFIG = """\
global:
  scrape_interval: {interval}s
scrape_configs:
  - job_name: node
    static_configs:
      - targets: ["{target}"]
"""


def unpack() -> None:
    """Download the packages with apt and unpack them, if they are not there yet."""
    if PROGRAMS.exists():
        return
    if shutil.which("apt-get") is None:
        pytest.skip("Prometheus and node_exporter come from Debian, by apt-get")
    part = FOLDER.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    subprocess.run(["apt-get", "download", *PACKAGES], cwd=part, check=True)
    for package in part.glob("*.deb"):
        subprocess.run(["dpkg", "-x", str(package), str(part)], check=True)
    part.rename(FOLDER)


@contextlib.contextmanager
def node_exporter(folder: Path) -> Iterator[str]:
    """Run one that reads only ``*.prom`` in the folder; give its host and port."""
    with _serving(
        "prometheus-node-exporter",
        "--collector.disable-defaults",
        "--collector.textfile",
        f"--collector.textfile.directory={folder}",
    ) as address:
        wait_until(lambda: fetch(f"http://{address}/metrics"), "node_exporter answers", PATIENCE_S)
        yield address


@contextlib.contextmanager
def prometheus(folder: Path, target: str) -> "Iterator[Prometheus]":
    """Run one that scrapes ``target`` every `INTERVAL_S` and keeps its data in the folder."""
    config = folder / "prometheus.yml"
    config.write_text(CONFIG.format(interval=INTERVAL_S, target=target))
    with _serving(
        "prometheus",
        f"--config.file={config}",
        f"--storage.tsdb.path={folder}/data",
        "--log.level=error",
    ) as address:
        wait_until(lambda: fetch(f"http://{address}/-/ready"), "Prometheus is ready", PATIENCE_S)
        yield Prometheus(address)


class Prometheus:
    """Its HTTP API."""

    def __init__(self, address: str) -> None:
        self._address = address

    def query(self, query: str) -> list[dict[str, Any]]:
        """Return the samples of a query."""
        address = f"http://{self._address}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
        answer = json.loads(fetch(address) or "{}")
        found: list[dict[str, Any]] = answer.get("data", {}).get("result", [])
        return found

    def number(self, query: str) -> float | None:
        """Return the value of the only sample; None if there is not exactly one."""
        found = self.query(query)
        return float(found[0]["value"][1]) if len(found) == 1 else None


def lint(text: str) -> list[str]:
    """Return the complaints of promtool about metrics."""
    tool = [str(PROGRAMS / "promtool"), "check", "metrics"]
    done = subprocess.run(tool, input=text, capture_output=True, text=True, check=False)
    lines = (done.stdout + done.stderr).strip().splitlines()
    return lines or ([] if done.returncode == 0 else [f"exit code {done.returncode}"])


def version(program: str) -> str:
    done = subprocess.run(
        [str(PROGRAMS / program), "--version"], capture_output=True, text=True, check=True
    )
    return (done.stdout + done.stderr).split("version ")[1].split(" ")[0]


def fetch(address: str) -> str:
    """Return what is there; empty if nobody answers, or with an error."""
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            return str(answer.read().decode())
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return ""


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
