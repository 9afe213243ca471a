"""Summarize the skipped tests by reason, and refuse a skip that a package would have avoided.

With ``EDGE_FER_TESTS_COMPLETE`` set, as in a fresh system whose packages the project's own setup
installed, a test may be skipped only for a reason in `ALLOWED`: what no package brings.
"""

import collections
import os
import re

import pytest

ALLOWED = re.compile(
    r"EDGE_FER_(MEDIA|DATA|YUNET)"  # data that may not be redistributed
    r"|needs root|root may read all"  # the user who runs the tests
    r"|(has|has no) GStreamer"  # a property of the opencv wheel
    r"|is (INT8|int8|fp32)|models/ is empty"  # does not apply to that model
    r"|picamera2 is installed|built for more than the cpu"
)
COMPLETE = "EDGE_FER_TESTS_COMPLETE"


def _reasons(reporter: pytest.TerminalReporter) -> collections.Counter[str]:
    found: collections.Counter[str] = collections.Counter()
    for report in reporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        found[reason.removeprefix("Skipped: ")] += 1
    return found


def _forbidden(reasons: collections.Counter[str]) -> list[str]:
    if not os.environ.get(COMPLETE):
        return []
    return [reason for reason in reasons if not ALLOWED.search(reason)]


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and session.exitstatus == 0 and _forbidden(_reasons(reporter)):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reasons = _reasons(terminalreporter)
    if not reasons:
        return
    terminalreporter.section(f"{reasons.total()} skipped", sep="-")
    for reason, count in reasons.most_common():
        terminalreporter.line(f"{count:4}  {reason}")
    for reason in _forbidden(reasons):
        terminalreporter.line(f"{COMPLETE}: must not be skipped: {reason}", red=True)
