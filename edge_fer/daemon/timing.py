"""How long things take here: several sides in turn, so that whatever else runs hits them alike."""

import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray


def interleave(
    sides: Sequence[Callable[[], object]],
    *,
    warm_ups: int,
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
) -> NDArray[np.float64]:
    """Call each side once a round, forwards and backwards by turns; seconds (rounds, sides)."""
    seconds = np.zeros((warm_ups + rounds, len(sides)))
    order = range(len(sides))
    for number, row in enumerate(seconds):
        for side in reversed(order) if number % 2 else order:
            started = clock()
            sides[side]()
            row[side] = clock() - started
    return seconds[warm_ups:]
