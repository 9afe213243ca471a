"""Run `edge-fer setup` on a machine with systemd, by questions and from a file: `make first-start`.

A Debian 12 with mosquitto and this checkout's `make install`, booted twice by systemd-nspawn. The
questions are answered on a terminal (pty), with Debian's mosquitto as its package leaves it; the
file's broker is mosquitto with deploy/mosquitto, TLS and a password. The camera is a folder of
pictures. Not tested: a real camera, brokers by mDNS, and sudo. Needs root.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from tests.integration.systemd.finding import Finding, failures, rows
from tests.integration.systemd.interactive_setup import asked
from tests.integration.systemd.machine import debian  # noqa: F401
from tests.integration.systemd.unattended_setup import unasked
from tests.support.chroot import needs_root
from tests.support.long_runs import Record

pytestmark = [pytest.mark.integration, needs_root]


@pytest.fixture(scope="module")
def found(record: Record) -> Iterator[list[Finding]]:
    """Yield the list of the findings; record it after the last test."""
    findings: list[Finding] = []
    yield findings
    good = sum(finding.holds is True for finding in findings)
    record("setup", f"{good} of {len(findings)} hold", rows(findings))


@pytest.mark.parametrize("setup", [asked, unasked], ids=["by questions", "from a file"])
def test_the_first_start_ends_with_a_service_that_publishes(
    setup: Callable[[Path], Iterable[Finding]], debian: Path, found: list[Finding]
) -> None:
    findings = list(setup(debian))
    found += findings
    assert findings
    assert [] == failures(findings)
