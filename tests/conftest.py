"""Set up every test: shared fixtures, its own state folder and logging, and the options."""

import itertools
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.register_assert_rewrite("tests.support")
pytest_plugins = (
    "tests.support.media",
    "tests.support.broker",
    "tests.support.browser",
    "tests.support.service_manager",
    "tests.support.long_runs",
    "tests.support.skips",
)


@pytest.fixture(scope="session", autouse=True)
def _states(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Put a fresh state folder for daemons into the environment; return further ones."""
    os.environ.pop("STATE_DIRECTORY", None)
    folders = tmp_path_factory.mktemp("state")
    states = (folders / str(number) for number in itertools.count())
    os.environ["XDG_STATE_HOME"] = str(next(states))
    return states


@pytest.fixture(autouse=True)
def _own_state(_states: Iterator[Path]) -> Iterator[None]:
    """Keep the state of a daemon apart from the user's and from the next test's.

    The folder changes when a test ends: what a module shares starts before its first test.
    """
    yield
    os.environ["XDG_STATE_HOME"] = str(next(_states))


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    """Remove a command's log handler, whose stderr is closed at the end of its test."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
