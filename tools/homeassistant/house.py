"""A real Home Assistant with nothing in it but MQTT, as a child process in a folder of its own."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tools.ports import free_port

CACHE = Path(__file__).resolve().parents[2] / ".cache" / "homeassistant"
VERSION = "2025.4.4"
PACKAGES = (f"homeassistant=={VERSION}", "paho-mqtt<2.2")
"""It asks for this paho at run time; its own list leaves that open."""
PYTHON = (3, 13)
STARTED_S = 900.0
CLIENT = "http://127.0.0.1/"
USER = "trial"
_CONFIGURATION = """\
homeassistant:
  name: trial
  unit_system: metric
  time_zone: UTC
http:
  server_host: 127.0.0.1
  server_port: {port}
api:
logger:
  default: warning
  logs:
    homeassistant.components.mqtt: info
"""


class HouseError(Exception):
    """It cannot be had or does not start; the message says why."""


class House:
    """Runs while its context lasts; `get` and `post` speak to its REST API as its owner."""

    def __init__(self, folder: Path, broker_port: int) -> None:
        self.folder = folder
        self._port = free_port()
        self._token = ""
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True)
        (folder / "configuration.yaml").write_text(_CONFIGURATION.format(port=self._port))
        (folder / ".storage").mkdir()
        entries = json.dumps(_entries(broker_port))
        (folder / ".storage" / "core.config_entries").write_text(entries)
        user = [*self._command("--script", "auth"), "add", USER, USER]
        subprocess.run(user, check=True, stdout=subprocess.DEVNULL)

    def __enter__(self) -> House:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it and wait until its API answers.

        Raises:
            HouseError: it has ended, or does not answer; with the end of its log.
        """
        with (self.folder / "stdout").open("ab") as out:
            self._process = subprocess.Popen(self._command(), stdout=out, stderr=out)
        deadline = time.monotonic() + STARTED_S
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(OSError, HouseError):
                self._token = self._token or self._log_in()
                if self.get("config")["state"] == "RUNNING":
                    return
            time.sleep(0.5)
        self.stop()
        raise HouseError(f"Home Assistant does not start: {self.log()[-2000:]}")

    def stop(self) -> None:
        """End it in order: it then writes everything down."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def log(self) -> str:
        """All that it has logged, without colours."""
        text = (self.folder / "stdout").read_text(errors="replace")
        return re.sub(r"\x1b\[[0-9;]*m", "", text)

    def get(self, path: str) -> Any:
        """What the API has there."""
        return self._ask(f"api/{path}", None)

    def post(self, path: str, content: dict[str, Any]) -> Any:
        """Call the API, for instance a service."""
        return self._post(f"api/{path}", content)

    def states(self) -> dict[str, dict[str, Any]]:
        """Every entity's state, by its id."""
        return {state["entity_id"]: state for state in self.get("states")}

    def stored(self, name: str) -> Any:
        """What it has written down under that name."""
        return json.loads((self.folder / ".storage" / name).read_text())["data"]

    def _command(self, *options: str) -> list[str]:
        return [str(CACHE / "venv" / "bin" / "hass"), *options, "--config", str(self.folder)]

    def _log_in(self) -> str:
        """As its login page does; returns a token."""
        begin = {"client_id": CLIENT, "handler": ["homeassistant", None], "redirect_uri": CLIENT}
        flow = self._post("auth/login_flow", begin)["flow_id"]
        known = {"client_id": CLIENT, "username": USER, "password": USER}
        code = self._post(f"auth/login_flow/{flow}", known)["result"]
        form = f"grant_type=authorization_code&code={code}&client_id={CLIENT}".encode()
        kind = "application/x-www-form-urlencoded"
        return str(self._ask("auth/token", form, kind)["access_token"])

    def _post(self, path: str, content: dict[str, Any]) -> Any:
        return self._ask(path, json.dumps(content).encode(), "application/json")

    def _ask(self, path: str, body: bytes | None, kind: str = "") -> Any:
        headers = {"Content-Type": kind} if body is not None else {}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        url = f"http://127.0.0.1:{self._port}/{path}"
        request = urllib.request.Request(url, body, headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise HouseError(f"{path}: {error.code} {error.read()[:200]!r}") from error


def prepare() -> None:
    """Install it, where it is not there yet: some minutes and half a gigabyte.

    Raises:
        HouseError: no fitting Python, or pip fails.
    """
    venv = CACHE / "venv"
    if (venv / "bin" / "hass").exists():
        return
    python = _python()
    print(f"installing Home Assistant {VERSION} for {python} into {venv}", flush=True)
    try:
        subprocess.run([python, "-m", "venv", "--clear", str(venv)], check=True)
        pip = [str(venv / "bin" / "pip"), "install", "--quiet", *PACKAGES]
        subprocess.run(pip, check=True)
    except subprocess.CalledProcessError as error:
        raise HouseError(f"Home Assistant {VERSION} cannot be installed: {error}") from error


def _python() -> str:
    name = f"python{PYTHON[0]}.{PYTHON[1]}"
    own = sorted((Path.home() / ".pyenv" / "versions").glob(f"{PYTHON[0]}.{PYTHON[1]}.*"))
    if sys.version_info[:2] == PYTHON:
        return sys.executable
    if own:
        return str(own[-1] / "bin" / "python")
    found = shutil.which(name, path=os.environ.get("PATH"))
    if found is None:
        raise HouseError(f"Home Assistant {VERSION} needs {name}: neither on PATH nor by pyenv")
    return found


def _entries(port: int) -> dict[str, Any]:
    """What its dialogue "add integration: MQTT" writes."""
    time_ = "2025-01-01T00:00:00+00:00"
    mqtt = {
        "created_at": time_,
        "modified_at": time_,
        "domain": "mqtt",
        "title": "broker",
        "data": {"broker": "127.0.0.1", "port": port, "protocol": "5"},
        "options": {"discovery": True, "discovery_prefix": "homeassistant"},
        "entry_id": "01JMQTT0000000000000000000",
        "version": 1,
        "minor_version": 2,
        "source": "user",
        "unique_id": None,
        "disabled_by": None,
        "discovery_keys": {},
        "pref_disable_new_entities": False,
        "pref_disable_polling": False,
        "subentries": [],
    }
    key = "core.config_entries"
    return {"version": 1, "minor_version": 5, "key": key, "data": {"entries": [mqtt]}}
