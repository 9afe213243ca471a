"""The sections of the configuration that say how a frame becomes an emotion.

`edge_fer.settings` holds the others and the whole.
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
