"""`python -m tools.release.newcomer` installs the .debs of dist/ into bare Debian systems.

Walks a newcomer's path from nothing to the first event and times it; then upgrades, removes and
purges, and compares the files before and after. Writes the record `debian-package`.
"""

from __future__ import annotations

import argparse
import contextlib
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from edge_fer.measure.demo import PrivateBroker
from tools.progress import Progress, StepError
from tools.proofs import Proof, save
from tools.release import CACHE, ROOT, TARGETS, ReleaseError, Target
from tools.release.deb import find_deb
from tools.release.roots import Root, fresh_root
from tools.release.webview import show

CLIP = ROOT / ".cache" / "carphone_pristine.mp4"
CONFIG = "/etc/edge-fer/edge-fer.toml"
KEPT = {"etc/edge-fer", "etc/edge-fer/edge-fer.toml", "var/lib/edge-fer", "var/lib/edge-fer/x"}
"""What `apt remove` may leave: configuration and state."""

ANSWERS = """\
[privacy]
acknowledge_use = "research"
[camera]
source = "file:/tmp/clip.mp4"
[vision]
min_face_px = 40
[mqtt]
brokers = ["{url}"]
outbox = "/var/lib/edge-fer"
"""

Row = dict[str, str | int | float]


def main() -> int:
    """Walk through all native targets; 1 where something does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    native = [target for target in TARGETS if target.arch == "amd64"]
    names = [target.name for target in native]
    parser.add_argument("targets", nargs="*", default=names, choices=names)
    chosen = parser.parse_args().targets
    targets = [target for target in native if target.name in chosen]
    progress, rows = Progress(2 * len(targets), CACHE / "newcomer.log"), []
    try:
        for target in targets:
            rows += [{"on": target.name, **row} for row in _walk(progress, target)]
    except (StepError, OSError, ReleaseError) as error:
        progress.show_failure(error)
        return 1
    for row in rows:
        print("  ".join(map(str, row.values())))
    _record(rows)
    return int(any(row["holds"] == "no" for row in rows))


def _walk(progress: Progress, target: Target) -> list[Row]:
    deb = find_deb(target)
    progress.begin(f"{target.name}: from nothing to an event")
    with fresh_root(progress, target) as root, PrivateBroker() as broker:
        rows = _first_event(root, deb, broker.url)
    progress.end()
    progress.begin(f"{target.name}: upgrade, remove, purge")
    with fresh_root(progress, target) as root:
        rows += _life(root, deb)
    progress.end()
    return rows


def _timed(step: str, what: Callable[[], str], holds: Callable[[str], bool]) -> Row:
    start = time.monotonic()
    text = what()
    return {
        "step": step, "seconds": round(time.monotonic() - start, 1),
        "holds": "yes" if holds(text) else "no",
    }  # fmt: skip


def _first_event(root: Root, deb: Path, url: str) -> list[Row]:
    root.put(deb, "/tmp/edge-fer.deb")
    root.put(CLIP, "/tmp/clip.mp4")
    (root.folder / "tmp/answers.toml").write_text(ANSWERS.format(url=url))
    event = root.folder / "tmp/event.json"
    return [
        _timed("apt-get update", lambda: root.apt("update"), bool),
        _timed(
            "apt-get install ./edge-fer.deb, with what it needs",
            lambda: root.apt("install", "/tmp/edge-fer.deb"),
            lambda text: "next: sudo edge-fer setup" in text,
        ),
        _timed(
            "edge-fer setup --from answers.toml: camera and broker tried",
            lambda: root.run("edge-fer", "setup", "--from", "/tmp/answers.toml"),
            lambda text: "accepts us" in text and f"written: {CONFIG}" in text,
        ),
        _timed(
            "edge-fer run: the first event at a subscriber",
            lambda: _event(root, url, event),
            lambda text: '"emotion"' in text,
        ),
        _timed(
            "the page of the package, served there, takes that event",
            lambda: show(root, event.read_text()), lambda text: '"scores"' in text,
        ),
        _timed(
            "edge-fer check --report", lambda: root.run("edge-fer", "check", "--report"),
            lambda text: "| error |" not in text and "| model | ok |" in text,
        ),
    ]  # fmt: skip


def _event(root: Root, url: str, copy: Path) -> str:
    """Run the daemon until a subscriber has an event; return and keep that.

    Raises:
        ReleaseError: the daemon ended without one.
    """
    port = url.rpartition(":")[2]
    wait = ["mosquitto_sub", "-p", port, "-t", "edge-fer/+/event", "-C", "1", "-W", "900"]
    log = root.folder / "tmp/run.log"
    with (
        log.open("w") as errors,
        subprocess.Popen(wait, stdout=subprocess.PIPE, text=True) as subscriber,
        subprocess.Popen(root.command("edge-fer", "run"), stderr=errors) as daemon,
    ):
        while subscriber.poll() is None and daemon.poll() is None:
            time.sleep(0.1)
        daemon.terminate()
        daemon.wait()
        with contextlib.suppress(subprocess.TimeoutExpired):
            subscriber.wait(5)
        subscriber.terminate()
        text, _ = subscriber.communicate()
    if not text:
        raise ReleaseError(f"edge-fer run: no event: {log.read_text()[-500:]}")
    copy.write_text(text)
    return text


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
        _timed(
            "upgrade keeps a changed configuration",
            lambda: root.apt("install", f"/tmp/{newer.name}") and config.read_text(),
            lambda text: text.endswith("# changed by hand\n"),
        ),
        _timed(
            "bytecode, link, manual, completions and unit are there",
            lambda: root.run("sh", "-c", PRESENT, check=False), lambda text: "all there" in text,
        ),
    ]  # fmt: skip
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
    row = _timed(f"apt-get {command}", lambda: root.apt(command, "edge-fer"), lambda _: True)
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


def _record(rows: list[Row]) -> None:
    holds = all(row["holds"] == "yes" for row in rows)
    systems = {row["on"] for row in rows}
    paths = [[row for row in rows if row["on"] == system][:4] for system in systems]
    slowest = max(sum(float(row["seconds"]) for row in path) for path in paths)
    save(
        "debian-package",
        Proof(
            title="The Debian package",
            floor="installs, runs and goes without a trace",
            aim="an event within five minutes of a bare system",
            reached=f"an event {slowest / 60:.1f} minutes after a bare system",
            verdict=("aim" if slowest < 300 else "floor") if holds else "below the floor",
            command=shlex.join(["python", "-m", "tools.release.newcomer", *sys.argv[1:]]),
            note="In chroots of bare Debian systems made by mmdebstrap, thrown away after each "
            "row of the walk. The camera is a clip, the broker mosquitto outside the chroot. "
            "Seconds hold the download of what the package needs, and hang on the machine and "
            "its network. Not tried there: systemd, which no chroot has, and a real camera.",
            rows=tuple(rows),
        ),
    )


if __name__ == "__main__":
    sys.exit(main())
