"""Build wheel, sdist, Debian packages and SHA256SUMS into dist/.

With --twice everything is built a second time, in another folder, and must be the same.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from deploy.dashboard.build import DashboardError
from docs.pages import write_test_result
from release import CACHE, DIST, TARGETS, ReleaseError, Target
from release.deb import Made, build_deb, fresh
from release.python import build_python
from release.source import changed, copy_source, epoch

SUMS = "SHA256SUMS"

Sums = dict[str, str]
"""File name to sha256."""


def main(given: Sequence[str] | None = None) -> int:
    """Build the files; return 1 if that failed, or if a second build differs."""
    parser = argparse.ArgumentParser(prog="python -m release", description=__doc__)
    names = [target.name for target in TARGETS]
    parser.add_argument("--deb", nargs="*", choices=[*names, "none"], help="all by default")
    parser.add_argument("--twice", action="store_true", help="build a second time and compare")
    parser.add_argument("--quick", action="store_true", help="compress less, for tests")
    parser.add_argument("--out", type=Path, default=DIST)
    arguments = parser.parse_args(given)
    targets = [t for t in TARGETS if t.name in (arguments.deb or names)]
    rounds = 2 if arguments.twice else 1
    CACHE.mkdir(parents=True, exist_ok=True)
    try:
        built = _build_all(targets, arguments.out, rounds, 1 if arguments.quick else 10)
        changes = changed()
    except (OSError, ReleaseError, DashboardError) as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    if changes:
        print(f"not committed, so nobody can build the same: {len(changes)} files")
    return _compare(built[0], built[1]) if arguments.twice else 0


def _build_all(targets: Sequence[Target], out: Path, rounds: int, level: int) -> list[Sums]:
    """Build in as many folders as there are rounds, from the same files."""
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        places = [Path(folder) / name for name in ("here", "a folder of another name")[:rounds]]
        first = copy_source(places[0] / "source")
        for place in places[1:]:
            shutil.copytree(first, place / "source")
        outs = [out, *(place / "out" for place in places[1:])]
        return [
            _build(targets, place, into, level) for place, into in zip(places, outs, strict=True)
        ]


def _build(targets: Sequence[Target], work: Path, out: Path, level: int) -> Sums:
    """Build all into ``out``, with `SUMS`, from the source in a folder."""
    out.mkdir(parents=True, exist_ok=True)
    for stale in (file for end in ("whl", "tar.gz", "deb") for file in out.glob(f"*.{end}")):
        stale.unlink()
    date = epoch()
    print("wheel and sdist", flush=True)
    wheel, sdist = build_python(work / "source", out, date)
    made = Made(work / "source", wheel, wheel.name.split("-")[1], date, level)
    files = [wheel, sdist]
    for target in targets:
        print(f"package for {target.name}", flush=True)
        files.append(build_deb(made, target, out, fresh(work / "tree")))
    sums = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    (out / SUMS).write_text("".join(f"{digest}  {name}\n" for name, digest in sums.items()))
    return sums


def _compare(first: Sums, second: Sums) -> int:
    rows = [
        {"file": name, "sha256": digest, "same": "yes" if second[name] == digest else "no"}
        for name, digest in first.items()
    ]
    for row in rows:
        print("  ".join(row.values()))
    same = sum(row["same"] == "yes" for row in rows)
    write_test_result("release", f"{same} of {len(rows)} files the same", "make release", rows)
    return int(same < len(rows))


if __name__ == "__main__":
    sys.exit(main())
