"""Every option: its default, unit, bounds and meaning. The default file is rendered from this.

Only values live here, for every room to use; reading, overriding and reporting mistakes is
`edge_fer.daemon.config`.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from edge_fer.publishing import HomeAssistant, Mqtt, Privacy, Stats, Use
from edge_fer.sections import Model, Quality, Section, Smoothing, Tracking, Vision

__all__ = [
    "Camera",
    "Device",
    "HomeAssistant",
    "Log",
    "Model",
    "Mqtt",
    "Privacy",
    "Quality",
    "Section",
    "Settings",
    "Smoothing",
    "Stats",
    "Tracking",
    "Use",
    "Vision",
]


class Device(Section, frozen=True):
    """Who this device is."""

    name: Annotated[
        str,
        Meta(
            pattern=r"^[A-Za-z0-9_.-]{0,64}$",
            description="Name in topics and events: letters, digits, '_', '.', '-'; "
            "empty: the host name.",
        ),
    ] = ""


class Camera(Section, frozen=True):
    """Where frames come from."""

    source: Annotated[
        str,
        Meta(
            description="file:PATH (video, gif, picture or folder), v4l2:/dev/videoN, "
            "picamera2:N, rtsp://HOST/PATH, gst:PIPELINE ! appsink or csi:N (a Jetson's). A path "
            "alone is a file."
        ),
    ] = "v4l2:/dev/video0"
    name: Annotated[
        str,
        Meta(pattern=r"^[A-Za-z0-9_.-]{1,64}$", description="Name of the camera in events."),
    ] = "cam0"
    width: Annotated[
        int, Meta(ge=64, le=4096, description="Width in px asked of a live camera.")
    ] = 640
    height: Annotated[
        int, Meta(ge=64, le=4096, description="Height in px asked of a live camera.")
    ] = 480
    fps: Annotated[
        float, Meta(gt=0, le=240, description="Frames per second asked of a live camera.")
    ] = 15.0
    pace: Annotated[
        Literal["fast", "real"],
        Meta(description="A file plays as fast as it can (fast) or in its own time (real)."),
    ] = "fast"
    timeout_s: Annotated[
        float,
        Meta(gt=0, le=60, description="Seconds without a frame before a camera counts as lost."),
    ] = 5.0
    give_up_s: Annotated[
        float,
        Meta(
            ge=0,
            le=86_400,
            description="Seconds a lost live camera is opened again and again before the daemon "
            "ends with 74 and systemd starts it anew; 0: at once.",
        ),
    ] = 120.0


class Log(Section, frozen=True):
    """What is told on stderr or in the journal."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Meta(description="debug shows every face of every frame."),
    ] = "info"


class Settings(Section, frozen=True):
    """The whole configuration, one field per section."""

    device: Device = Device()
    privacy: Privacy = Privacy()
    camera: Camera = Camera()
    vision: Vision = Vision()
    quality: Quality = Quality()
    tracking: Tracking = Tracking()
    model: Model = Model()
    smoothing: Smoothing = Smoothing()
    mqtt: Mqtt = msgspec.field(default_factory=Mqtt)
    homeassistant: HomeAssistant = HomeAssistant()
    stats: Stats = Stats()
    log: Log = Log()
