"""Write manual page and shell completions from the parser, so that they always agree with it."""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import sys
from pathlib import Path

from release import DEBIAN

SUMMARY = "facial expressions from a camera to MQTT, on the device"

COMPLETIONS = {
    "bash": Path("usr/share/bash-completion/completions/edge-fer"),
    "zsh": Path("usr/share/zsh/vendor-completions/_edge-fer"),
}
"""Shell to the place where Debian's shell finds it."""


def write_manual(source: Path, tree: Path, version: str, date: int) -> None:
    """Write both for the parser of a copy of the source, below the root of a package."""
    page = _print(
        source,
        "argparse_manpage.cli",
        "--module=edge_fer.cli",
        "--function=build_parser",
        "--prog=edge-fer",
        "--project-name=edge-fer",
        f"--version={version}",
        f"--description={SUMMARY}",
        "--manual-title=edge-fer",
        f"--include={DEBIAN / 'manual.txt'}",
        date=date,
    )
    # A sentence that goes on with ".mp4" is no request to groff; all of those are in capitals.
    page = re.sub(r"^\.(?=[a-z])", r"\\&.", page, flags=re.MULTILINE)
    pack(page, tree / "usr/share/man/man1/edge-fer.1.gz")
    for shell, place in COMPLETIONS.items():
        script = _print(
            source, "shtab.main", f"--shell={shell}", "edge_fer.cli.build_parser", date=date
        )
        put(script, tree / place)


def put(text: str, file: Path, mode: int = 0o644) -> None:
    """Write a file of the package."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    file.chmod(mode)


def pack(text: str, file: Path) -> None:
    """Write a file of the package, compressed as Debian requires."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as packed:
        packed.write(text.encode())


def _print(source: Path, module: str, *arguments: str, date: int) -> str:
    """Return the output of the ``main`` of a module."""
    run = f"import sys; from {module} import main; sys.exit(main())"
    # argparse breaks its lines at the terminal's width.
    fixed = {"PYTHONPATH": str(source), "COLUMNS": "80", "SOURCE_DATE_EPOCH": str(date)}
    return subprocess.run(
        [sys.executable, "-B", "-c", run, *arguments],
        cwd=source,
        env={**os.environ, **fixed},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
