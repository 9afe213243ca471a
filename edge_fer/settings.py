"""Every option: its default, unit, bounds and meaning. The default file is rendered from this.

Only values live here, for every room to use; reading, overriding and reporting mistakes is
`edge_fer.daemon.config`.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from edge_fer.sections import Model, Quality, Section, Smoothing, Tracking, Vision

__all__ = [
    "Camera",
    "Device",
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

Use = Literal["home", "research", "medical", "safety", "public-venue", "art"]
"""What people may say they use edge-fer for. Workplace and education are left out on purpose:
the EU AI Act, article 5(1)(f), prohibits inferring emotions there."""


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


class Privacy(Section, frozen=True):
    """What the people in front of the camera are owed."""

    acknowledge_use: Annotated[
        Use | Literal[""],
        Meta(
            description="What this is used for: home, research, medical, safety, public-venue or "
            "art. Nothing runs before it is set; docs/privacy.md says why."
        ),
    ] = ""


class Camera(Section, frozen=True):
    """Where frames come from."""

    source: Annotated[
        str,
        Meta(
            description="file:PATH (video, gif, picture or folder), v4l2:/dev/videoN or "
            "picamera2:N. A path alone is a file."
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


class Mqtt(Section, frozen=True):
    """Where events go."""

    brokers: Annotated[
        list[str],
        Meta(
            min_length=1,
            description="mqtt[s]://[user@]host[:port] or wss://[user@]host[:port][/path], tried "
            "in turn. No password here.",
        ),
    ] = msgspec.field(default_factory=lambda: ["mqtt://localhost:1883"])
    password_file: Annotated[
        str,
        Meta(description="File holding the broker password alone; readable by its owner only."),
    ] = ""
    prefix: Annotated[
        str,
        Meta(
            pattern=r"^[^/#+\s]+(/[^/#+\s]+)*$",
            description="First part of every topic, without '+', '#' or blanks.",
        ),
    ] = "edge-fer"
    keepalive_s: Annotated[int, Meta(ge=5, le=3600, description="MQTT keep-alive in seconds.")] = 30
    ca_file: Annotated[
        str,
        Meta(description="PEM file of the authorities to trust for mqtts; empty: the system's."),
    ] = ""
    cert_file: Annotated[
        str, Meta(description="PEM file of our own certificate, where a broker asks for one.")
    ] = ""
    key_file: Annotated[
        str, Meta(description="PEM file of its key; empty: it is in cert_file.")
    ] = ""
    outbox: Annotated[
        str,
        Meta(
            description="Folder for events that no broker has yet; empty: $STATE_DIRECTORY, else "
            "edge-fer in the user's state folder; memory: no folder, what waits is lost at the end."
        ),
    ] = ""
    max_queued: Annotated[
        int,
        Meta(
            ge=1,
            le=1_000_000,
            description="Events kept while no broker answers; oldest go. In memory at most 10000.",
        ),
    ] = 100_000
    max_queued_mb: Annotated[
        int, Meta(ge=1, le=10_000, description="Their size in MB; oldest go.")
    ] = 100
    expire_s: Annotated[
        int,
        Meta(
            ge=1,
            le=31_536_000,
            description="Age in seconds at which an event is worth nothing any more, here and at "
            "the broker (MQTT 5); time in which the device is off does not count.",
        ),
    ] = 604_800
    spill_after_s: Annotated[
        float,
        Meta(
            ge=0.05,
            le=60,
            description="Seconds without a receipt after which an event is written to disk.",
        ),
    ] = 2.0
    max_unacked: Annotated[
        int,
        Meta(
            ge=1,
            le=10_000,
            description="Events without a receipt that are not on disk; more are written at once.",
        ),
    ] = 100
    drain_s: Annotated[
        float,
        Meta(ge=0, le=60, description="Seconds at the end to wait for the broker's receipts."),
    ] = 5.0


class Stats(Section, frozen=True):
    """Numbers about the daemon itself."""

    interval_s: Annotated[
        float, Meta(gt=0, le=3600, description="Seconds between two messages on stats.")
    ] = 10.0


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
    stats: Stats = Stats()
    log: Log = Log()
