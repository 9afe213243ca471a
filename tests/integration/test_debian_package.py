"""Install the Debian packages of dist/ into minimal systems, as a newcomer does: `make try-deb`.

The walk goes from nothing to an event on the web view, and is timed; then the package is upgraded,
removed and purged, and the files before and after are compared. Needs root and `make deb`.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from release import TARGETS, ReleaseError, Target
from release.deb import find_deb

from tests.integration.debian.first_event import CONFIG, Row, first_event, timed
from tests.support.chroot import Root, fresh_root, needs_root
from tests.support.long_runs import Record

pytestmark = [pytest.mark.integration, needs_root]
NATIVE = [target for target in TARGETS if target.arch == "amd64"]
NEWCOMER_S = 300

KEPT = {"etc/edge-fer", "etc/edge-fer/edge-fer.toml", "var/lib/edge-fer", "var/lib/edge-fer/x"}
"""What `apt remove` may leave: configuration and state."""


@pytest.fixture(scope="module")
def walked(record: Record) -> Iterator[list[Row]]:
    """Yield the list of the steps; record it after the last test."""
    rows: list[Row] = []
    yield rows
    good = sum(row["holds"] == "yes" for row in rows)
    record("debian-package", f"{good} of {len(rows)} steps hold", rows)


def package(target: Target) -> Path:
    try:
        return find_deb(target)
    except ReleaseError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("target", NATIVE, ids=lambda target: target.name)
def test_a_newcomer_sees_an_event_within_five_minutes(target: Target, walked: list[Row]) -> None:
    deb = package(target)
    with fresh_root(target) as root:
        rows, seconds = first_event(root, deb)
    walked += ({"on": target.name, **row} for row in rows)
    assert [] == [row for row in rows if row["holds"] != "yes"]
    assert seconds < NEWCOMER_S


@pytest.mark.parametrize("target", NATIVE, ids=lambda target: target.name)
def test_an_upgrade_keeps_the_configuration_and_a_purge_leaves_nothing(
    target: Target, walked: list[Row]
) -> None:
    deb = package(target)
    with fresh_root(target) as root:
        rows = _life(root, deb)
    walked += ({"on": target.name, **row} for row in rows)
    assert [] == [row for row in rows if row["holds"] != "yes"]


def _life(root: Root, deb: Path) -> list[Row]:
    """Install, change, upgrade, remove and purge; return each step with the files left."""
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
    """Return the same package with a higher version and another default configuration."""
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
