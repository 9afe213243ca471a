"""Puts together what users install: wheel, sdist and a .deb for each Debian and architecture.

`python -m tools.release` writes them into dist/ with their SHA256SUMS. Nothing of a target runs
while its package is built, so any machine can build for all of them, without root.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DIST = ROOT / "dist"
CACHE = ROOT / ".cache" / "release"
DEBIAN = ROOT / "deploy" / "debian"


class ReleaseError(Exception):
    """It cannot be put together; the message says why and what would help."""


@dataclasses.dataclass(frozen=True)
class Target:
    """A Debian release on an architecture; Raspberry Pi OS is its Debian on arm64."""

    suite: str
    number: int
    python: str
    """Version of its python3."""
    numpy: str
    """What its own numpy demands of ours, which is loaded beside its picamera2."""
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
