"""List the files that a release consists of, and their date."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from release import ROOT, ReleaseError


def copy_source(folder: Path) -> Path:
    """Copy what git knows, and what is new and not ignored, with modes that no umask changes."""
    listed = _git("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in sorted(filter(None, listed.split("\0"))):
        file, copy = ROOT / name, folder / name
        # A file that was deleted and not yet committed is still listed.
        if file.is_file() and not file.is_symlink():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
            copy.chmod(0o755 if os.access(file, os.X_OK) else 0o644)
    return folder


def changed() -> list[str]:
    """Files that differ from the commit, so that nobody can build the same from it."""
    lines = _git("status", "--porcelain", "--untracked-files=all").splitlines()
    return [line[3:] for line in lines]


def epoch() -> int:
    """Seconds since 1970 at which every file is dated: $SOURCE_DATE_EPOCH, else the commit's."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if given and not given.isdecimal():
        raise ReleaseError(f"SOURCE_DATE_EPOCH = {given}: must be seconds since 1970")
    return int(given or _git("log", "-1", "--format=%ct"))


def _git(*arguments: str) -> str:
    try:
        return subprocess.run(
            ["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True
        ).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise ReleaseError(f"{ROOT}: must be a git checkout, and git be installed") from error
