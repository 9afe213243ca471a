"""Install into minimal Debian systems: mmdebstrap makes each once, a test uses a copy.

A system for arm64 runs under qemu's emulation, which is registered with the kernel (binfmt_misc)
while it is in use. All of it needs root.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from release import CACHE, ReleaseError, Target

from research.emulation import unpack
from research.progress import Progress

ROOTS = CACHE.parent / "roots"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to enter another system")
QEMU = "trixie"
"""The release whose qemu is used; with the older qemu 7.2, onnxruntime cannot be imported."""

MAGIC = (
    r":edge-fer-aarch64:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00"
    r":\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:{qemu}:F"
)
"""How the kernel recognizes an arm64 program; F: it keeps qemu open, so a chroot needs none."""

FOREIGN = """\
APT::Architecture "{arch}";
APT::Architectures {{ "{arch}"; }};
APT::Sandbox::User "root";
Dir "{root}";
Dir::State::status "{root}/var/lib/dpkg/status";
DPkg::Chroot-Directory "{root}";
"""
"""Settings with which the host's apt-get resolves and fetches for another system, whose emulated
dpkg then installs."""

BINFMT = Path("/proc/sys/fs/binfmt_misc")
BARE = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8"}


class Root:
    """A copy of a minimal system; changes are lost with it."""

    def __init__(self, folder: Path, target: Target) -> None:
        self.folder = folder
        self._foreign = target.arch if _is_foreign(target) else ""

    def command(self, *command: str) -> list[str]:
        """Return the command that runs one inside."""
        variables = [f"{name}={value}" for name, value in BARE.items()]
        return ["chroot", str(self.folder), "env", "-i", *variables, *command]

    def run(self, *command: str, check: bool = True) -> str:
        """Run a command inside; return its output.

        Raises:
            ReleaseError: it failed; the text is the end of its output.
        """
        return _call(self.command(*command), check=check)

    def apt(self, *arguments: str) -> str:
        """Run apt-get without questions; a changed configuration stays."""
        keep = ["-o", "Dpkg::Options::=--force-confold", "-o", "Acquire::Retries=3"]
        quiet = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-y", "-q"]
        command = [*quiet, "--no-install-recommends", *keep]
        if not self._foreign:
            return self.run(*command, *arguments)
        settings = self.folder / "tmp/apt.conf"
        settings.write_text(FOREIGN.format(root=self.folder, arch=self._foreign))
        files = (f"{self.folder}{a}" if a.startswith("/") else a for a in arguments)
        return _call(["env", f"APT_CONFIG={settings}", "LC_ALL=C.UTF-8", *command, *files])

    def put(self, file: Path, place: str) -> str:
        """Copy a file into the system; return its place there."""
        shutil.copyfile(file, self.folder / place.lstrip("/"))
        return place

    def files(self) -> set[str]:
        """Return every path except those of the kernel, the logs, apt and dpkg."""
        own = (
            "tmp",
            "run",
            "root",
            "var/log",
            "var/lib/dpkg",
            "var/lib/apt",
            "var/cache/apt",
            "var/cache/debconf",
            "var/cache/ldconfig",
        )
        # Other file systems, such as /proc, are mounted on it.
        find = ["find", str(self.folder), "-xdev", "-mindepth", "1", "-printf", "%P\\0"]
        found = subprocess.run(find, check=True, capture_output=True, text=True).stdout
        return {name for name in found.split("\0") if name and not name.startswith(own)}


def _call(command: Sequence[str], *, check: bool = True) -> str:
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if check and done.returncode:
        end = " / ".join((done.stdout + done.stderr).splitlines()[-8:])
        raise ReleaseError(f"{' '.join(command)}: exit code {done.returncode}: {end}")
    return done.stdout


def prepare(target: Target) -> Path:
    """Return the minimal system of a target; make it if it does not exist.

    Raises:
        ReleaseError: mmdebstrap failed.
    """
    root = ROOTS / target.name
    if not root.exists():
        part = ROOTS / f"{target.name}.part"
        shutil.rmtree(part, ignore_errors=True)
        ROOTS.mkdir(parents=True, exist_ok=True)
        kind = ["--mode=root", "--variant=apt", "--format=directory", "--skip=check/qemu"]
        where = [f"--arch={target.arch}", target.suite, str(part)]
        with emulation(target):
            _call(["mmdebstrap", *kind, *where])
        part.rename(root)
    return root


@contextlib.contextmanager
def fresh_root(target: Target) -> Iterator[Root]:
    """Yield a copy of the minimal system of a target.

    Raises:
        ReleaseError: the user is not root, or the kernel cannot mount an overlay.
    """
    if os.geteuid():
        raise ReleaseError("a Debian root can be entered by root alone: sudo make …")
    bare = prepare(target)
    with (
        tempfile.TemporaryDirectory(dir=ROOTS, prefix="copy-") as scratch,
        contextlib.ExitStack() as mounts,
    ):
        places = {name: Path(scratch) / name for name in ("upper", "work", "root")}
        for place in places.values():
            place.mkdir()
        options = f"lowerdir={bare},upperdir={places['upper']},workdir={places['work']}"
        root = places["root"]
        mounts.enter_context(_mounted("-t", "overlay", "-o", options, "overlay", place=root))
        mounts.enter_context(_mounted("-t", "proc", "proc", place=root / "proc"))
        # onnxruntime reads there which processors it has.
        mounts.enter_context(_mounted("-t", "sysfs", "-o", "ro", "sysfs", place=root / "sys"))
        mounts.enter_context(_mounted("--bind", "/dev", place=root / "dev"))
        shutil.copyfile("/etc/resolv.conf", root / "etc/resolv.conf")
        # A package's own service does not start here.
        (root / "usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n")
        (root / "usr/sbin/policy-rc.d").chmod(0o755)
        mounts.enter_context(emulation(target))
        yield Root(root, target)


@contextlib.contextmanager
def _mounted(*how: str, place: Path) -> Iterator[None]:
    try:
        subprocess.run(["mount", *how, str(place)], check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        raise ReleaseError(f"{place}: cannot be mounted: {error.stderr.strip()}") from error
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=False)


@contextlib.contextmanager
def emulation(target: Target) -> Iterator[None]:
    """Let the kernel start arm64 programs through qemu, unless it can without."""
    own = BINFMT / "edge-fer-aarch64"
    if not _is_foreign(target) or own.exists():
        yield
        return
    if not (BINFMT / "register").exists():
        subprocess.run(["mount", "-t", "binfmt_misc", "none", str(BINFMT)], check=True)
    (BINFMT / "register").write_text(MAGIC.format(qemu=_qemu()))
    try:
        yield
    finally:
        own.write_text("-1")


def _is_foreign(target: Target) -> bool:
    return target.arch == "arm64" and os.uname().machine != "aarch64"


def _qemu() -> Path:
    folder = ROOTS / "qemu"
    if not folder.exists():
        part = ROOTS / "qemu.part"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        unpack(Progress(1, ROOTS / "qemu.log"), part, QEMU, ("qemu-user:amd64",))
        part.rename(folder)
    return folder / "usr/bin/qemu-aarch64"
