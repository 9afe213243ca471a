"""Build the Debian packages: an environment in /opt/edge-fer, and the control files of dpkg.

docs/adr/0019-environment-in-the-package.md explains why the environment is inside.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

from deploy.dashboard.build import assemble
from release import CACHE, DEBIAN, DIST, ReleaseError, Target, run
from release.environment import HOME, lay_out
from release.manual import pack, put, write_manual

MAINTAINER = "edge-fer developers <edge-fer@packages.invalid>"
"""Debian wants an address, and there is none: .invalid is reserved, so no stranger gets mail."""

CHANGELOG = """\
edge-fer ({version}) {suite}; urgency=medium

  * What is new: /usr/share/doc/edge-fer/CHANGELOG.md.gz

 -- {maintainer}  {date}
"""

CONFIG = Path("etc/edge-fer/edge-fer.toml")
SCRIPTS = ("preinst", "postinst", "prerm", "postrm")
COMPRESSION = ("-Zzstd", "--threads-max=1")
"""Zstandard unpacks several times faster than xz on a Pi. Named, since the default of dpkg-deb is
not the same everywhere, and with it the bytes."""


@dataclasses.dataclass(frozen=True)
class Made:
    """What all packages of a release are made from."""

    source: Path
    """Of `source.copy_source`."""
    wheel: Path
    version: str
    date: int
    level: int
    """Of compression."""


def build_deb(made: Made, target: Target, out: Path, tree: Path) -> Path:
    """Fill ``tree``, which is new, and pack it; return the package.

    Raises:
        ReleaseError: pip or dpkg-deb failed.
        DashboardError: mqtt.js of the web view cannot be fetched.
    """
    version = f"{made.version}~deb{target.number}"
    old = os.umask(0o022)
    try:
        lay_out(target, made.wheel, tree / HOME.relative_to("/"))
        _add_files(made, target, tree, version)
        _add_control(made, target, tree, version)
    finally:
        os.umask(old)
    package = out / f"edge-fer_{version}_{target.arch}.deb"
    run(
        [
            "dpkg-deb",
            "--root-owner-group",
            *COMPRESSION,
            f"-z{made.level}",
            "--build",
            str(tree),
            str(package),
        ],
        env={**os.environ, "SOURCE_DATE_EPOCH": str(made.date)},
    )
    return package


def find_deb(target: Target, folder: Path = DIST) -> Path:
    """Return the package for a target, as `make deb` left it in a folder.

    Raises:
        ReleaseError: it is not there.
    """
    found = sorted(folder.glob(f"edge-fer_*~deb{target.number}_{target.arch}.deb"))
    if not found:
        raise ReleaseError(f"{folder}: has no package for {target.name}; make deb")
    return found[-1]


def _add_files(made: Made, target: Target, tree: Path, version: str) -> None:
    deploy, documents = made.source / "deploy", tree / "usr/share/doc/edge-fer"
    put((deploy / "edge-fer.toml").read_text(), tree / CONFIG)
    for unit in sorted((deploy / "systemd").glob("edge-fer*.service")):
        put(unit.read_text(), tree / "usr/lib/systemd/system" / unit.name)
    link = tree / "usr/bin/edge-fer"
    link.parent.mkdir(parents=True)
    link.symlink_to(HOME / "bin/edge-fer")
    write_manual(made.source, tree, version, made.date)
    assemble(tree / "usr/share/edge-fer/dashboard", CACHE.parent)
    put((DEBIAN / "copyright").read_text(), documents / "copyright")
    date = datetime.fromtimestamp(made.date, timezone.utc).strftime("%a, %d %b %Y %H:%M:%S +0000")
    history = CHANGELOG.format(
        version=version, suite=target.suite, date=date, maintainer=MAINTAINER
    )
    pack(history, documents / "changelog.gz")
    for name in ("CHANGELOG.md", "THIRD_PARTY.md"):
        pack((made.source / name).read_text(), documents / f"{name}.gz")
    overrides = (DEBIAN / "lintian-overrides").read_text()
    put(overrides, tree / "usr/share/lintian/overrides/edge-fer")


def _add_control(made: Made, target: Target, tree: Path, version: str) -> None:
    control = tree / "DEBIAN"
    size_kib = sum(file.lstat().st_size for file in _files(tree)) // 1024
    major, minor = target.python.split(".")
    text = (DEBIAN / "control").read_text()
    put(
        text.format(
            version=version,
            arch=target.arch,
            maintainer=MAINTAINER,
            size=size_kib,
            python=target.python,
            next=f"{major}.{int(minor) + 1}",
        ),
        control / "control",
    )
    put(f"/{CONFIG}\n", control / "conffiles")
    for name in SCRIPTS:
        put((DEBIAN / name).read_text(), control / name, 0o755)
    put(_md5sums(tree), control / "md5sums")


def _files(tree: Path) -> Iterator[Path]:
    return (
        file
        for file in sorted(tree.rglob("*"))
        if file.is_file() and not file.is_symlink() and tree / "DEBIAN" not in file.parents
    )


def _md5sums(tree: Path) -> str:
    names = [str(file.relative_to(tree)) for file in _files(tree) if file != tree / CONFIG]
    return subprocess.run(
        ["md5sum", "--", *names], cwd=tree, check=True, capture_output=True, text=True
    ).stdout


def fresh(folder: Path) -> Path:
    """Return the folder, new and empty."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
