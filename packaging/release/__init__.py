"""Build what users install: wheel, sdist, and a .deb for each Debian release and architecture.

`make release` writes them into dist/ with their SHA256SUMS. The build runs no program of the
target, so any machine builds for all targets, without root.
"""

from __future__ import annotations

import dataclasses
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
DIST = ROOT / "dist"
CACHE = ROOT / ".cache" / "release"
DEBIAN = ROOT / "deploy" / "debian"


class ReleaseError(Exception):
    """The build cannot continue; the message says why and what to do."""


@dataclasses.dataclass(frozen=True)
class Target:
    """A Debian release on an architecture; Raspberry Pi OS is its Debian on arm64."""

    suite: str
    number: int
    python: str
    """Version of its python3."""
    numpy: str
    """What its own numpy demands of the numpy that is loaded beside its picamera2."""
    glibc: int
    """Minor number of its glibc."""
    arch: str

    @property
    def name(self) -> str:
        """As on the command line."""
        return f"{self.suite}-{self.arch}"

    @property
    def machine(self) -> str:
        """As in the names of wheels."""
        return {"amd64": "x86_64", "arm64": "aarch64"}[self.arch]

    @property
    def pins(self) -> Path:
        """The wheels that go in, with their hashes for all architectures."""
        return DEBIAN / f"wheels-{self.suite}.txt"


TARGETS = tuple(
    Target(*suite, arch=arch)
    for suite in (("bookworm", 12, "3.11", "numpy<2", 36), ("trixie", 13, "3.13", "numpy<3", 41))
    for arch in ("amd64", "arm64")
)


def run(command: Sequence[str], **options: Any) -> None:
    """Run a command of the build.

    Raises:
        ReleaseError: it failed; the text is the end of its output.
    """
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        **options,
    )
    if done.returncode:
        end = "\n    ".join(done.stdout.splitlines()[-20:])
        raise ReleaseError(f"{command[0]} failed with exit code {done.returncode}:\n    {end}")
