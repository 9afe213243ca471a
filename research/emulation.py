"""CPUs that this machine is not: qemu's emulation of a process, and an arm64 Python for it.

Both are Debian's packages, fetched and checked by apt with settings of its own, and unpacked
into a folder. Nothing is installed, and nothing here needs root.
"""

from __future__ import annotations

import dataclasses
import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from research.progress import Progress, StepError

SUITE = "trixie"
"""Debian's release: the qemu 7.2 of the one before crashes while onnxruntime is imported."""

PYTHON = "python3.13"
"""Of that release."""

PACKAGES = (
    "qemu-user:amd64",
    *(
        f"{name}:arm64"
        for name in (
            f"{PYTHON}-minimal",
            f"lib{PYTHON}-minimal",
            f"lib{PYTHON}-stdlib",
            "libc6",
            "libgcc-s1",
            "libstdc++6",
            "zlib1g",
            "libexpat1",
            "libffi8",
        )
    ),
)

LIBRARIES = ("numpy", "onnxruntime")
"""What `scores.py` needs; an emulated CPU gets the versions that run here."""

SETTINGS = """\
APT::Architecture "amd64";
APT::Architectures {{ "amd64"; "arm64"; }};
APT::Sandbox::User "";
Acquire::Languages "none";
Acquire::Retries "3";
Dir::State "{folder}/state";
Dir::State::status "{folder}/status";
Dir::Cache "{folder}/cache";
Dir::Etc "{folder}/etc";
"""

SOURCE = "deb [signed-by={keyring}] {archive} {suite} main\n"


@dataclasses.dataclass(frozen=True)
class Cpu:
    """A CPU to run on."""

    name: str
    """qemu's name; empty for this machine itself."""
    machine: str
    """What `uname -m` says on it."""
    like: str
    """What has such a CPU, or one with the same kernels."""


HERE = Cpu("", platform.machine(), "this machine")

CPUS = (
    Cpu("cortex-a72", "aarch64", "Raspberry Pi 4"),
    Cpu("cortex-a76", "aarch64", "Raspberry Pi 5; Jetson Orin alike"),
    Cpu("Haswell-noTSX", "x86_64", "x86 since 2013, without VNNI"),
    Cpu("Nehalem", "x86_64", "x86 of 2008, without AVX"),
)


class Emulator:
    """qemu and an arm64 Python in ``folder``, with ``libraries``; of use after `prepare`.

    ``packages`` are Debian's beside those that every use needs.

    Raises:
        StepError: this machine is another than the packages are for.
    """

    def __init__(
        self,
        folder: Path,
        machine: str = HERE.machine,
        libraries: Sequence[str] = LIBRARIES,
        packages: Sequence[str] = (),
    ) -> None:
        if machine != "x86_64":
            raise StepError(f"this machine is {machine}: must be x86_64, for which the emulator is")
        versions = [f"{name}=={version(name)}" for name in libraries]
        self._folder, self._requirements = folder.absolute(), versions
        self._packages = (*PACKAGES, *packages)
        self.debian = self._folder / SUITE
        self.site = self._folder / "-".join(versions)

    def prepare(self, progress: Progress) -> None:
        """Fetch what is missing.

        Raises:
            StepError: apt or pip failed.
        """
        for place, fetch in ((self.debian, self._fetch_debian), (self.site, self._fetch_site)):
            if not place.exists():
                part = place.with_name("part")
                shutil.rmtree(part, ignore_errors=True)
                part.mkdir(parents=True)
                fetch(progress, part)
                part.rename(place)

    def command(self, cpu: Cpu) -> list[str]:
        """What runs a Python script on that CPU, with numpy and onnxruntime."""
        if cpu == HERE:
            return [sys.executable, "-B"]
        qemu = [str(self.debian / "usr" / "bin" / f"qemu-{cpu.machine}"), "-cpu", cpu.name]
        if cpu.machine == HERE.machine:
            return [*qemu, sys.executable, "-B"]
        home = self.debian / "usr"
        variables = ["-E", f"PYTHONHOME={home}", "-E", f"PYTHONPATH={self.site}"]
        # Without -S, Python would look for packages in this machine's /usr too.
        python = [str(home / "bin" / PYTHON), "-B", "-S"]
        return [*qemu, "-L", str(self.debian), *variables, *python]

    def _fetch_debian(self, progress: Progress, part: Path) -> None:
        unpack(progress, part, SUITE, self._packages)
        (part / "lib").symlink_to("usr/lib")

    def _fetch_site(self, progress: Progress, part: Path) -> None:
        # pip takes no newer platform for a promise of the older ones.
        platforms = [f"--platform=manylinux_2_{minor}_aarch64" for minor in (28, 27, 17)]
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "install"]
        target = ["--target", str(part), "--no-compile", "--progress-bar=off"]
        wheels = [*platforms, f"--python-version={PYTHON[6:]}", "--only-binary=:all:"]
        progress.run([*pip, *target, *wheels, *self._requirements])


def unpack(progress: Progress, folder: Path, suite: str, packages: Sequence[str]) -> None:
    """Lay the files of a Debian release's packages, which may be ``name:arch``, in ``folder``.

    Raises:
        StepError: apt or dpkg failed.
    """
    with_own = _apt(folder, suite)
    progress.run([*with_own, "update"], cwd=folder)
    progress.run([*with_own, "download", *packages], cwd=folder)
    for package in sorted(folder.glob("*.deb")):
        progress.run(["dpkg-deb", "--extract", str(package), str(folder)])
        package.unlink()
    # What is unpacked takes half a gigabyte, a tenth of which is of use.
    shutil.rmtree(folder / "apt")
    for emulator in (folder / "usr" / "bin").glob("qemu-*"):
        if emulator.name not in {f"qemu-{cpu.machine}" for cpu in CPUS}:
            emulator.unlink()


def _apt(folder: Path, suite: str) -> list[str]:
    """apt-get with this machine's keys and archive; state and settings are in ``folder``."""
    keyring = next(Path("/usr/share/keyrings").glob("debian-archive-keyring.*"), None)
    if keyring is None:
        raise StepError("no Debian keys; sudo apt-get install debian-archive-keyring")
    own = folder / "apt"
    for name in ("state/lists/partial", "cache/archives/partial", "etc"):
        (own / name).mkdir(parents=True)
    (own / "status").touch()
    (own / "etc" / "sources.list").write_text(
        SOURCE.format(keyring=keyring, archive=_archive(), suite=suite)
    )
    (own / "settings").write_text(SETTINGS.format(folder=own))
    return ["env", f"APT_CONFIG={own / 'settings'}", "apt-get"]


def _archive() -> str:
    """Where this machine has its Debian packages from."""
    ask = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Origin: Debian", "Label: Debian"]
    found = subprocess.run(ask, capture_output=True, text=True, check=False).stdout.split()
    if not found:
        raise StepError("apt knows no Debian archive; sudo apt-get update")
    return found[0]
