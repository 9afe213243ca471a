"""Build wheel and sdist: the same files give the same bytes, on any machine at any time."""

from __future__ import annotations

import gzip
import os
import sys
import tarfile
from pathlib import Path

from release import run

BUILD_PINS = Path(__file__).with_name("build.txt")
"""What builds the wheel; its version stands in the wheel's metadata."""


def build_python(source: Path, out: Path, date: int) -> tuple[Path, Path]:
    """Build both from a folder of `source.copy_source`; return wheel and sdist.

    Raises:
        ReleaseError: the build failed.
    """
    environment = {
        **os.environ,
        "SOURCE_DATE_EPOCH": str(date),
        "PIP_CONSTRAINT": str(BUILD_PINS),
    }
    command = [sys.executable, "-m", "build", "--outdir", str(out), str(source)]
    run(command, env=environment, umask=0o022)
    wheel, sdist = next(out.glob("*.whl")), next(out.glob("*.tar.gz"))
    _settle(sdist, date)
    return wheel, sdist


def _settle(sdist: Path, date: int) -> None:
    """Take owner, order and time out of an archive; setuptools puts in those of the moment."""
    with tarfile.open(sdist) as archive:
        content = [
            (member, archive.extractfile(member)) for member in archive if not member.isdir()
        ]
        part = sdist.with_suffix(".part")
        with (
            part.open("wb") as raw,
            gzip.GzipFile("", "wb", fileobj=raw, mtime=date) as packed,
            tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as settled,
        ):
            for member, file in sorted(content, key=lambda pair: pair[0].name):
                clean = tarfile.TarInfo(member.name)
                clean.size, clean.mtime, clean.mode = member.size, date, member.mode
                settled.addfile(clean, file)
    part.rename(sdist)
