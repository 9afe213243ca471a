"""`python -m tools.release`: wheel, sdist, .debs and SHA256SUMS in dist/; 1 where it failed.

With --twice all is built a second time in another folder, and must come out the same.
"""

from __future__ import annotations

import argparse
import hashlib
import shlex
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tools.dashboard import DashboardError
from tools.progress import Progress, StepError
from tools.proofs import Proof, save
from tools.release import CACHE, DIST, TARGETS, ReleaseError, Target
from tools.release.deb import Made, build_deb, fresh
from tools.release.python import build_python
from tools.release.source import changed, copy_source, epoch

SUMS = "SHA256SUMS"

Sums = dict[str, str]
"""File name to sha256."""


def main(given: Sequence[str] | None = None) -> int:
    """Build, print what was built."""
    given = sys.argv[1:] if given is None else given
    parser = argparse.ArgumentParser(prog="tools.release", description=__doc__)
    names = [target.name for target in TARGETS]
    parser.add_argument("--deb", nargs="*", choices=[*names, "none"], help="all by default")
    parser.add_argument("--twice", action="store_true", help="and compare")
    parser.add_argument("--quick", action="store_true", help="large packages, for trying")
    parser.add_argument("--out", type=Path, default=DIST)
    arguments = parser.parse_args(given)
    targets = [t for t in TARGETS if t.name in (arguments.deb or names)]
    rounds = 2 if arguments.twice else 1
    progress = Progress(rounds * (1 + len(targets)), CACHE / "log.txt")
    try:
        built = _build_all(progress, targets, arguments.out, rounds, 1 if arguments.quick else 10)
        changes = changed()
    except (StepError, OSError, ReleaseError, DashboardError) as error:
        progress.show_failure(error)
        return 1
    if changes:
        print(f"not as committed, so nobody can build the same: {len(changes)} files")
    if not arguments.twice:
        return 0
    command = shlex.join(["python", "-m", "tools.release", *given])
    return _compare(built[0], built[1], command, len(changes))


def _build_all(
    progress: Progress, targets: Sequence[Target], out: Path, rounds: int, level: int
) -> list[Sums]:
    """Build in as many folders as there are rounds, from the same files."""
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        places = [Path(folder) / name for name in ("here", "a folder of another name")[:rounds]]
        first = copy_source(places[0] / "source")
        for place in places[1:]:
            shutil.copytree(first, place / "source")
        outs = [out, *(place / "out" for place in places[1:])]
        return [
            _build(progress, targets, place, into, level)
            for place, into in zip(places, outs, strict=True)
        ]


def _build(
    progress: Progress, targets: Sequence[Target], work: Path, out: Path, level: int
) -> Sums:
    """Build all into ``out``, with `SUMS`, from the source in a folder."""
    out.mkdir(parents=True, exist_ok=True)
    for stale in (file for end in ("whl", "tar.gz", "deb") for file in out.glob(f"*.{end}")):
        stale.unlink()
    date = epoch()
    progress.begin("wheel and sdist")
    wheel, sdist = build_python(progress, work / "source", out, date)
    progress.end()
    made = Made(work / "source", wheel, wheel.name.split("-")[1], date, level)
    files = [wheel, sdist]
    for target in targets:
        progress.begin(f"package for {target.name}")
        files.append(build_deb(progress, made, target, out, fresh(work / "tree")))
        progress.end()
    sums = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    (out / SUMS).write_text("".join(f"{digest}  {name}\n" for name, digest in sums.items()))
    return sums


def _compare(first: Sums, second: Sums, command: str, changes: int) -> int:
    rows = tuple(
        {"file": name, "sha256": digest, "same": "yes" if second[name] == digest else "no"}
        for name, digest in first.items()
    )
    for row in rows:
        print("  ".join(row.values()))
    same = sum(row["same"] == "yes" for row in rows)
    python_same = all(row["same"] == "yes" for row in rows[:2])
    save(
        "release",
        Proof(
            title="A reproducible release",
            floor="wheel and sdist are the same from the same files",
            aim="the Debian packages too",
            reached=f"{same} of {len(rows)} files the same",
            verdict="below the floor"
            if not python_same
            else "aim"
            if same == len(rows) > 2
            else "floor",
            command=command,
            note="Built twice from the same files in folders of different names, dated by the "
            f"commit; {changes or 'no'} files were not as committed. Both rounds run on one "
            "machine with one Python, pip and dpkg: that others give the same bytes was not "
            "tried.",
            rows=rows,
        ),
    )
    return int(same < len(rows))


if __name__ == "__main__":
    sys.exit(main())
