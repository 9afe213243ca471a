"""Build the live web view: the files of this folder, and mqtt.js from npm.

`python -m deploy.dashboard.build` writes dist/dashboard, which any web server can serve. The npm
package stays in .cache, so that a second build needs no network.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

SOURCE = Path(__file__).resolve().parent
ROOT = SOURCE.parents[1]
TARGET = ROOT / "dist" / "dashboard"
CACHE = ROOT / ".cache"
PACKAGE = "mqtt@5.16.0"
SHA256 = "c7d13d6dedf4c15063fb61d645c82d07d2a24f79b15736f313e96e116177950f"
"""SHA-256 of npm's archive of `PACKAGE`."""
TAKEN = {"package/dist/mqtt.esm.js": "mqtt.esm.js", "package/LICENSE.md": "mqtt.LICENSE.md"}
"""File in the archive -> its name in the built folder."""
OURS = ("*.html", "*.css", "*.js")


class DashboardError(Exception):
    """The view cannot be built; the message says why and what would help."""


def assemble(target: Path = TARGET, cache: Path = CACHE) -> Path:
    """Write the files to serve into the folder and return the folder.

    Raises:
        DashboardError: npm is missing or has no such package, or its checksum differs.
    """
    archive = fetch(cache)
    target.mkdir(parents=True, exist_ok=True)
    for pattern in OURS:
        for file in sorted(SOURCE.glob(pattern)):
            shutil.copyfile(file, target / file.name)
    with tarfile.open(archive) as members:
        for member, name in TAKEN.items():
            content = members.extractfile(member)
            assert content is not None
            (target / name).write_bytes(content.read())
    return target


def fetch(cache: Path) -> Path:
    """Return npm's archive of mqtt.js, from the cache if possible.

    Raises:
        DashboardError: as `assemble`.
    """
    archive = cache / f"{PACKAGE.replace('@', '-')}.tgz"
    if not archive.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        _pack(cache)
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != SHA256:
        raise DashboardError(
            f"{archive}: SHA-256 is {found}, must be {SHA256}: delete it, try again"
        )
    return archive


def _pack(folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise DashboardError("npm is not installed; it downloads mqtt.js (apt install npm)")
    # --ignore-scripts: nothing of the package runs.
    command = [npm, "pack", "--silent", "--ignore-scripts", PACKAGE]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip() or "no reason given").splitlines()[-1]
        raise DashboardError(f"npm pack {PACKAGE}: {reason}")


def main() -> int:
    """Build it and print the folder; return 1 after one line of error."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--target", type=Path, default=TARGET, help="folder to write to")
    target: Path = parser.parse_args().target
    try:
        assemble(target)
    except DashboardError as error:
        print(f"dashboard: {error}", file=sys.stderr)
        return 1
    print(f"serve it, for example: python3 -m http.server 8080 -d {os.path.relpath(target)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
