"""Every option: its default, unit, bounds and meaning. The default file is rendered from this.

Only values live here, for every package to use. `edge_fer.config.load` reads, overrides and checks
them. The sections stand in the order of the data: camera, vision, emotion, then what leaves the
device.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of all sections: frozen, and an unknown option is an error."""


class Vision(Section, frozen=True):
    """Finding faces."""

    min_face_px: Annotated[
        int,
        Meta(
            ge=20,
            le=1000,
            description="Smallest face looked for, width in px. The cost grows with its inverse "
            "square.",
        ),
    ] = 60
    threshold: Annotated[
        float,
        Meta(
            ge=-1,
            le=3,
            description="Lowest score of a face, 0 where the detector is sure; less finds more, "
            "false ones too.",
        ),
    ] = 0.0
    min_visible: Annotated[
        float,
        Meta(ge=0, le=1, description="Smallest share of a box that must lie inside the frame."),
    ] = 0.7
    detector: Annotated[
        Literal["hog", "yunet"],
        Meta(
            description="hog: dlib's, needs no file. yunet: OpenCV's FaceDetectorYN, finds more "
            "and costs less, but needs a model file of your own."
        ),
    ] = "hog"
    detector_model: Annotated[
        str, Meta(description='YuNet\'s .onnx file; for detector = "yunet" alone.')
    ] = ""
    detector_sha256: Annotated[
        str,
        Meta(
            pattern=r"^([0-9a-f]{64})?$",
            description="The file's sha256, 64 digits: what is not that file is refused.",
        ),
    ] = ""
    scan_s: Annotated[
        float,
        Meta(
            gt=0,
            le=10,
            description="Where something moves, new faces are looked for this often, in seconds; "
            "`edge-fer check` says where the frame is too large for that.",
        ),
    ] = 0.5
    still_s: Annotated[
        float,
        Meta(gt=0, le=3600, description="Where nothing moves, this often."),
    ] = 30.0
    max_faces: Annotated[
        int, Meta(ge=1, le=64, description="Most faces followed at a time; the largest win.")
    ] = 8
    landmarks: Annotated[
        str,
        Meta(
            description="dlib's 68-landmark file; empty: look where Debian's libdlib-data puts it."
        ),
    ] = ""


class Quality(Section, frozen=True):
    """Which faces are too hard to read; their scores are not taken in."""

    min_ipd_px: Annotated[
        float, Meta(ge=0, le=500, description="Least distance of the eyes (IPD) in px.")
    ] = 6.0
    max_roll_deg: Annotated[
        float, Meta(ge=0, le=180, description="Largest tilt of the head in degrees.")
    ] = 45.0
    max_turn: Annotated[
        float,
        Meta(ge=0, le=1, description="Largest turn to the side: 0 frontal, 1 profile."),
    ] = 0.8
    min_sharpness: Annotated[
        float, Meta(ge=0, le=2, description="Least sharpness: 0 out of focus; sharp is 0.6 to 1.")
    ] = 0.22
    max_cover: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="Largest lack of edges at one eye or the mouth against the others: 0 all "
            "alike, 1 one is hidden.",
        ),
    ] = 0.7


class Tracking(Section, frozen=True):
    """Following a face from frame to frame."""

    looks_per_s: Annotated[
        float,
        Meta(
            ge=4,
            le=240,
            description="How often a followed face is looked at: found anew near where it was, "
            "its landmarks located, its chip classified.",
        ),
    ] = 10.0
    coast_s: Annotated[
        float,
        Meta(
            ge=0,
            le=5,
            description="Seconds a face that is not found any more keeps its box.",
        ),
    ] = 0.3
    min_iou: Annotated[
        float, Meta(gt=0, lt=1, description="Overlap (IoU) that makes two boxes one track.")
    ] = 0.3
    lost_s: Annotated[
        float, Meta(gt=0, le=60, description="Seconds without a box after which a track ends.")
    ] = 1.0


class Model(Section, frozen=True):
    """The network."""

    path: Annotated[
        str,
        Meta(description="Model name or .onnx path with its card beside it; empty: the default."),
    ] = ""
    threads: Annotated[int, Meta(ge=1, le=16, description="Threads of onnxruntime.")] = 1
    size: Annotated[
        int,
        Meta(
            ge=0,
            le=512,
            description="Side of the chips in px, one of those `edge-fer models` lists for the "
            "model; 0: its default.",
        ),
    ] = 0
    budget_ms: Annotated[
        float,
        Meta(
            ge=0,
            le=10_000,
            description="Instead of a size: what one chip may take on this device, tried at the "
            "start; the most accurate size within it is taken. 0: no budget.",
        ),
    ] = 0.0
    compiled: Annotated[
        Literal["auto", "off"],
        Meta(description="auto: use what `edge-fer compile` made of the model, where it has."),
    ] = "auto"
    provider: Annotated[
        Literal["cpu", "cuda", "tensorrt", "auto"],
        Meta(
            description="What runs the network; cuda and tensorrt need an onnxruntime built with "
            "them, and the cpu is used where they cannot be. auto: the fastest there is."
        ),
    ] = "cpu"


class Smoothing(Section, frozen=True):
    """Scores over time to one steady emotion."""

    half_life_s: Annotated[
        float, Meta(ge=0, le=60, description="Seconds after which a score counts half (EMA).")
    ] = 0.3
    settle_s: Annotated[
        float,
        Meta(ge=0, le=60, description="Seconds a face is watched before its first event."),
    ] = 0.3
    enter: Annotated[
        float, Meta(ge=0, le=1, description="Smoothed score at which a new label is taken.")
    ] = 0.4
    leave: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="Smoothed score below which the present label is given up; at most "
            "smoothing.enter.",
        ),
    ] = 0.3
    stale_s: Annotated[
        float,
        Meta(
            ge=0,
            le=60,
            description="Seconds without a readable look at the face after which its emotion is "
            "uncertain.",
        ),
    ] = 1.0
    hold_s: Annotated[
        float, Meta(ge=0, le=60, description="Seconds a new emotion must last to be an event.")
    ] = 0.2


Use = Literal["home", "research", "medical", "safety", "public-venue", "art"]
"""What people may say they use edge-fer for. Workplace and education are left out on purpose:
the EU AI Act, article 5(1)(f), prohibits inferring emotions there."""

Mode = Literal["faces", "aggregate"]


class Privacy(Section, frozen=True):
    """What the people in front of the camera are owed."""

    acknowledge_use: Annotated[
        Use | Literal[""],
        Meta(
            description="What this is used for: home, research, medical, safety, public-venue or "
            "art. Nothing runs before it is set; docs/guides/privacy.md says why."
        ),
    ] = ""
    mode: Annotated[
        Mode,
        Meta(
            description="faces: an event for each face, and who is in view. aggregate: nothing of "
            "single faces leaves the device, only the shares of emotions in an interval."
        ),
    ] = "faces"
    interval_s: Annotated[
        float,
        Meta(ge=1, le=3600, description="With mode aggregate, the length of an interval."),
    ] = 60.0
    min_group: Annotated[
        int,
        Meta(
            ge=3,
            le=1000,
            description="With mode aggregate, the fewest people in an interval whose shares are "
            "told; of fewer only that they were not.",
        ),
    ] = 5


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
        Meta(
            description="File holding the broker password alone, readable by its owner only; "
            "empty: systemd's credential mqtt-password, where there is one."
        ),
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
    ] = 1.0


class Stats(Section, frozen=True):
    """Numbers about the daemon itself."""

    interval_s: Annotated[
        float, Meta(gt=0, le=3600, description="Seconds between two messages on stats.")
    ] = 10.0
    textfile: Annotated[
        str,
        Meta(
            pattern=r"^(/[^\0]*[^/\0]\.prom)?$",
            description="File /….prom for Prometheus' node_exporter, written with the same "
            "numbers as often; empty: none.",
        ),
    ] = ""


class HomeAssistant(Section, frozen=True):
    """Home Assistant finds the device by itself."""

    discovery: Annotated[
        Literal["off", "on", "remove"],
        Meta(
            description="on: a retained message below prefix, the only one outside mqtt.prefix, "
            "tells Home Assistant of the device; remove: takes it back."
        ),
    ] = "off"
    prefix: Annotated[
        str,
        Meta(
            pattern=r"^[^/#+\s]+(/[^/#+\s]+)*$",
            description="Home Assistant's own discovery prefix, as set there.",
        ),
    ] = "homeassistant"


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
