"""`python -m tools.release.pipx` installs the wheel with Debian's pipx into bare Debian systems.

As a user who is not root, in a folder that knows nothing of a checkout. Writes the record `pipx`.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from edge_fer.config.broker_url import parse_broker
from edge_fer.demo.demo import PrivateBroker
from edge_fer.mqtt.subscriber import subscribe
from tools.progress import Progress, StepError
from tools.proofs import Proof, save
from tools.release import CACHE, TARGETS, ReleaseError, Target
from tools.release.deb import fresh
from tools.release.environment import pip_for
from tools.release.firstevent import CLIP, Row, timed
from tools.release.python import build_python
from tools.release.roots import Root, fresh_root
from tools.release.source import copy_source, epoch

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


def main() -> int:
    """Walk through all native targets; 1 where something does not hold."""
    targets = [target for target in TARGETS if target.arch == "amd64"]
    progress, rows = Progress(1 + 2 * len(targets), CACHE / "pipx.log"), []
    try:
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            progress.begin("wheel")
            source = copy_source(Path(folder, "source"))
            wheel, _ = build_python(progress, source, fresh(Path(folder, "out")), epoch())
            progress.end()
            for target in targets:
                walked = [{"on": target.name, **row} for row in _walk(progress, target, wheel)]
                print("\n".join("  ".join(map(str, row.values())) for row in walked), flush=True)
                rows += walked
    except (StepError, OSError, ReleaseError) as error:
        progress.show_failure(error)
        return 1
    save("pipx", _proof(rows))
    return int(any(row["holds"] == "no" for row in rows))


def _walk(progress: Progress, target: Target, wheel: Path) -> list[Row]:
    with fresh_root(progress, target) as root, PrivateBroker() as broker:
        progress.begin(f"{target.name}: wheels")
        house = root.folder / HOUSE.lstrip("/")
        more = ("pip", "setuptools", "wheel")
        progress.run([*pip_for(target, "download"), "--dest", str(house), str(wheel), *more])
        progress.end()
        progress.begin(f"{target.name}: pipx")
        root.put(CLIP, "/tmp/clip.mp4")
        (root.folder / "tmp/answers.toml").write_text(ANSWERS.format(url=broker.url))
        rows = _steps(root, wheel.name, broker.url)
        progress.end()
    return rows


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
    """What runs a command as the user, in his home."""
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


def _proof(rows: Sequence[Row]) -> Proof:
    good = sum(row["holds"] == "yes" for row in rows)
    return Proof(
        title="The wheel by pipx",
        floor="all",
        aim="",
        reached=f"{good} of {len(rows)}",
        verdict="holds" if good == len(rows) else "does not hold",
        command="make try-pipx",
        note="In chroots of bare Debian systems made by mmdebstrap, as a user who is not root, "
        "with Debian's own pipx. The wheels were taken from the package index ahead, and pipx "
        "found them in a folder (PIP_FIND_LINKS, PIP_NO_INDEX). The camera is a clip, which ends, "
        "the broker mosquitto outside the chroot. Seconds hang on the machine.",
        rows=tuple(rows),
    )


if __name__ == "__main__":
    sys.exit(main())
