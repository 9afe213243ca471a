"""Install the wheel with Debian's pipx into minimal systems, as an ordinary user: `make try-pipx`.

pipx finds the wheels in a folder (PIP_FIND_LINKS, PIP_NO_INDEX); the camera is a clip, the broker
a mosquitto outside. Needs root.
"""

from __future__ import annotations

import shlex
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from release import CACHE, TARGETS, ReleaseError, Target, run
from release.deb import fresh
from release.environment import pip_for
from release.python import build_python
from release.source import copy_source, epoch

from edge_fer.config.broker_url import parse_broker
from edge_fer.demo.demo import PrivateBroker
from edge_fer.mqtt.connection import subscribe
from tests.integration.debian.first_event import CLIP, Row, timed
from tests.support.chroot import Root, fresh_root, needs_root
from tests.support.long_runs import Record

pytestmark = [pytest.mark.integration, needs_root]

USER = "newcomer"
HOUSE = "/tmp/wheels"
EVENT_S = 600.0
ANSWERS = """\
[privacy]
acknowledge_use = "research"
[camera]
source = "file:/tmp/clip.mp4"
[vision]
min_face_px = 40
[mqtt]
brokers = ["{url}"]
outbox = "memory"
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    CACHE.mkdir(parents=True, exist_ok=True)
    folder = tmp_path_factory.mktemp("wheel")
    return build_python(copy_source(folder / "source"), fresh(folder / "out"), epoch())[0]


@pytest.fixture(scope="module")
def walked(record: Record) -> Iterator[list[Row]]:
    """Yield the list of the steps; record it after the last test."""
    rows: list[Row] = []
    yield rows
    good = sum(row["holds"] == "yes" for row in rows)
    record("pipx", f"{good} of {len(rows)} steps hold", rows)


@pytest.mark.parametrize(
    "target", [t for t in TARGETS if t.arch == "amd64"], ids=lambda target: target.name
)
def test_a_user_installs_the_wheel_with_pipx_and_gets_an_event(
    target: Target, wheel: Path, walked: list[Row]
) -> None:
    with fresh_root(target) as root, PrivateBroker() as broker:
        house = root.folder / HOUSE.lstrip("/")
        more = ("pip", "setuptools", "wheel")
        run([*pip_for(target, "download"), "--dest", str(house), str(wheel), *more])
        root.put(CLIP, "/tmp/clip.mp4")
        (root.folder / "tmp/answers.toml").write_text(ANSWERS.format(url=broker.url))
        rows = _steps(root, wheel.name, broker.url)
    walked += ({"on": target.name, **row} for row in rows)
    assert [] == [row for row in rows if row["holds"] != "yes"]


def _steps(root: Root, wheel: str, url: str) -> list[Row]:
    root.apt("update")
    version = wheel.split("-")[1]
    return [
        timed(
            "apt-get install pipx libdlib-data",
            # passwd has useradd, which Debian 13's barest system lacks.
            lambda: root.apt("install", "pipx", "libdlib-data", "passwd"),
            lambda text: "Setting up pipx" in text,
        ),
        timed(
            f"pipx install {wheel}, as a user",
            lambda: _install(root, wheel),
            lambda text: "edge-fer" in text and f"edge-fer {version}" in text,
        ),
        timed(
            "edge-fer --version",
            lambda: _own(root, "--version"),
            lambda text: f"edge-fer {version}" in text,
        ),
        timed(
            "edge-fer models: the wheel brings them",
            lambda: _own(root, "models"),
            lambda text: "sha256 verified" in text and "int8" in text,
        ),
        timed(
            "edge-fer setup -c edge-fer.toml --from answers.toml",
            lambda: _own(root, "setup", "-c", "edge-fer.toml", "--from", "/tmp/answers.toml"),
            lambda text: "written: edge-fer.toml" in text,
        ),
        timed(
            "edge-fer check -c edge-fer.toml --report: no error",
            lambda: _own(root, "check", "-c", "edge-fer.toml", "--report"),
            lambda text: "| error |" not in text and "| model | ok |" in text,
        ),
        timed(
            "edge-fer run -c edge-fer.toml: an event at a subscriber",
            lambda: _event(root, url),
            lambda text: '"emotion"' in text,
        ),
    ]


def _as_user(root: Root, *command: str) -> list[str]:
    """Return what runs a command as the user, in their home."""
    line = f"cd && PATH=$HOME/.local/bin:$PATH {shlex.join(command)}"
    return root.command("runuser", "-l", USER, "-c", line)


def _call(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stdout + done.stderr)[-500:]
        raise ReleaseError(f"{shlex.join(command[-1:])}: exit code {done.returncode}: {said}")
    return done.stdout


def _own(root: Root, *arguments: str) -> str:
    return _call(_as_user(root, "edge-fer", *arguments))


def _install(root: Root, wheel: str) -> str:
    root.run("useradd", "--create-home", "--shell", "/bin/bash", USER)
    offline = ("env", "PIP_NO_INDEX=1", f"PIP_FIND_LINKS={HOUSE}")
    _call(_as_user(root, *offline, "pipx", "install", f"{HOUSE}/{wheel}"))
    return _call(_as_user(root, "pipx", "list")) + _own(root, "--version")


def _event(root: Root, url: str) -> str:
    run = _as_user(root, "edge-fer", "run", "-c", "edge-fer.toml")
    with subscribe(parse_broker(url), ["edge-fer/+/event"]) as inbox:
        done = subprocess.run(run, capture_output=True, text=True, timeout=EVENT_S, check=False)
        end = time.monotonic() + 10
        while inbox.empty() and time.monotonic() < end:
            time.sleep(0.1)
        if inbox.empty():
            raise ReleaseError(f"edge-fer run: no event: {done.stderr[-500:]}")
        return inbox.get_nowait().payload.decode()
