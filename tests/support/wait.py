"""Wait for a condition."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

DEADLINE_S = 60.0
"""Long enough for a machine that also does other work."""


def wait_until(
    reached: Callable[[], T], what: str, deadline_s: float = DEADLINE_S, pause_s: float = 0.005
) -> T:
    """Return the first true value of ``reached``.

    Raises:
        AssertionError: the deadline passed first.
    """
    deadline = time.monotonic() + deadline_s
    while not (value := reached()):
        assert time.monotonic() < deadline, f"never {what}"
        time.sleep(pause_s)
    return value
