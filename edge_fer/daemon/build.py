"""Settings to a running whole: which class is built from which section."""

import logging
import secrets
from collections.abc import Callable

import msgspec

from edge_fer import __version__
from edge_fer.cameras import open_camera
from edge_fer.config.load import device_name, require_acknowledged
from edge_fer.config.settings import Quality, Settings
from edge_fer.daemon.components import Parts
from edge_fer.daemon.control import Switch
from edge_fer.daemon.load_shedding import Pace, PacedSearch, temperature
from edge_fer.daemon.reporting import build_teller
from edge_fer.daemon.service import Service
from edge_fer.daemon.sizing import pick_size, time_sizes
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

log = logging.getLogger(__name__)


def build_classifier(settings: Settings) -> Classifier:
    """The network that model.path names, at model.size or at what model.budget_ms allows.

    Raises:
        ModelError: model or card is missing or damaged, or they do not fit.
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


def build_pipeline(
    settings: Settings, classifier: Classifier, pace: Pace | None = None
) -> Pipeline:
    """Everything between camera and broker, around a loaded network.

    Raises:
        ModelError: the landmark file or the detector's is missing or damaged.
    """
    detector = build_detector(settings.vision)

    def search(shape: tuple[int, ...]) -> Search:
        if pace is None:
            return TrackingSearch(settings, shape, detector)
        return PacedSearch(settings, shape, detector, pace)

    return _pipeline(settings, classifier, search)


def build_naive(settings: Settings, classifier: Classifier) -> Pipeline:
    """What most programs do: HOG at upsample 1 on every whole frame, the stock landmark file.

    Model and smoothing are those of `build_pipeline`; no face is refused for its quality, and
    none is kept where it is not found.
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
    switch: Switch,
    *,
    max_frames: int | None = None,
    reread: Callable[[], Settings] | None = None,
) -> Service:
    """The daemon, not yet connected to camera or broker; ``reread`` is for its reloads.

    Raises:
        ConfigError: a setting, the model or the landmark file is at fault.
    """

    def rebuild(before: Parts) -> Parts:
        if reread is None:
            return before
        new = reread()
        require_acknowledged(new)
        return build_parts(new, switch, before)

    return Service(build_parts(settings, switch), switch, rebuild=rebuild, max_frames=max_frames)


def build_parts(settings: Settings, switch: Switch, before: Parts | None = None) -> Parts:
    """What a service is made of; from ``before`` is taken what would be made the same again.

    The model is opened and held against its card, hash and golden vectors in any case.

    Raises:
        ConfigError: a setting, the model or the landmark file is at fault.
    """
    classifier = build_classifier(settings)
    log.info(
        "model %s at %d px on %s%s",
        classifier.card.name,
        classifier.size,
        classifier.provider,
        ", compiled for this device" if classifier.compiled else "",
    )
    card, pace = classifier.card, before.pace if before else Pace()
    camera = pipeline = publisher = teller = None
    if before is not None:
        was = before.settings
        camera = before.camera if was.camera == settings.camera else None
        if _looking(was, before.card) == _looking(settings, card):
            pipeline = before.pipeline
        if _telling(was, before.card) == _telling(settings, card):
            publisher, teller = before.publisher, before.teller
    publisher = publisher or build_publisher(settings, card, switch)
    return Parts(
        settings,
        card,
        camera or open_camera(settings.camera),
        pipeline or build_pipeline(settings, classifier, pace),
        publisher,
        teller or build_teller(settings.privacy, publisher),
        pace,
    )


def build_publisher(settings: Settings, card: Card, switch: Switch) -> Publisher:
    """The way to the broker, not yet connected; each has a session of its own.

    Raises:
        ConfigError: an address or the password file is at fault.
    """
    me, folder = identify(settings, card), outbox_folder(settings.mqtt)
    facts = Facts(
        card.labels,
        settings.stats.interval_s,
        settings.privacy.interval_s if settings.privacy.mode == "aggregate" else None,
        thermometer=bool(temperature()),
    )
    announcement = announce(settings.homeassistant, me, facts)
    return Publisher(
        settings.mqtt,
        me,
        switch.enable,
        folder=folder,
        announcement=announcement,
        per_face=settings.privacy.mode == "faces",
    )


def identify(settings: Settings, card: Card, *, prefix: str = "") -> Identity:
    """Who speaks, in a session of its own; below mqtt.prefix where no other is given."""
    return Identity(
        prefix=prefix or settings.mqtt.prefix,
        device=device_name(settings),
        camera=settings.camera.name,
        session=secrets.token_hex(4),
        version=__version__,
        model_name=card.name,
        model_sha256=card.sha256,
    )


def _looking(settings: Settings, card: Card) -> tuple[object, ...]:
    """All that the pipeline is built from."""
    each = settings
    return each.vision, each.quality, each.tracking, each.model, each.smoothing, card


def _telling(settings: Settings, card: Card) -> tuple[object, ...]:
    """All that the publisher is built from."""
    each = settings
    told = (each.stats.interval_s, card.labels) if each.homeassistant.discovery == "on" else ()
    ours = each.mqtt, each.privacy, each.homeassistant, each.device, each.camera.name
    return *ours, card.name, card.sha256, told
