"""Define every option: its default, unit, bounds and meaning.

The default file and the JSON Schema are rendered from these classes. The sections stand in the
order of the data: device and privacy, camera, vision, emotion, then what leaves the device.
`edge_fer.config.load` reads, overrides and checks the values.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of all sections: frozen, and an unknown option is an error."""


class Device(Section, frozen=True):
    """This device."""

    name: Annotated[
        str,
        Meta(
            pattern=r"^[A-Za-z0-9_.-]{0,64}$",
            description="Name of the device in topics and events: letters, digits, '_', '.' and "
            "'-'. Empty: the host name.",
        ),
    ] = ""


Use = Literal["home", "research", "medical", "safety", "public-venue", "art"]
"""Uses that a user may declare. Workplace and education are left out on purpose: the EU AI Act,
article 5(1)(f), prohibits inferring emotions there."""

Mode = Literal["faces", "aggregate"]


class Privacy(Section, frozen=True):
    """Privacy of the people in front of the camera."""

    acknowledge_use: Annotated[
        Use | Literal[""],
        Meta(
            description="What you use edge-fer for. Nothing runs until this is set; "
            "docs/guides/privacy.md explains why."
        ),
    ] = ""
    mode: Annotated[
        Mode,
        Meta(
            description="faces: publish events for each face and the faces in view. aggregate: "
            "publish only the shares of the emotions in an interval, and nothing about single "
            "faces."
        ),
    ] = "faces"
    interval_s: Annotated[
        float,
        Meta(ge=1, le=3600, description="Length of an interval in seconds, in mode aggregate."),
    ] = 60.0
    min_group: Annotated[
        int,
        Meta(
            ge=3,
            le=1000,
            description="Minimum number of people in an interval, in mode aggregate. The shares "
            "of a smaller group are withheld.",
        ),
    ] = 5


class Camera(Section, frozen=True):
    """The camera."""

    source: Annotated[
        str,
        Meta(
            description="The camera to open: a scheme and an address. A path without a scheme is "
            "a file."
        ),
    ] = "v4l2:/dev/video0"
    name: Annotated[
        str,
        Meta(pattern=r"^[A-Za-z0-9_.-]{1,64}$", description="Name of the camera in events."),
    ] = "cam0"
    width: Annotated[
        int, Meta(ge=64, le=4096, description="Frame width in px, requested from a live camera.")
    ] = 640
    height: Annotated[
        int, Meta(ge=64, le=4096, description="Frame height in px, requested from a live camera.")
    ] = 480
    fps: Annotated[
        float, Meta(gt=0, le=240, description="Frames per second, requested from a live camera.")
    ] = 15.0
    pace: Annotated[
        Literal["fast", "real"],
        Meta(
            description="Playback speed of a file. fast: as fast as possible. real: in real time."
        ),
    ] = "fast"
    timeout_s: Annotated[
        float,
        Meta(gt=0, le=60, description="Seconds without a frame until the camera counts as lost."),
    ] = 5.0
    give_up_s: Annotated[
        float,
        Meta(
            ge=0,
            le=86_400,
            description="Seconds to retry a lost live camera. After that the daemon exits with "
            "code 74 and systemd restarts it. 0: exit at once.",
        ),
    ] = 120.0


class Vision(Section, frozen=True):
    """Face detection."""

    min_face_px: Annotated[
        int,
        Meta(
            ge=20,
            le=1000,
            description="Width in px of the smallest face to detect. Half the width costs about "
            "four times the CPU time.",
        ),
    ] = 60
    threshold: Annotated[
        float,
        Meta(
            ge=-1,
            le=3,
            description="Minimum detection score. A lower value finds more faces and more false "
            "ones.",
        ),
    ] = 0.0
    min_visible: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="Minimum share of a face box that must lie inside the frame.",
        ),
    ] = 0.7
    detector: Annotated[
        Literal["hog", "yunet"],
        Meta(
            description="hog: dlib's HOG detector, which needs no file. yunet: OpenCV's "
            "FaceDetectorYN, which finds more faces and costs less, but needs a model file that "
            "you provide."
        ),
    ] = "hog"
    detector_model: Annotated[
        str, Meta(description='Path of YuNet\'s .onnx file, only for detector = "yunet".')
    ] = ""
    detector_sha256: Annotated[
        str,
        Meta(
            pattern=r"^([0-9a-f]{64})?$",
            description="SHA-256 of that file, 64 hexadecimal digits, which is required with it. "
            "A file with another hash is rejected.",
        ),
    ] = ""
    scan_s: Annotated[
        float,
        Meta(
            gt=0,
            le=10,
            description="Seconds between two scans for new faces in areas with motion. "
            "`edge-fer check` warns if the frame is too large for this.",
        ),
    ] = 0.5
    still_s: Annotated[
        float,
        Meta(gt=0, le=3600, description="Seconds between two scans of still areas."),
    ] = 30.0
    max_faces: Annotated[
        int,
        Meta(
            ge=1,
            le=64,
            description="Maximum number of faces tracked at the same time. "
            "Larger faces take precedence.",
        ),
    ] = 8
    landmarks: Annotated[
        str,
        Meta(
            description="Path of dlib's 68-landmark file. Empty: where Debian's libdlib-data "
            "installs it."
        ),
    ] = ""


class Quality(Section, frozen=True):
    """Limits beyond which a face is too hard to read and gets no emotion."""

    min_ipd_px: Annotated[
        float,
        Meta(ge=0, le=500, description="Minimum distance between the pupils (IPD) in px."),
    ] = 6.0
    max_roll_deg: Annotated[
        float, Meta(ge=0, le=180, description="Maximum tilt of the head in degrees.")
    ] = 45.0
    max_turn: Annotated[
        float,
        Meta(ge=0, le=1, description="Maximum turn of the head: 0 is frontal, 1 is profile."),
    ] = 0.8
    min_sharpness: Annotated[
        float,
        Meta(
            ge=0,
            le=2,
            description="Minimum sharpness: 0 is out of focus, a sharp face has 0.6 to 1.",
        ),
    ] = 0.22
    max_cover: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="Maximum occlusion of an eye or the mouth, estimated from missing edges: "
            "0 is none, 1 is fully covered.",
        ),
    ] = 0.7


class Tracking(Section, frozen=True):
    """Tracking of a face from frame to frame."""

    looks_per_s: Annotated[
        float,
        Meta(
            ge=4,
            le=240,
            description="How many times a second a tracked face is detected near its last "
            "position, aligned and classified.",
        ),
    ] = 10.0
    coast_s: Annotated[
        float,
        Meta(ge=0, le=5, description="Seconds that a face keeps its box when it is not found."),
    ] = 0.3
    min_iou: Annotated[
        float,
        Meta(
            gt=0,
            lt=1,
            description="Minimum overlap (IoU) of two boxes that belong to the same track.",
        ),
    ] = 0.3
    lost_s: Annotated[
        float, Meta(gt=0, le=60, description="Seconds without a box until a track ends.")
    ] = 1.0


class Model(Section, frozen=True):
    """The emotion model."""

    path: Annotated[
        str,
        Meta(
            description="Name of an installed model, or path of an .onnx file with its card "
            "beside it. Empty: the default model."
        ),
    ] = ""
    threads: Annotated[
        int, Meta(ge=1, le=16, description="Number of threads that onnxruntime uses.")
    ] = 1
    size: Annotated[
        int,
        Meta(
            ge=0,
            le=512,
            description="Side of the model's input in px, one of the sizes that `edge-fer models` "
            "lists. 0: the default of the model.",
        ),
    ] = 0
    budget_ms: Annotated[
        float,
        Meta(
            ge=0,
            le=10_000,
            description="Time budget in ms for one face, instead of a size. The daemon times all "
            "sizes when it starts and uses the most accurate one within the budget. 0: no budget.",
        ),
    ] = 0.0
    compiled: Annotated[
        Literal["auto", "off"],
        Meta(
            description="auto: use the copy of the model that `edge-fer compile` made for this "
            "device, if there is one. off: never use it."
        ),
    ] = "auto"
    provider: Annotated[
        Literal["cpu", "cuda", "tensorrt", "auto"],
        Meta(
            description="Execution provider of onnxruntime. cuda and tensorrt require an "
            "onnxruntime that is built with them; without it the CPU is used. auto: the fastest "
            "provider available."
        ),
    ] = "cpu"


class Smoothing(Section, frozen=True):
    """Smoothing of scores over time, which turns them into one stable emotion."""

    half_life_s: Annotated[
        float,
        Meta(
            ge=0,
            le=60,
            description="Half-life of a score in the exponential moving average, in seconds.",
        ),
    ] = 0.3
    settle_s: Annotated[
        float,
        Meta(ge=0, le=60, description="Seconds that a face is observed before its first event."),
    ] = 0.3
    enter: Annotated[
        float, Meta(ge=0, le=1, description="Smoothed score from which an emotion is accepted.")
    ] = 0.4
    leave: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="Smoothed score below which the current emotion is dropped, for the "
            "strongest label if that reaches smoothing.enter, else for uncertain; at most "
            "smoothing.enter.",
        ),
    ] = 0.3
    lead: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="Smoothed score by which a new emotion must exceed the current one, "
            "unless that is below smoothing.leave.",
        ),
    ] = 0.1
    stale_s: Annotated[
        float,
        Meta(
            ge=0,
            le=60,
            description="Seconds without a readable image of the face until its emotion becomes "
            "uncertain.",
        ),
    ] = 1.0
    hold_s: Annotated[
        float,
        Meta(ge=0, le=60, description="Seconds that a new emotion must last to cause an event."),
    ] = 0.15


class Mqtt(Section, frozen=True):
    """The MQTT broker and the queue of events that wait for it (outbox)."""

    brokers: Annotated[
        list[str],
        Meta(
            min_length=1,
            description="Broker addresses, tried in order: mqtt[s]://[user@]host[:port] or "
            "ws[s]://[user@]host[:port][/path]. Passwords are not permitted here.",
        ),
    ] = msgspec.field(default_factory=lambda: ["mqtt://localhost:1883"])
    password_file: Annotated[
        str,
        Meta(
            description="Path of a file that holds only the broker password and that only its "
            "owner can read. Empty: systemd's credential mqtt-password, if there is one."
        ),
    ] = ""
    prefix: Annotated[
        str,
        Meta(
            pattern=r"^[^/#+\s]+(/[^/#+\s]+)*$",
            description="First part of every topic, without '+', '#' and spaces.",
        ),
    ] = "edge-fer"
    keepalive_s: Annotated[
        int, Meta(ge=5, le=3600, description="MQTT keep-alive interval in seconds.")
    ] = 30
    ca_file: Annotated[
        str,
        Meta(
            description="PEM file with the certificate authorities to trust for TLS. Empty: those "
            "of the system."
        ),
    ] = ""
    cert_file: Annotated[
        str,
        Meta(description="PEM file with the client certificate, if the broker requires one."),
    ] = ""
    key_file: Annotated[
        str,
        Meta(description="PEM file with the key of the client certificate. Empty: in cert_file."),
    ] = ""
    outbox: Annotated[
        str,
        Meta(
            description="Folder for events that wait for a broker. Empty: $STATE_DIRECTORY, else "
            "edge-fer in the user's state folder. memory: no folder; waiting events are lost when "
            "the daemon ends."
        ),
    ] = ""
    max_queued: Annotated[
        int,
        Meta(
            ge=1,
            le=1_000_000,
            description="Maximum number of events in the queue, at most 10000 in memory; the "
            "oldest events are dropped.",
        ),
    ] = 100_000
    max_queued_mb: Annotated[
        int,
        Meta(
            ge=1,
            le=10_000,
            description="Maximum size of the queue in MB; the oldest events are dropped.",
        ),
    ] = 100
    expire_s: Annotated[
        int,
        Meta(
            ge=1,
            le=31_536_000,
            description="Age in seconds at which an event expires, in the queue and at the broker "
            "(MQTT 5). Time while the device is off does not count.",
        ),
    ] = 604_800
    spill_after_s: Annotated[
        float,
        Meta(
            ge=0.05,
            le=60,
            description="Seconds without an acknowledgement until an event is written to disk.",
        ),
    ] = 2.0
    max_unacked: Annotated[
        int,
        Meta(
            ge=1,
            le=10_000,
            description="Maximum number of unacknowledged events in memory only; further ones are "
            "written to disk at once.",
        ),
    ] = 100
    live_hz: Annotated[
        float,
        Meta(
            ge=0,
            le=10,
            description="Messages a second on the live topic, with the boxes and scores of the "
            "faces in view, at QoS 0; only with privacy.mode = faces. 0: no such topic.",
        ),
    ] = 0.0
    drain_s: Annotated[
        float,
        Meta(
            ge=0,
            le=60,
            description="Seconds to wait for the broker's acknowledgements at shutdown.",
        ),
    ] = 1.0


class HomeAssistant(Section, frozen=True):
    """MQTT discovery for Home Assistant."""

    discovery: Annotated[
        Literal["off", "on", "remove"],
        Meta(
            description="on: announce this device to Home Assistant with a retained message, the "
            "only one outside mqtt.prefix. remove: delete that message. off: leave it as it is."
        ),
    ] = "off"
    prefix: Annotated[
        str,
        Meta(
            pattern=r"^[^/#+\s]+(/[^/#+\s]+)*$",
            description="Discovery prefix that is configured in Home Assistant.",
        ),
    ] = "homeassistant"


class Stats(Section, frozen=True):
    """Statistics about the daemon."""

    interval_s: Annotated[
        float,
        Meta(gt=0, le=3600, description="Seconds between two messages on the stats topic."),
    ] = 10.0
    textfile: Annotated[
        str,
        Meta(
            pattern=r"^(/[^\0]*[^/\0]\.prom)?$",
            description="Absolute path of a .prom file for the textfile collector of Prometheus' "
            "node_exporter, written at the same interval. Empty: no file.",
        ),
    ] = ""


class Log(Section, frozen=True):
    """The log on stderr or in the journal."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Meta(description="Minimum level of log messages; debug shows every face of every frame."),
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
