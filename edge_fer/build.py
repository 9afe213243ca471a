"""Build the classifier and the pipeline that the settings describe.

The daemon, the library, `explain`, `bench` and the tests all build them here.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_fer.config.settings import Quality, Settings
from edge_fer.emotion.card import Card, find_model
from edge_fer.emotion.classify import Classifier
from edge_fer.emotion.session import cache_folder
from edge_fer.pipeline import Pipeline
from edge_fer.vision.detector import Detector, build_detector
from edge_fer.vision.dlib_hog import HogDetector
from edge_fer.vision.landmarks import Aligner, Landmarker
from edge_fer.vision.search import EveryFrame, Search, TrackingSearch

WARM_UPS, ROUNDS = 3, 21
"""Calls before and during the timing of a crop size."""

SearchClass = Callable[[Settings, tuple[int, ...], Detector], Search]
"""Makes the search for frames of a shape (H, W)."""

log = logging.getLogger(__name__)


def build_classifier(settings: Settings) -> Classifier:
    """Load the network of model.path, at model.size or at the size model.budget_ms allows.

    Raises:
        ModelError: the model or its card is missing or damaged, or they do not match.
    """
    model = settings.model
    classifier = Classifier(
        find_model(model.path),
        size=model.size,
        threads=model.threads,
        cache=cache_folder() if model.compiled == "auto" else None,
        provider=model.provider,
    )
    if not model.budget_ms:
        return classifier
    times_ms = time_sizes(classifier)
    return classifier.with_size(pick_size(classifier.card, times_ms, model.budget_ms))


def build_pipeline(
    settings: Settings,
    classifier: Classifier,
    search: SearchClass = TrackingSearch,
    detector: Detector | None = None,
) -> Pipeline:
    """Build the pipeline around a loaded network, and the detector of the settings unless given.

    Raises:
        ModelError: the landmark file or the detector's file is missing or damaged.
    """
    return _pipeline(settings, classifier, search, detector or build_detector(settings.vision))


def build_naive(settings: Settings, classifier: Classifier) -> Pipeline:
    """Build the baseline: HOG at upsample 1 on every whole frame, with the stock landmark file.

    Model and smoothing are those of `build_pipeline`. The quality limits are off, and a track
    without a box in a frame gets no verdict there.
    """
    detector = HogDetector(upsample=1)
    replace = msgspec.structs.replace
    vision = replace(settings.vision, min_face_px=detector.smallest_px, landmarks="")
    quality = Quality(min_ipd_px=0, max_roll_deg=180, max_turn=1, min_sharpness=0, max_cover=1)
    tracking = replace(settings.tracking, coast_s=0.0)
    naive = replace(settings, vision=vision, quality=quality, tracking=tracking)
    return _pipeline(naive, classifier, EveryFrame, detector)


def _pipeline(
    settings: Settings, classifier: Classifier, search: SearchClass, detector: Detector
) -> Pipeline:
    return Pipeline(
        settings,
        lambda shape: search(settings, shape, detector),
        Landmarker(settings.vision.landmarks),
        Aligner(classifier.card.framing.points, classifier.size),
        classifier,
    )


def time_sizes(classifier: Classifier) -> dict[int, float]:
    """Return the median inference time in ms for one face at each input size of the model.

    Raises:
        ModelError: the graph cannot run at a size of its card.
    """
    sizes = classifier.card.input.sizes
    sides = [partial(classifier.classify, [np.zeros((size, size), np.uint8)]) for size in sizes]
    medians = 1000 * np.median(interleave(sides, warm_ups=WARM_UPS, rounds=ROUNDS), axis=0)
    return dict(zip(sizes, map(float, medians), strict=True))


def pick_size(card: Card, times_ms: Mapping[int, float], budget_ms: float) -> int:
    """Return the most accurate size within the budget, by the card; else the fastest size.

    A size without an accuracy in the card ranks last; between equals the card's order decides.
    """
    fitting = [size for size in card.input.sizes if times_ms[size] <= budget_ms]
    if fitting:
        return max(fitting, key=lambda size: card.accuracy_at(size) or 0.0)
    fastest = min(times_ms, key=times_ms.__getitem__)
    log.warning(
        "model.budget_ms = %g: no input size of %s is fast enough on this device; using %d px, "
        "which takes %.3g ms per face",
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
    """Time several functions in alternation, so that other load affects all of them alike.

    Each round calls every function once, in alternating order. Return seconds, (rounds, sides).
    """
    seconds = np.zeros((warm_ups + rounds, len(sides)))
    order = range(len(sides))
    for number, row in enumerate(seconds):
        for side in reversed(order) if number % 2 else order:
            started = clock()
            sides[side]()
            row[side] = clock() - started
    return seconds[warm_ups:]
