"""Compare the arm64 package, under emulation, with that of x86, event by event: `make arm64`.

apt installs both packages into minimal Debian systems; each plays the first frames of the clip.
The events are compared as a whole, and then each step of each look at the face, given what x86
made of the step before. The frames are decoded once, because FFmpeg rounds colors differently on
arm64. dpkg, the scripts of the package and the daemon run under qemu-user: that shows that they
work and agree, and nothing about speed. Needs root and `make deb`.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from release import TARGETS, ReleaseError
from release.deb import find_deb

from tests.integration.arm64.compare import Row, compare, compare_steps, holds
from tests.integration.arm64.side import Side, decode
from tests.support.chroot import fresh_root, needs_root
from tests.support.long_runs import Effort, Record

pytestmark = [pytest.mark.integration, needs_root]
FRAMES = 60
SUITES = sorted({target.suite for target in TARGETS})


@pytest.fixture(scope="module")
def compared(record: Record) -> Iterator[list[Row]]:
    """Yield the list of the comparisons; record it after the last test."""
    rows: list[Row] = []
    yield rows
    worst = max((row["largest score difference"] for row in rows), default=0.0)
    good = sum(map(holds, rows))
    record("arm64", f"{good} of {len(SUITES)} releases agree, scores within {worst:.4f}", rows)


@pytest.mark.parametrize("suite", SUITES)
def test_arm64_agrees_with_x86(
    suite: str, compared: list[Row], effort: Effort, tmp_path: Path
) -> None:
    targets = [target for target in TARGETS if target.suite == suite]
    try:
        [find_deb(target) for target in targets]
    except ReleaseError as error:
        pytest.skip(str(error))
    frames = effort.rounds or FRAMES
    clip = decode(tmp_path, frames)
    with ExitStack() as stack:
        x86, arm = (
            Side(target, stack.enter_context(fresh_root(target)), clip, frames)
            for target in targets
        )
        with ThreadPoolExecutor() as both:
            played = list(both.map(Side.play, (x86, arm)))
        given = x86.follow()
        followed = arm.follow(given)
        row = compare(*played) | compare_steps(dict(np.load(given)), dict(np.load(followed)))
    compared.append(row)
    assert holds(row), row
