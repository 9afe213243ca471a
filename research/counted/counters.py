"""What counts instructions: valgrind's callgrind on x86, a plug-in of qemu's for arm64.

Both note what they have whenever the process calls getpriority(2), as `work.py` does before and
after each phase. Callgrind writes a file then, the plug-in a line.
"""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from research.counted.work import LIBRARIES
from research.emulation import CPUS, Cpu, Emulator, unpack
from research.progress import Progress, StepError

ROOT = Path(__file__).resolve().parents[2]
WORK = Path(__file__).with_name("work.py")
PLUGIN = Path(__file__).with_name("insn.c")

PI_5: Cpu = next(cpu for cpu in CPUS if cpu.name == "cortex-a76")

SUITE = "bookworm"
"""Debian's release whose qemu takes plug-ins; the one after it is built without them."""

QEMU = tuple(
    f"{name}:amd64"
    for name in (
        "qemu-user",
        "libcapstone4",
        "liburing2",
        "libnuma1",
        "libglib2.0-0",
        "libpcre2-8-0",
        "zlib1g",
        "libgnutls30",
        "libp11-kit0",
        "libidn2-0",
        "libunistring2",
        "libtasn1-6",
        "libnettle8",
        "libhogweed6",
        "libgmp10",
        "libffi8",
    )
)

OF_PYTHON = ("libssl3t64:arm64", "libzstd1:arm64", "libsqlite3-0:arm64")
"""What the arm64 Python needs to import all of edge_fer."""

VARIABLES = {
    "PATH": os.environ.get("PATH", ""),
    "PYTHONHASHSEED": "0",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}
"""The whole environment, which would otherwise have a part in the count."""


@dataclasses.dataclass(frozen=True)
class Counted:
    """A run of `work.py`."""

    marks: list[int]
    """Instructions from each mark back to the one before, the first from the start."""
    printed: str


class Callgrind:
    """This machine's instructions, as valgrind shows them to the process."""

    machine = "x86_64"

    def __init__(self, folder: Path) -> None:
        if not shutil.which("valgrind"):
            raise StepError("no valgrind; sudo apt-get install valgrind")
        self._folder = folder

    def prepare(self, progress: Progress) -> None:
        """Fetch nothing."""

    def facts(self) -> dict[str, str]:
        """The counter, and the instructions that it lets the process see."""
        told = _run(["valgrind", "-v", "--tool=none", "true"], {}).stderr
        shown = re.search(r"Arch and hwcaps: (.*)", told)
        name = _run(["valgrind", "--version"], {}).stdout.strip()
        return {"counter": name, "cpu": shown[1] if shown else "unknown"}

    def count(self, arguments: Sequence[str]) -> Counted:
        """Run a script under callgrind."""
        out = self._folder / "callgrind.out"
        tool = ["valgrind", "--tool=callgrind", "--dump-before=getpriority"]
        script = [sys.executable, "-B", *arguments]
        done = _run([*tool, f"--callgrind-out-file={out}", *script], {"PYTHONPATH": str(ROOT)})
        parts = list[str]()
        while (part := out.with_name(f"{out.name}.{len(parts) + 1}")).exists():
            parts.append(part.read_text())
            part.unlink()
        return Counted(summaries(parts), done.stdout)


class Plugin:
    """The instructions of a Raspberry Pi 5's CPU, emulated."""

    machine = PI_5.machine

    def __init__(self, folder: Path, cache: Path) -> None:
        self._folder = folder
        self._emulator = Emulator(cache, libraries=LIBRARIES, packages=OF_PYTHON)
        self._qemu = cache.absolute() / SUITE

    def prepare(self, progress: Progress) -> None:
        """Fetch an arm64 Python with its libraries and both qemus; compile the plug-in."""
        self._emulator.prepare(progress)
        if not self._qemu.exists():
            part = self._qemu.with_name("part")
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir()
            unpack(progress, part, SUITE, QEMU)
            part.rename(self._qemu)
        out = str(self._folder / "insn.so")
        progress.run(["cc", "-O2", "-shared", "-fPIC", "-nostdlib", "-o", out, str(PLUGIN)])
        # This qemu shows its process this machine's /proc/cpuinfo, on which onnxruntime crashes;
        # what lies below the root for its libraries goes before the file of that name.
        read = ["-c", "print(open('/proc/cpuinfo').read())"]
        told = _run([*self._emulator.command(PI_5), *read], {}).stdout
        place = self._emulator.debian / "proc" / "cpuinfo"
        place.parent.mkdir(exist_ok=True)
        place.write_text(told)

    def facts(self) -> dict[str, str]:
        """The counter, and the CPU that it emulates."""
        told = _run([self._program(), "--version"], self._libraries()).stdout
        found = re.search(r"version (\S+)", told)
        return {"counter": f"qemu-{found[1] if found else 'unknown'}", "cpu": PI_5.name}

    def count(self, arguments: Sequence[str]) -> Counted:
        """Run a script under qemu with the plug-in."""
        _, *options = self._emulator.command(PI_5)
        known = f"PYTHONPATH={self._emulator.site}"
        options = [f"{known}:{ROOT}" if option == known else option for option in options]
        tool = [self._program(), "-plugin", str(self._folder / "insn.so")]
        done = _run([*tool, *options, *arguments], self._libraries())
        return Counted(lines(done.stderr), done.stdout)

    def _program(self) -> str:
        return str(self._qemu / "usr" / "bin" / f"qemu-{self.machine}")

    def _libraries(self) -> dict[str, str]:
        places = [self._qemu / top / "lib" / "x86_64-linux-gnu" for top in ("", "usr")]
        return {"LD_LIBRARY_PATH": ":".join(map(str, places))}


def summaries(parts: Sequence[str]) -> list[int]:
    """The totals of callgrind's files."""
    return [int(total) for part in parts for total in re.findall(r"^summary: (\d+)$", part, re.M)]


def lines(told: str) -> list[int]:
    """What the plug-in wrote."""
    return [int(total) for total in re.findall(r"^counted: (\d+)$", told, re.M)]


def _run(command: Sequence[str], variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    environment = VARIABLES | variables
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["no word"]
        raise StepError(f"{Path(command[0]).name}: exit code {done.returncode}: {last[0]}")
    return done
