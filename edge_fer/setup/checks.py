"""Test everything that the daemon needs, and report what is wrong and what to do about it."""

import dataclasses
import math
import os
from collections.abc import Callable, Iterator

from edge_fer.build import build_classifier
from edge_fer.cameras import open_camera, without_password
from edge_fer.config.broker_url import parse_broker, read_password, tls_context
from edge_fer.config.load import require_acknowledged
from edge_fer.config.settings import Settings, Vision
from edge_fer.errors import EdgeFerError
from edge_fer.mqtt.connection import probe
from edge_fer.setup.install import CREDENTIAL
from edge_fer.vision.detector import build_detector
from edge_fer.vision.landmarks import Landmarker
from edge_fer.vision.scan import plan_tiles, round_s

FACE_M = 0.15
"""Side of the box around an adult face, from brows to chin, in metres."""

LENS_DEG = 62
"""Horizontal field of view of the Raspberry Pi Camera Module 2, similar to most webcams."""


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check."""

    name: str
    level: str
    """"ok", "warning" or "error"."""
    text: str
    exit_code: int = 0


def examine(settings: Settings) -> Iterator[Finding]:
    """Test use, model, detector, landmarks, camera and brokers, in that order."""
    yield _check("use", lambda: _use(settings))
    yield _check("model", lambda: _model(settings))
    yield _check("detector", lambda: _detector(settings))
    yield _check("landmarks", lambda: _landmarks(settings))
    yield try_camera(settings)
    for url in settings.mqtt.brokers:
        yield try_broker(settings, url)


def try_camera(settings: Settings) -> Finding:
    """Read one frame; a live camera is opened only for a declared use."""
    return _check("camera", lambda: _camera(settings))


def try_broker(settings: Settings, url: str, password: str | None = None) -> Finding:
    """Connect once and disconnect; without a password, use that of ``settings``."""
    return _check("broker", lambda: _broker(settings, url, password))


def _check(name: str, check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except EdgeFerError as error:
        return Finding(name, "error", str(error), error.exit_code)


def _use(settings: Settings) -> Finding:
    require_acknowledged(settings)
    return Finding("use", "ok", f"acknowledged: {settings.privacy.acknowledge_use}")


def _model(settings: Settings) -> Finding:
    classifier = build_classifier(settings)
    card = classifier.card
    sizes = ", ".join(map(str, card.input.sizes))
    size = f"{classifier.size} px" + (f" of {sizes}" if len(card.input.sizes) > 1 else "")
    if classifier.compiled:
        compiled = "compiled for this device"
    elif settings.model.compiled == "off":
        compiled = "not compiled, because model.compiled is off"
    else:
        compiled = "not compiled, `edge-fer compile` makes it load faster"
    text = (
        f"{card.name}: {len(card.labels)} labels, {size}, sha256 and golden vectors verified, "
        f"{compiled}"
    )
    if card.input.channels != 1:
        return Finding(
            "model",
            "warning",
            f"{text}; takes {card.input.channels} channels and receives luma in each of them, so "
            "a model trained on colour may lose accuracy",
        )
    return Finding("model", "ok", text)


def _detector(settings: Settings) -> Finding:
    vision = settings.vision
    build_detector(vision)
    file = f": {vision.detector_model}, sha256 verified" if vision.detector_model else ""
    return Finding("detector", "ok", f"{vision.detector}{file}")


def _landmarks(settings: Settings) -> Finding:
    return Finding("landmarks", "ok", str(Landmarker(settings.vision.landmarks).path))


def _camera(settings: Settings) -> Finding:
    if not settings.privacy.acknowledge_use and open_camera(settings.camera).live:
        return Finding(
            "camera", "warning", "not opened, because privacy.acknowledge_use is not set"
        )
    with open_camera(settings.camera) as camera:
        frame = next(iter(camera), None)
    source = without_password(settings.camera.source)
    if frame is None:
        return Finding("camera", "error", f"{source}: contains no frames", 74)
    height, width = frame.luma.shape
    text = f"{source}: {width}x{height}; {_reach(settings.vision, width)}"
    vision = settings.vision
    if vision.min_face_px > min(height, width):
        return Finding("camera", "error", f"{text}; this is larger than the frame", 78)
    smallest_px = build_detector(vision).smallest_px
    tiles = len(plan_tiles((height, width), vision.min_face_px, smallest_px))
    if slow := _slow_frames(settings):
        return Finding("camera", "warning", f"{text}; {slow}")
    longest = round_s(tiles, settings.camera.fps)
    if longest > vision.scan_s:
        return Finding(
            "camera",
            "warning",
            f"{text}; with motion in the whole frame it may take {longest:.1f} s to find a new "
            f"face, while vision.scan_s is {vision.scan_s:g}; a larger vision.min_face_px or a "
            "smaller camera.width shortens this",
        )
    return Finding("camera", "ok", text)


def _slow_frames(settings: Settings) -> str:
    """Return a warning if two frames are further apart than a face may be lost, else nothing."""
    between, lost_s = 1 / settings.camera.fps, settings.tracking.lost_s
    if between <= lost_s:
        return ""
    return (
        f"at camera.fps = {settings.camera.fps:g} two frames are {between:.3g} s apart, more than "
        f"tracking.lost_s ({lost_s:g}), so a face that leaves is reported some frames later and "
        "emotions change late; a higher camera.fps or tracking.lost_s avoids this"
    )


def _reach(vision: Vision, width: int) -> str:
    """Return which faces ``vision.min_face_px`` covers in a frame of that width."""
    smallest = vision.min_face_px
    far = FACE_M * width / (2 * math.tan(math.radians(LENS_DEG / 2)) * smallest)
    return (
        f"detects faces from {smallest} px (vision.min_face_px), {smallest / width:.0%} of the "
        f"frame width: up to about {far:.1f} m away with a horizontal field of view of "
        f"{LENS_DEG} degrees"
    )


def _broker(settings: Settings, url: str, password: str | None) -> Finding:
    broker = parse_broker(url)
    if broker.user and password is None:
        password = read_password(settings.mqtt.password_file or _service_password())
    probe(broker, password, tls=tls_context(settings.mqtt) if broker.encrypted else None)
    return Finding("broker", "ok", f"{broker}: connected")


def _service_password() -> str:
    """Return the path of the service's password file if this user can read it, else empty."""
    return str(CREDENTIAL) if os.access(CREDENTIAL, os.R_OK) else ""
