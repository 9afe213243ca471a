"""Build the pipeline and the service from the settings.

The model's input size is chosen here too: with `model.budget_ms`, all sizes of the model are
timed on this device, and the most accurate one within the budget is used.
"""

import logging
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_fer import __version__
from edge_fer.cameras import open_camera
from edge_fer.config.load import device_name, require_acknowledged
from edge_fer.config.settings import Quality, Settings
from edge_fer.daemon.control import ServiceControl
from edge_fer.daemon.load_shedding import Throttle, ThrottledSearch, temperature
from edge_fer.daemon.reporting import build_reporter
from edge_fer.daemon.service import Components, Service
from edge_fer.emotion.card import Card, find_model
from edge_fer.emotion.classify import Classifier
from edge_fer.emotion.compiled import cache_folder
from edge_fer.mqtt.homeassistant import Facts, announce
from edge_fer.mqtt.messages import Identity
from edge_fer.mqtt.outbox import outbox_folder
from edge_fer.mqtt.publisher import Publisher
from edge_fer.pipeline import Pipeline
from edge_fer.vision.align import Aligner
from edge_fer.vision.detector import build_detector
from edge_fer.vision.dlib_hog import HogDetector
from edge_fer.vision.landmarks import Landmarker
from edge_fer.vision.search import EveryFrame, Search, TrackingSearch

WARM_UPS, ROUNDS = 3, 21

log = logging.getLogger(__name__)


def build_classifier(settings: Settings) -> Classifier:
    """Load the model at `model.size`, or at the size that fits `model.budget_ms`.

    Raises:
        ModelError: the model or its card is missing, damaged or inconsistent.
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
    return classifier.at(pick_size(classifier.card, times_ms, model.budget_ms))


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


def build_pipeline(
    settings: Settings, classifier: Classifier, throttle: Throttle | None = None
) -> Pipeline:
    """Build the stages between camera and broker around a loaded model.

    Raises:
        ModelError: the landmark file or the detector's file is missing or damaged.
    """
    detector = build_detector(settings.vision)

    def search(shape: tuple[int, ...]) -> Search:
        if throttle is None:
            return TrackingSearch(settings, shape, detector)
        return ThrottledSearch(settings, shape, detector, throttle)

    return _pipeline(settings, classifier, search)


def build_naive(settings: Settings, classifier: Classifier) -> Pipeline:
    """Build the baseline: HOG at upsample 1 on every whole frame, with the stock landmark file.

    Model and smoothing are those of `build_pipeline`. No face is rejected for its quality, and
    no face is kept in a frame in which it is not found.
    """
    detector = HogDetector(upsample=1)
    replace = msgspec.structs.replace
    vision = replace(settings.vision, min_face_px=detector.smallest_px, landmarks="")
    quality = Quality(min_ipd_px=0, max_roll_deg=180, max_turn=1, min_sharpness=0, max_cover=1)
    tracking = replace(settings.tracking, coast_s=0.0)
    naive = replace(settings, vision=vision, quality=quality, tracking=tracking)
    return _pipeline(naive, classifier, lambda shape: EveryFrame(naive, shape, detector))


def _pipeline(
    settings: Settings, classifier: Classifier, search: Callable[[tuple[int, ...]], Search]
) -> Pipeline:
    aligner = Aligner(classifier.card.framing.points, classifier.size)
    return Pipeline(settings, search, Landmarker(settings.vision.landmarks), aligner, classifier)


def build_service(
    settings: Settings,
    control: ServiceControl,
    *,
    max_frames: int | None = None,
    reread: Callable[[], Settings] | None = None,
) -> Service:
    """Build the daemon, not yet connected to camera or broker.

    A reload takes its settings from ``reread``.

    Raises:
        ConfigError: a setting, the model or the landmark file is invalid.
    """

    def rebuild(before: Components) -> Components:
        if reread is None:
            return before
        new = reread()
        require_acknowledged(new)
        return build_components(new, control, before)

    components = build_components(settings, control)
    return Service(components, control, rebuild=rebuild, max_frames=max_frames)


def build_components(
    settings: Settings, control: ServiceControl, before: Components | None = None
) -> Components:
    """Build the components of a service, reusing those of ``before`` that would be the same.

    The model is always loaded and verified against its card, hash and golden vectors.

    Raises:
        ConfigError: a setting, the model or the landmark file is invalid.
    """
    classifier = build_classifier(settings)
    log.info(
        "model %s at %d px on %s%s",
        classifier.card.name,
        classifier.size,
        classifier.provider,
        ", compiled for this device" if classifier.compiled else "",
    )
    card, throttle = classifier.card, before.throttle if before else Throttle()
    camera = pipeline = publisher = reporter = None
    if before is not None:
        old = before.settings
        camera = before.camera if old.camera == settings.camera else None
        if _pipeline_inputs(old, before.card) == _pipeline_inputs(settings, card):
            pipeline = before.pipeline
        if _publisher_inputs(old, before.card) == _publisher_inputs(settings, card):
            publisher, reporter = before.publisher, before.reporter
    publisher = publisher or build_publisher(settings, card, control)
    return Components(
        settings,
        card,
        camera or open_camera(settings.camera),
        pipeline or build_pipeline(settings, classifier, throttle),
        publisher,
        reporter or build_reporter(settings.privacy, publisher),
        throttle,
    )


def build_publisher(settings: Settings, card: Card, control: ServiceControl) -> Publisher:
    """Build the publisher, not yet connected; each one has its own session.

    Raises:
        ConfigError: a broker address or the password file is invalid.
    """
    identity, folder = identify(settings, card), outbox_folder(settings.mqtt)
    facts = Facts(
        card.labels,
        settings.stats.interval_s,
        settings.privacy.interval_s if settings.privacy.mode == "aggregate" else None,
        thermometer=bool(temperature()),
    )
    announcement = announce(settings.homeassistant, identity, facts)
    return Publisher(
        settings.mqtt,
        identity,
        control.enable,
        folder=folder,
        announcement=announcement,
        per_face=settings.privacy.mode == "faces",
    )


def identify(settings: Settings, card: Card, *, prefix: str = "") -> Identity:
    """Return the sender's identity with a new session, below ``prefix`` or else `mqtt.prefix`."""
    return Identity(
        prefix=prefix or settings.mqtt.prefix,
        device=device_name(settings),
        camera=settings.camera.name,
        session=secrets.token_hex(4),
        version=__version__,
        model_name=card.name,
        model_sha256=card.sha256,
    )


def _pipeline_inputs(settings: Settings, card: Card) -> tuple[object, ...]:
    """Return all values that the pipeline depends on."""
    each = settings
    return each.vision, each.quality, each.tracking, each.model, each.smoothing, card


def _publisher_inputs(settings: Settings, card: Card) -> tuple[object, ...]:
    """Return all values that the publisher depends on."""
    each = settings
    announced = (each.stats.interval_s, card.labels) if each.homeassistant.discovery == "on" else ()
    own = each.mqtt, each.privacy, each.homeassistant, each.device, each.camera.name
    return *own, card.name, card.sha256, announced
