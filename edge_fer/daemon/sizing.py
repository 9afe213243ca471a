"""Which of a model's chip sizes fits model.budget_ms on this device.

How long things take here: several sides in turn, so that whatever else runs hits them alike.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from edge_fer.emotion.card import Card
from edge_fer.emotion.classify import Classifier

WARM_UPS, ROUNDS = 3, 21

log = logging.getLogger(__name__)


def time_sizes(classifier: Classifier) -> dict[int, float]:
    """Chip size to the median time in ms that one chip takes.

    Raises:
        ModelError: the graph cannot be run with a size of its card.
    """
    sizes = classifier.card.input.sizes
    sides = [partial(classifier.classify, [np.zeros((size, size), np.uint8)]) for size in sizes]
    medians = 1000 * np.median(interleave(sides, warm_ups=WARM_UPS, rounds=ROUNDS), axis=0)
    return dict(zip(sizes, map(float, medians), strict=True))


def pick_size(card: Card, times_ms: Mapping[int, float], budget_ms: float) -> int:
    """The most accurate size within the budget, by the card's figures; the fastest without one.

    A size without a figure comes last; among equals the card's order decides.
    """
    fitting = [size for size in card.input.sizes if times_ms[size] <= budget_ms]
    if fitting:
        return max(fitting, key=lambda size: card.accuracy_at(size) or 0.0)
    fastest = min(times_ms, key=times_ms.__getitem__)
    log.warning(
        "model.budget_ms = %g: no size of %s is that fast here; taking %d px, a chip of which "
        "takes %.3g ms",
        budget_ms,
        card.name,
        fastest,
        times_ms[fastest],
    )
    return fastest


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
