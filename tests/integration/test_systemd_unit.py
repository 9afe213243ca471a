"""Boot a Debian with edge-fer in it, and check what the unit promises: `make systemd`.

The shipped unit, its configuration and the broker's files as docs/guides/security.md has them are
installed by `make install` into a Debian 12 and booted by systemd-nspawn. Not as shipped: the
camera is a folder of pictures, a drop-in starts the probe of the sandbox (ExecStartPost=), another
lets the daemon find Debian's python3-systemd (Environment=PYTHONPATH=), and cgroup v1's controller
of devices is mounted for writing. What the kernel does not give a container stays unproved.

Needs root. The Debian is made once, in .cache/systemd, and takes half a gigabyte.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from tests.integration.systemd.environment import Rig
from tests.integration.systemd.finding import Finding, failures, rows
from tests.integration.systemd.life import fail, hang, reload, start, stop
from tests.integration.systemd.machine import CLIP, booted, debian  # noqa: F401
from tests.integration.systemd.sandbox import fence
from tests.support.chroot import needs_root
from tests.support.long_runs import Record

pytestmark = [pytest.mark.integration, needs_root]


@pytest.fixture(scope="module")
def rig(debian: Path) -> Iterator[Rig]:
    with booted(debian) as machine:
        yield Rig(machine, CLIP)


@pytest.fixture(scope="module")
def found(record: Record) -> Iterator[list[Finding]]:
    """Yield the list of the findings; record it after the last test."""
    findings: list[Finding] = []
    yield findings
    tried = [finding for finding in findings if finding.holds is not None]
    good, unproved = sum(finding.holds is True for finding in tried), len(findings) - len(tried)
    record("systemd", f"{good} of {len(tried)} hold; {unproved} unproved", rows(findings))


# In this order: each part goes on with the unit as the one before left it.
@pytest.mark.parametrize(
    "part", [start, fence, reload, hang, stop, fail], ids=lambda part: part.__name__
)
def test_the_unit_keeps_its_promises(
    part: Callable[[Rig], Iterable[Finding]], rig: Rig, found: list[Finding]
) -> None:
    findings = list(part(rig))
    found += findings
    assert findings
    assert [] == failures(findings)
