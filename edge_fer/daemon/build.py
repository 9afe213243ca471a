"""Settings to a running whole: which class is built from which section."""

import logging
import secrets
from collections.abc import Callable

import msgspec

from edge_fer import __version__
from edge_fer.cameras import open_camera
from edge_fer.daemon.config import device_name
from edge_fer.daemon.pipeline import Pipeline
from edge_fer.daemon.service import Service, Switch
from edge_fer.daemon.sizing import pick_size, time_sizes
from edge_fer.delivery.payload import Identity
from edge_fer.delivery.publisher import Publisher
from edge_fer.emotion.card import find_model
from edge_fer.emotion.classify import Classifier
from edge_fer.emotion.compiled import cache_folder
from edge_fer.settings import Quality, Settings
from edge_fer.vision.align import Aligner
from edge_fer.vision.detect import HogDetector, Landmarker
from edge_fer.vision.detectors import build_detector
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
    )
    if not model.budget_ms:
        return classifier
    times_ms = time_sizes(classifier)
    return classifier.at(pick_size(classifier.card, times_ms, model.budget_ms))


def build_pipeline(settings: Settings, classifier: Classifier) -> Pipeline:
    """Everything between camera and broker, around a loaded network.

    Raises:
        ModelError: the landmark file or the detector's is missing or damaged.
    """
    detector = build_detector(settings.vision)
    return _pipeline(settings, classifier, lambda shape: TrackingSearch(settings, shape, detector))


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


def build_service(settings: Settings, switch: Switch, *, max_frames: int | None = None) -> Service:
    """The daemon, not yet connected to camera or broker.

    Raises:
        ConfigError: a setting, the model or the landmark file is at fault.
    """
    classifier = build_classifier(settings)
    log.info(
        "model %s at %d px%s", classifier.card.name, classifier.size,
        ", compiled for this device" if classifier.compiled else "",
    )  # fmt: skip
    identity = Identity(
        prefix=settings.mqtt.prefix,
        device=device_name(settings),
        camera=settings.camera.name,
        session=secrets.token_hex(4),
        version=__version__,
        model_name=classifier.card.name,
        model_sha256=classifier.card.sha256,
    )
    return Service(
        open_camera(settings.camera),
        build_pipeline(settings, classifier),
        Publisher(settings.mqtt, identity, on_enabled=switch.enable),
        switch,
        stats_interval_s=settings.stats.interval_s,
        max_frames=max_frames,
    )
