"""Build the service, its publisher and what a reload reuses from the settings."""

import logging
import secrets
from collections.abc import Callable
from functools import partial

from edge_fer import __version__
from edge_fer.build import build_classifier, build_pipeline
from edge_fer.cameras import open_camera
from edge_fer.config.load import device_name, require_acknowledged
from edge_fer.config.settings import Settings
from edge_fer.daemon.control import ServiceControl
from edge_fer.daemon.load_shedding import Throttle, temperature
from edge_fer.daemon.reporting import build_reporter
from edge_fer.daemon.service import Components, Service
from edge_fer.emotion.card import Card
from edge_fer.mqtt.homeassistant import Facts, announce
from edge_fer.mqtt.messages import Identity
from edge_fer.mqtt.outbox import outbox_folder
from edge_fer.mqtt.publisher import Publisher
from edge_fer.vision.search import TrackingSearch

log = logging.getLogger(__name__)


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
        pipeline
        or build_pipeline(settings, classifier, partial(TrackingSearch, throttle=throttle)),
        publisher,
        reporter or build_reporter(settings.privacy, publisher, settings.mqtt.live_hz),
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
