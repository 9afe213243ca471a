"""Lay out a Python environment for a target from wheels without running the target's Python."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from release import CACHE, Target, run

HOME = Path("/opt/edge-fer")
"""Where it will be; the unit file starts it from there."""

SCRIPT = """\
#!{home}/bin/python3 -I
import sys

from edge_fer.cli import main

sys.exit(main())
"""

SETTINGS = """\
home = /usr/bin
include-system-site-packages = true
version = {python}
"""


def pip_for(target: Target, *command: str) -> list[str]:
    """Return a command of pip that chooses wheels for the target's Python and glibc."""
    glibc = [f"manylinux_2_{minor}_{target.machine}" for minor in range(target.glibc, 16, -1)]
    platforms = [f"--platform={name}" for name in (*glibc, f"manylinux2014_{target.machine}")]
    return [
        sys.executable,
        "-m",
        "pip",
        "--disable-pip-version-check",
        "--no-input",
        *command,
        "--progress-bar=off",
        "--only-binary=:all:",
        f"--python-version={target.python}",
        *platforms,
    ]


def lay_out(target: Target, wheel: Path, home: Path) -> None:
    """Make the environment in ``home`` out of the pinned wheels and our own.

    Raises:
        ReleaseError: a wheel is not to be had, or is not the one that was pinned.
    """
    site = home / "lib" / f"python{target.python}" / "site-packages"
    # Linked, since nothing below writes into a file of theirs.
    shutil.copytree(_wheels(target), site, copy_function=os.link)
    _install(target, site, "--no-deps", str(wheel))
    _tidy(site)
    binaries = home / "bin"
    binaries.mkdir()
    (binaries / "python3").symlink_to(f"/usr/bin/python{target.python}")
    (binaries / "python").symlink_to("python3")
    (home / "pyvenv.cfg").write_text(SETTINGS.format(python=target.python))
    script = binaries / "edge-fer"
    script.write_text(SCRIPT.format(home=HOME))
    script.chmod(0o755)


def _wheels(target: Target) -> Path:
    """Return the unpacked pinned wheels; they are kept until others are pinned."""
    digest = hashlib.sha256(target.pins.read_bytes()).hexdigest()[:12]
    site = CACHE / "wheels" / f"{target.name}-{digest}"
    if not site.exists():
        part = site.with_name(f"{site.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        _install(target, part, "--no-deps", "--require-hashes", "-r", str(target.pins))
        part.rename(site)
    return site


def _install(target: Target, site: Path, *what: str) -> None:
    run([*pip_for(target, "install", "--no-compile"), "--target", str(site), *what])
    for record in site.glob("*.dist-info/RECORD"):
        _forget(record)
    shutil.rmtree(site / "bin", ignore_errors=True)


def _tidy(site: Path) -> None:
    """Drop bytecode that a wheel brought, and modes that mean nothing in a library."""
    for path in site.rglob("*"):
        if path.name == "__pycache__":
            shutil.rmtree(path)
        elif path.is_file():
            path.chmod(0o644)


def _forget(record: Path) -> None:
    """Drop the wheel's scripts and where it lay: both name folders of this machine."""
    (record.parent / "direct_url.json").unlink(missing_ok=True)
    lines = record.read_text().splitlines(keepends=True)
    if (kept := _kept(lines)) != lines:
        record.write_text("".join(kept))


def _kept(lines: Sequence[str]) -> list[str]:
    return [line for line in lines if "/bin/" not in line and "direct_url.json" not in line]
