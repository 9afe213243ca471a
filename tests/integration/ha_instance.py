"""A real Home Assistant with MQTT alone, as a process with its own folder."""

import contextlib
import json
import re
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.support.media import CACHE
from tests.support.ports import free_port
from tests.support.wait import wait_until

VENV = CACHE / "homeassistant" / "venv"
VERSION = "2025.4.4"
PACKAGES = (f"homeassistant=={VERSION}", "paho-mqtt<2.2")
"""It needs this paho at run time; its requirements do not say so."""
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


class Instance:
    """Home Assistant within a context; `get` and `post` call its REST API as its owner."""

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

    def __enter__(self) -> "Instance":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it and wait until its API answers."""
        with (self.folder / "stdout").open("ab") as out:
            self._process = subprocess.Popen(self._command(), stdout=out, stderr=out)
        try:
            wait_until(self._is_up, "Home Assistant runs", STARTED_S, 0.5)
        except AssertionError:
            self.stop()
            raise

    def _is_up(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log()[-2000:]
        with contextlib.suppress(OSError):
            self._token = self._token or self._log_in()
            return bool(self.get("config")["state"] == "RUNNING")
        return False

    def stop(self) -> None:
        """End it by SIGTERM, so that it writes its files."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def log(self) -> str:
        """Return its log, without colours."""
        text = (self.folder / "stdout").read_text(errors="replace")
        return re.sub(r"\x1b\[[0-9;]*m", "", text)

    def get(self, path: str) -> Any:
        """Return what the API has there."""
        return self._ask(f"api/{path}", None)

    def post(self, path: str, content: dict[str, Any]) -> Any:
        """Call the API, for example a service."""
        return self._post(f"api/{path}", content)

    def states(self) -> dict[str, dict[str, Any]]:
        """Return every entity's state by its id."""
        return {state["entity_id"]: state for state in self.get("states")}

    def stored(self, name: str) -> Any:
        """Return its stored data of that name."""
        return json.loads((self.folder / ".storage" / name).read_text())["data"]

    def _command(self, *options: str) -> list[str]:
        return [str(VENV / "bin" / "hass"), *options, "--config", str(self.folder)]

    def _log_in(self) -> str:
        """Log in as its page does; return a token."""
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
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)


def install() -> None:
    """Install it if it is not there yet: some minutes and half a gigabyte."""
    if not (VENV / "bin" / "hass").exists():
        subprocess.run([_python(), "-m", "venv", "--clear", str(VENV)], check=True)
        subprocess.run([str(VENV / "bin" / "pip"), "install", "--quiet", *PACKAGES], check=True)


def _python() -> str:
    """Return the Python that this version of Home Assistant needs."""
    if sys.version_info[:2] == PYTHON:
        return sys.executable
    name = "python{}.{}".format(*PYTHON)
    # pyenv's own python3.13 in PATH runs only where that version is chosen.
    pyenv = sorted((Path.home() / ".pyenv/versions").glob("{}.{}.*/bin/python".format(*PYTHON)))
    found = str(pyenv[-1]) if pyenv else shutil.which(name)
    if found is None:
        pytest.skip(f"Home Assistant {VERSION} needs {name}: neither in PATH nor of pyenv")
    return found


def _entries(port: int) -> dict[str, Any]:
    """Return what its dialogue "add integration: MQTT" writes."""
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
