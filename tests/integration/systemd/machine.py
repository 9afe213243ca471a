"""A Debian with edge-fer in it, built once, and booted by systemd-nspawn with its own systemd.

The container writes into an overlay that is thrown away, so each boot is that of a fresh
installation. It has no network but its own loopback. All of this needs root.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from release import run

HERE = Path(__file__).resolve().parents[3]
CLIP = HERE / ".cache" / "carphone_pristine.mp4"
SUITE = "bookworm"
PYTHON = Path("/usr/bin/python3.11")
"""Debian's own of that release; `make install` makes an environment that has its name in it."""
PACKAGES = (
    "ca-certificates",
    "dbus",
    "libdlib-data",
    "mosquitto",
    "mosquitto-clients",
    "python3-systemd",
    "python3-venv",
    "systemd",
    "systemd-sysv",
)
NAME = "porch"
"""The container's host name, which the daemon takes for its device's."""

DEVICES = Path("sys/fs/cgroup/devices")
"""cgroup v1's controller of devices, where the kernel has it there."""
BOOTED_WITHIN_S = 60.0


def build(folder: Path) -> Path:
    """Make the Debian if it is missing, and install this checkout in it as users do.

    Raises:
        ReleaseError: debootstrap or make failed.
    """
    root = folder / SUITE
    if not root.exists():
        part = folder / "part"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        packages = f"--include={','.join(PACKAGES)}"
        run(["debootstrap", "--variant=minbase", packages, SUITE, str(part)])
        # What Debian's installer writes, and debootstrap does not.
        (part / "etc/hostname").write_text(f"{NAME}\n")
        (part / "etc/hosts").write_text(f"127.0.0.1 localhost {NAME}\n")
        part.rename(root)
    # What an installation keeps of the one before must not be in a proof.
    for old in ("opt/edge-fer", "etc/edge-fer"):
        shutil.rmtree(root / old, ignore_errors=True)
    run(["make", "install", f"DESTDIR={root}", f"PYTHON={PYTHON}"], cwd=HERE)
    return root


@pytest.fixture(scope="session")
def debian() -> Path:
    """Return a Debian 12 with this checkout installed by `make install`."""
    if not PYTHON.exists():
        pytest.skip(f"{PYTHON} is not here; the service runs with it in a Debian 12")
    for program in ("debootstrap", "systemd-nspawn"):
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed; make systemd installs it")
    return build(HERE / ".cache" / "systemd")


class Machine:
    """A booted container; ``leader`` is its systemd, as seen from here."""

    def __init__(self, leader: int) -> None:
        self._leader = leader
        spaces = ("--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root", "--wd")
        self.enter = ["nsenter", f"--target={leader}", *spaces, "env", "-i", "PATH=/usr/bin:/bin"]

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in it, as its root."""
        return subprocess.run([*self.enter, *command], capture_output=True, text=True, check=False)

    def tell(self, *command: str) -> str:
        """What a command in it prints, stripped.

        Raises:
            RuntimeError: it failed.
        """
        result = self.run(*command)
        if result.returncode:
            raise RuntimeError(f"{' '.join(command)}: {result.stderr.strip() or result.stdout}")
        return result.stdout.strip()

    def path(self, inside: str) -> Path:
        """One of its files, for reading and writing from here."""
        return Path(f"/proc/{self._leader}/root") / inside.lstrip("/")

    def write(self, inside: str, text: str, mode: int = 0o644) -> None:
        """Put a file of root's into it."""
        path = self.path(inside)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)

    def enforce_devices(self) -> bool:
        """Give its systemd cgroup v1's controller of devices, which nspawn shows it read-only."""
        # Of this mount alone: the controller itself is in use.
        if self.run("mount", "-o", "remount,bind,rw", f"/{DEVICES}").returncode:
            return False
        self.run("systemctl", "daemon-reexec")
        return True


@contextlib.contextmanager
def booted(root: Path, *, keep: bool = False) -> Iterator[Machine]:
    """Boot it, wait until it is up, and shut it down at the end; ``keep``: it writes into root."""
    cgroups = Path("/", DEVICES)
    before = set(cgroups.glob("*/"))
    command = [
        "systemd-nspawn",
        f"--directory={root}",
        f"--volatile={'no' if keep else 'overlay'}",
        "--register=no",
        "--keep-unit",
        "--private-network",
        "--console=pipe",
        "--boot",
        "--quiet",
    ]
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
    process = subprocess.Popen(command, stderr=sys.stderr, start_new_session=True, **quiet)
    try:
        yield _await(process)
    finally:
        # nspawn takes the first for the power button, and the second for pulling the plug.
        process.terminate()
        try:
            process.wait(BOOTED_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.terminate()
            process.wait()
        for left in set(cgroups.glob("*/")) - before:
            for folder, _, _ in os.walk(left, topdown=False):
                Path(folder).rmdir()


def _await(process: subprocess.Popen[bytes]) -> Machine:
    end = time.monotonic() + BOOTED_WITHIN_S
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while time.monotonic() < end and process.poll() is None:
        if leader := children.read_text().split():
            machine = Machine(int(leader[0]))
            if machine.run("systemctl", "is-system-running").stdout.strip() == "running":
                return machine
        time.sleep(0.2)
    raise RuntimeError("the container does not come up")
