"""Share the Debian in which the service runs, between the tests that boot it."""

import shutil
from pathlib import Path

import pytest

from tests.integration.systemd.machine import HERE, PYTHON, build


@pytest.fixture(scope="session")
def debian() -> Path:
    """Return a Debian 12 with this checkout installed by `make install`."""
    if not PYTHON.exists():
        pytest.skip(f"{PYTHON} is not here; the service runs with it in a Debian 12")
    for program in ("debootstrap", "systemd-nspawn"):
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed; make systemd installs it")
    return build(HERE / ".cache" / "systemd")
