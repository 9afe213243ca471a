"""`python -m tools.release.newcomer` installs the .debs of dist/ into bare Debian systems.

Walks a newcomer's path from nothing to an event on the web view and times it; then upgrades,
removes and purges, and compares the files before and after. Writes the record `debian-package`.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from pathlib import Path

from tools.progress import Progress, StepError
from tools.proofs import Proof, save
from tools.release import CACHE, DIST, TARGETS, ReleaseError, Target
from tools.release.deb import find_deb
from tools.release.firstevent import CONFIG, Row, first_event, timed
from tools.release.roots import Root, fresh_root

KEPT = {"etc/edge-fer", "etc/edge-fer/edge-fer.toml", "var/lib/edge-fer", "var/lib/edge-fer/x"}
"""What `apt remove` may leave: configuration and state."""


def main() -> int:
    """Walk through all native targets; 1 where something does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    native = [target for target in TARGETS if target.arch == "amd64"]
    names = [target.name for target in native]
    # With choices, argparse refuses the empty list that "none given" is.
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(names))
    parser.add_argument("--debs", type=Path, default=DIST, metavar="DIR", help="where they are")
    arguments = parser.parse_args()
    wanted = arguments.targets or names
    if unknown := set(wanted) - set(names):
        parser.error(f"{', '.join(sorted(unknown))}: must be of {', '.join(names)}")
    targets = [target for target in native if target.name in wanted]
    progress, rows, seconds = Progress(2 * len(targets), CACHE / "newcomer.log"), [], []
    try:
        for target in targets:
            walked, took = _walk(progress, target, find_deb(target, arguments.debs))
            rows += [{"on": target.name, **row} for row in walked]
            seconds.append(took)
    except (StepError, OSError, ReleaseError) as error:
        progress.show_failure(error)
        return 1
    for row in rows:
        print("  ".join(map(str, row.values())))
    _record(rows, max(seconds))
    return int(any(row["holds"] == "no" for row in rows))


def _walk(progress: Progress, target: Target, deb: Path) -> tuple[list[Row], float]:
    progress.begin(f"{target.name}: from nothing to an event")
    with fresh_root(progress, target) as root:
        rows, seconds = first_event(root, deb)
    progress.end()
    progress.begin(f"{target.name}: upgrade, remove, purge")
    with fresh_root(progress, target) as root:
        rows += _life(root, deb)
    progress.end()
    return rows, seconds


def _life(root: Root, deb: Path) -> list[Row]:
    """Install, change, upgrade, remove, purge; the files say what is left."""
    root.apt("update")
    root.apt("satisfy", _field(deb, "Depends").strip())
    before = root.files()
    root.put(deb, "/tmp/edge-fer.deb")
    root.run("dpkg", "--install", "/tmp/edge-fer.deb")
    config = root.folder / CONFIG.lstrip("/")
    config.write_text(config.read_text() + "# changed by hand\n")
    (root.folder / "var/lib/edge-fer").mkdir()
    (root.folder / "var/lib/edge-fer/x").touch()
    newer = _newer(deb, root.folder / "tmp")
    rows = [
        timed(
            "upgrade keeps a changed configuration",
            lambda: root.apt("install", f"/tmp/{newer.name}") and config.read_text(),
            lambda text: text.endswith("# changed by hand\n"),
        ),
        timed(
            "bytecode, link, manual, completions and unit are there",
            lambda: root.run("sh", "-c", PRESENT, check=False),
            lambda text: "all there" in text,
        ),
    ]
    rows.append(_left(root, before, "remove", KEPT | {f"{c}.dpkg-dist" for c in [CONFIG[1:]]}))
    rows.append(_left(root, before, "purge", set()))
    return rows


PRESENT = """\
test -d /opt/edge-fer/lib/python3.*/site-packages/edge_fer/cli/__pycache__ &&
edge-fer --version &&
zcat /usr/share/man/man1/edge-fer.1.gz | grep -q "COMMAND.*setup" &&
bash -c '. /usr/share/bash-completion/completions/edge-fer && complete -p edge-fer' &&
test -s /usr/share/zsh/vendor-completions/_edge-fer &&
test -s /usr/share/edge-fer/dashboard/index.html &&
test -s /usr/lib/systemd/system/edge-fer.service &&
test -s /usr/lib/systemd/system/edge-fer@.service && echo all there
"""


def _left(root: Root, before: set[str], command: str, allowed: set[str]) -> Row:
    row = timed(f"apt-get {command}", lambda: root.apt(command, "edge-fer"), lambda _: True)
    left = root.files() - before - allowed
    lost = before - root.files()
    row["step"] = f"{row['step']}: {len(left)} files too many, {len(lost)} too few"
    row["holds"] = "no" if left or lost else "yes"
    print("\n".join(sorted(left | lost)[:20]))
    return row


def _newer(deb: Path, folder: Path) -> Path:
    """The same package with a higher version and another default configuration."""
    tree, newer = folder / "newer", folder / "edge-fer-newer.deb"
    subprocess.run(["dpkg-deb", "--raw-extract", str(deb), str(tree)], check=True)
    control = tree / "DEBIAN/control"
    control.write_text(control.read_text().replace("Version: ", "Version: 1000+"))
    shipped = tree / CONFIG.lstrip("/")
    shipped.write_text(shipped.read_text() + "# a new option\n")
    pack = ["dpkg-deb", "--root-owner-group", "-Znone", "--build", str(tree), str(newer)]
    subprocess.run(pack, check=True, capture_output=True)
    return newer


def _field(deb: Path, name: str) -> str:
    return subprocess.run(
        ["dpkg-deb", "--field", str(deb), name], check=True, capture_output=True, text=True
    ).stdout


def _record(rows: list[Row], slowest: float) -> None:
    holds = all(row["holds"] == "yes" for row in rows)
    save(
        "debian-package",
        Proof(
            title="The Debian package",
            floor="installs, runs and goes without a trace",
            aim="an event on the web view within five minutes of a bare system",
            reached=f"an event on the web view {slowest / 60:.1f} minutes after a bare system",
            verdict=("aim" if slowest < 300 else "floor") if holds else "below the floor",
            command=shlex.join(["python", "-m", "tools.release.newcomer", *sys.argv[1:]]),
            note="In chroots of bare Debian systems made by mmdebstrap, thrown away after each "
            "row of the walk. The camera is a clip; broker, its configuration and the page's "
            "server are those of docs/start/first-event.md, in the chroot; the rows of the page say what "
            "looked at it from outside, node where there is no Chromium, which runs the page's "
            "parse.js alone. Seconds hold the download of what the package needs, and hang on "
            "the machine and its network. Not tried there: systemd, which no chroot has, and a "
            "real camera.",
            rows=tuple(rows),
        ),
    )


if __name__ == "__main__":
    sys.exit(main())
