"""Choose the wheels in the Debian packages: `make pins`.

Writes deploy/debian/wheels-*.txt: the newest version of each library that setup.cfg allows, with
the hashes of its wheels for both architectures.
"""

from __future__ import annotations

import configparser
import json
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from release import ROOT, TARGETS, ReleaseError, Target, run
from release.environment import pip_for

HEADER = """\
# Wheels in the packages for Debian {number} ({suite}), written by `make pins`.
"""

Wheels = dict[str, set[str]]
"""Requirement with its version, to the hashes of its wheels."""


def main() -> int:
    """Choose for all targets; return 1 if that failed."""
    wheels: dict[Path, Wheels] = defaultdict(lambda: defaultdict(set))
    seen: dict[Path, set[str]] = {}
    try:
        for target in TARGETS:
            print(f"wheels for {target.name}", flush=True)
            found = _choose(target)
            if seen.setdefault(target.pins, set(found)) != set(found):
                raise ReleaseError(f"{target.suite}: the architectures have different versions")
            for requirement, digest in found.items():
                wheels[target.pins][requirement].add(digest)
    except (OSError, ReleaseError) as error:
        print(f"pins: {error}", file=sys.stderr)
        return 1
    for target in TARGETS:
        header = HEADER.format(number=target.number, suite=target.suite)
        target.pins.write_text(header + "".join(map(_line, sorted(wheels[target.pins].items()))))
    return 0


def _choose(target: Target) -> dict[str, str]:
    setup = configparser.ConfigParser(interpolation=None)
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    wanted = setup["options"]["install_requires"].split("\n")[1:]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        look = ["--dry-run", "--ignore-installed", "--target", folder, "--report", str(report)]
        # Markers are evaluated for the Python that runs pip: only 3.10 needs other libraries.
        run([*pip_for(target, "install"), *look, target.numpy, *wanted])
        installed = json.loads(report.read_text())["install"]
    return {
        f"{entry['metadata']['name'].lower()}=={entry['metadata']['version']}": entry[
            "download_info"
        ]["archive_info"]["hashes"]["sha256"]
        for entry in installed
    }


def _line(wheel: tuple[str, set[str]]) -> str:
    requirement, digests = wheel
    hashes = (f"--hash=sha256:{digest}" for digest in sorted(digests))
    return " \\\n    ".join([requirement, *hashes]) + "\n"


if __name__ == "__main__":
    sys.exit(main())
