"""Bare Debian systems to install into: made once by mmdebstrap, used in throw-away copies.

One for arm64 runs under qemu's emulation, which the kernel is told of (binfmt_misc) for as long
as it is in use. All of it needs root.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tools.emulation import unpack
from tools.progress import Progress
from tools.release import CACHE, ReleaseError, Target

ROOTS = CACHE.parent / "roots"
QEMU = "trixie"
"""Whose qemu: with the 7.2 of the release before, onnxruntime cannot be imported."""

MAGIC = (
    r":edge-fer-aarch64:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00"
    r":\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:{qemu}:F"
)
"""How the kernel knows an arm64 program; F: it holds qemu open, so a chroot needs none."""

FOREIGN = """\
APT::Architecture "{arch}";
APT::Architectures {{ "{arch}"; }};
APT::Sandbox::User "root";
Dir "{root}";
Dir::State::status "{root}/var/lib/dpkg/status";
DPkg::Chroot-Directory "{root}";
"""
"""With it our own apt-get fetches and resolves for another system; that one's dpkg, emulated,
installs."""

BINFMT = Path("/proc/sys/fs/binfmt_misc")
BARE = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8"}


class Root:
    """A copy of a bare system; what is done in it is gone with it."""

    def __init__(self, folder: Path, target: Target) -> None:
        self.folder = folder
        self._foreign = target.arch if _is_foreign(target) else ""

    def command(self, *command: str) -> list[str]:
        """What runs a command in it."""
        variables = [f"{name}={value}" for name, value in BARE.items()]
        return ["chroot", str(self.folder), "env", "-i", *variables, *command]

    def run(self, *command: str, check: bool = True) -> str:
        """Run a command in it; return what it printed.

        Raises:
            ReleaseError: it failed; the text is the end of what it printed.
        """
        return _call(self.command(*command), check=check)

    def apt(self, *arguments: str) -> str:
        """Run apt-get, which asks nothing and keeps a changed configuration."""
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
        """Copy a file into it."""
        shutil.copyfile(file, self.folder / place.lstrip("/"))
        return place

    def files(self) -> set[str]:
        """Every path but those of the kernel, the logs, and apt's and dpkg's own books."""
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


def prepare(progress: Progress, target: Target) -> Path:
    """Return the bare system of a target, made where it is not there yet.

    Raises:
        StepError: mmdebstrap failed.
    """
    root = ROOTS / target.name
    if not root.exists():
        part = ROOTS / f"{target.name}.part"
        shutil.rmtree(part, ignore_errors=True)
        ROOTS.mkdir(parents=True, exist_ok=True)
        kind = ["--mode=root", "--variant=apt", "--format=directory", "--skip=check/qemu"]
        where = [f"--arch={target.arch}", target.suite, str(part)]
        with emulation(progress, target):
            progress.run(["mmdebstrap", *kind, *where])
        part.rename(root)
    return root


@contextlib.contextmanager
def fresh_root(progress: Progress, target: Target) -> Iterator[Root]:
    """A copy of the target's bare system.

    Raises:
        ReleaseError: we are not root, or the kernel mounts no overlay.
    """
    if os.geteuid():
        raise ReleaseError("a Debian root can be entered by root alone: sudo make …")
    bare = prepare(progress, target)
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
        mounts.enter_context(emulation(progress, target))
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
def emulation(progress: Progress, target: Target) -> Iterator[None]:
    """The kernel starts arm64 programs, through qemu, where it cannot by itself."""
    own = BINFMT / "edge-fer-aarch64"
    if not _is_foreign(target) or own.exists():
        yield
        return
    if not (BINFMT / "register").exists():
        subprocess.run(["mount", "-t", "binfmt_misc", "none", str(BINFMT)], check=True)
    (BINFMT / "register").write_text(MAGIC.format(qemu=_qemu(progress)))
    try:
        yield
    finally:
        own.write_text("-1")


def _is_foreign(target: Target) -> bool:
    return target.arch == "arm64" and os.uname().machine != "aarch64"


def _qemu(progress: Progress) -> Path:
    folder = ROOTS / "qemu"
    if not folder.exists():
        part = ROOTS / "qemu.part"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        unpack(progress, part, QEMU, ("qemu-user:amd64",))
        part.rename(folder)
    return folder / "usr/bin/qemu-aarch64"
