"""Options of long tests, and the record of their results.

`--rounds`, `--jobs`, `--minutes` and `--seed` set the effort; with `--record` a test renews its
part of docs/background/stress-tests.md.
"""

import dataclasses
import shlex
import sys
import time
from collections.abc import Callable, Mapping, Sequence

import pytest

from docs.pages import write_test_result

MARKERS = {
    "integration": "runs the daemon with another real program; takes minutes",
    "stress": "takes minutes to hours",
}
Record = Callable[[str, str, Sequence[Mapping[str, object]]], None]
"""Takes the name of the place on the page, the result in words, and rows of a table."""


@dataclasses.dataclass(frozen=True)
class Effort:
    """How long a test runs."""

    rounds: int | None
    """None for the test's own number."""
    jobs: int
    seed: int
    until: float
    """On the monotonic clock; no round begins later."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("long tests")
    group.addoption("--rounds", type=int, help="rounds, cases or frames of each test")
    group.addoption("--jobs", type=int, default=2, help="how many rounds run in parallel")
    group.addoption("--minutes", type=float, default=1e6, help="begin no round after this time")
    group.addoption("--seed", type=int, default=1, help="seed, or number of the first case")
    group.addoption("--record", action="store_true", help="renew docs/background/stress-tests.md")


def pytest_configure(config: pytest.Config) -> None:
    for name, meaning in MARKERS.items():
        config.addinivalue_line("markers", f"{name}: {meaning}")
    if not config.option.markexpr:
        config.option.markexpr = " and ".join(f"not {name}" for name in MARKERS)


@pytest.fixture
def effort(pytestconfig: pytest.Config) -> Effort:
    """Return the effort that the command line asks for."""
    of = pytestconfig.getoption
    until = time.monotonic() + 60 * of("--minutes")
    return Effort(of("--rounds"), of("--jobs"), of("--seed"), until)


@pytest.fixture(scope="session")
def record(pytestconfig: pytest.Config) -> Record:
    """Print a result; with `--record`, also put it on the page."""
    asked = pytestconfig.getoption("--record")
    words = [word for word in sys.argv[1:] if word != "--record"]

    def keep(name: str, result: str, rows: Sequence[Mapping[str, object]] = ()) -> None:
        print(f"{name}: {result}", *rows, sep="\n  ")
        if asked:
            write_test_result(name, result, shlex.join(["pytest", *words]), rows)

    return keep
