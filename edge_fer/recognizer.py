"""The library: recognize facial expressions in pictures and streams, without broker and service.

    recognizer = Recognizer()
    for face in recognizer.read("portrait.jpg"):
        print(face.emotion, face.confidence, face.box)

`Recognizer.read` reads one picture; `Recognizer.watch` follows the faces of a stream and adds the
events that the daemon would publish. Both run `Pipeline`, as the daemon does.
"""

import dataclasses
import difflib
import os
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypedDict

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_fer import cameras
from edge_fer.build import build_classifier, build_pipeline
from edge_fer.cameras import Camera
from edge_fer.cameras.file import read_picture
from edge_fer.config.load import PROHIBITED, Assignment, combine
from edge_fer.config.options import OPTIONS, Option
from edge_fer.config.settings import Settings, Use
from edge_fer.emotion.card import UNCERTAIN
from edge_fer.errors import ConfigError, DataError
from edge_fer.pipeline import Look, Pipeline
from edge_fer.types import (
    Box,
    Event,
    Frame,
    Luma,
    Outcome,
    Points,
    Quality,
    Report,
    Scores,
    Verdict,
)
from edge_fer.vision.detector import build_detector
from edge_fer.vision.pixels import SMALLEST_SIDE, to_luma
from edge_fer.vision.search import EveryFrame

if TYPE_CHECKING:
    from typing_extensions import Unpack

Order = Literal["bgr", "rgb"]

NO_LIMIT = 1_000_000
"""vision.max_faces of a single picture, where no face has to give way to another."""


class Options(TypedDict, total=False):
    """The keywords of `Recognizer`: options of the configuration, with the same bounds.

    Those of [vision], [quality], [tracking] and [smoothing] keep their names; [model] and
    [camera] are listed in `_RENAMED` where a name alone would be ambiguous.
    """

    model: str
    model_size: int
    budget_ms: float
    compiled: Literal["auto", "off"]
    provider: Literal["cpu", "cuda", "tensorrt", "auto"]
    threads: int
    min_face_px: int
    threshold: float
    min_visible: float
    detector: Literal["hog", "yunet"]
    detector_model: str
    detector_sha256: str
    scan_s: float
    still_s: float
    max_faces: int
    landmarks: str
    min_ipd_px: float
    max_roll_deg: float
    max_turn: float
    min_sharpness: float
    max_cover: float
    looks_per_s: float
    coast_s: float
    min_iou: float
    lost_s: float
    half_life_s: float
    settle_s: float
    enter: float
    leave: float
    lead: float
    stale_s: float
    hold_s: float
    camera_width: int
    camera_height: int
    camera_fps: float
    camera_pace: Literal["fast", "real"]
    camera_timeout_s: float


_RENAMED = {"model.path": "model", "model.size": "model_size"}
"""Option to keyword, where the keyword is not the option's own name."""

_USE = OPTIONS["privacy"]["acknowledge_use"]

NOT_ACKNOWLEDGED = (
    f"a live camera needs acknowledge_use: {_USE.rule}; people in view must be informed, and "
    f"{PROHIBITED}"
)

_SECTIONS = ("model", "vision", "quality", "tracking", "smoothing")

_NOT_OFFERED = ("source", "name", "give_up_s")
"""Options of [camera] that the daemon alone uses, or that `watch` takes as its argument."""


def _keywords() -> dict[str, Option]:
    found = {
        _RENAMED.get(option.path, option.name): option
        for section in _SECTIONS
        for option in OPTIONS[section].values()
    }
    for option in OPTIONS["camera"].values():
        if option.name not in _NOT_OFFERED:
            found[f"camera_{option.name}"] = option
    return found


KEYWORDS: Mapping[str, Option] = _keywords()
"""Keyword of `Recognizer` to the option that it sets."""


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class Face:
    """One face of a picture or of a frame."""

    box: Box
    """In px of the picture; it may reach beyond it."""
    emotion: str | None
    """A label of the model, "uncertain", or None if the face was not read."""
    confidence: float
    """Probability of the strongest label, 0-1; 0.0 if the face was not read.

    From `watch` it is smoothed, and belongs to the published emotion.
    """
    scores: Scores
    """Label to probability; sums to 1. Empty if the face was not read. Smoothed by `watch`."""
    outcome: Outcome | None
    """Why there is no certain emotion; from `watch`, what decided about this frame.

    From `read` it is None if a label reached the option ``enter``.
    """
    landmarks: Points | None = None
    """(68, 2) float32, x and y in px of the picture; None if the box was rejected."""
    quality: Quality | None = None
    """How readable the face is; None if the box was rejected."""
    track: str | None = None
    """Random name of the track, from `watch` alone."""


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class WatchedFrame:
    """One frame of a stream with its faces and events."""

    number: int
    """Index in the stream, from 0."""
    time: float
    """Seconds on the stream's clock: the position in a file, else monotonic time."""
    stamp: float
    """Unix seconds; for a file the same as ``time``."""
    luma: Luma
    """(height, width) uint8, as the camera delivered it."""
    faces: Sequence[Face]
    events: Sequence[Event]
    """The expressions that began, changed or ended with this frame."""


class Recognizer:
    """Reads faces and their expressions from pictures and streams.

    Loads the model once. Takes a `Settings` object, or options by keyword (see `Options`); the
    defaults are those of the daemon, and no configuration file or environment is read.
    ``acknowledge_use`` states what live cameras are used for; pictures and files need none.

    One object must not be used from two threads at a time.

    Raises:
        ConfigError: an option is unknown or out of bounds.
        ModelError: the model or the landmark file is missing or damaged.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        acknowledge_use: Use | Literal[""] = "",
        **options: "Unpack[Options]",
    ) -> None:
        if settings is not None and options:
            raise TypeError("Recognizer takes a Settings object or options, not both")
        replace = msgspec.structs.replace
        self.settings = settings = settings or _settings(options)
        if acknowledge_use:
            privacy = replace(settings.privacy, acknowledge_use=_checked_use(acknowledge_use))
            self.settings = settings = replace(settings, privacy=privacy)
        classifier = build_classifier(settings)
        self.labels: tuple[str, ...] = tuple(classifier.card.labels)
        """The labels of the model, in the order of its outputs."""
        detector = build_detector(settings.vision)
        self._pipeline = build_pipeline(settings, classifier, detector=detector)
        all_faces = replace(settings, vision=replace(settings.vision, max_faces=NO_LIMIT))
        self._reader = self._pipeline.copy(lambda shape: EveryFrame(all_faces, shape, detector))

    def read(
        self, image: "str | os.PathLike[str] | NDArray[np.uint8]", *, order: Order = "bgr"
    ) -> list[Face]:
        """Return every face of one picture, the largest first; no tracking, no smoothing.

        ``image`` is the path of a picture file, or an array: grey (H, W) or colour (H, W, 3 or 4)
        uint8. ``order`` is that of its colour channels, "bgr" as in OpenCV; alpha is ignored.

        Raises:
            DataError: the file cannot be read or decoded.
            TypeError: it is neither a path nor an array.
            ValueError: the array has another dtype or shape, or a side below 16 px.
        """
        if isinstance(image, str | os.PathLike):
            image = _read_file(Path(image))
        looks, rejected = self._reader.read(to_luma(image, order=order))
        enter = self.settings.smoothing.enter
        faces = [_read_face(look, enter) for look in looks]
        faces += [_watched_face(verdict) for verdict in rejected]
        return sorted(faces, key=lambda face: face.box.area, reverse=True)

    def watch(
        self,
        source: "str | os.PathLike[str] | Camera",
        *,
        acknowledge_use: Use | Literal[""] = "",
    ) -> Generator[WatchedFrame, None, None]:
        """Yield the frames of a stream, with tracks, smoothed emotions and events.

        ``source`` is a path or any other value of `camera.source`, or a `Camera`. The camera is
        opened for the first frame, and closed at the end, after an error or with the iterator.
        After a file's last frame, a last item without faces has the `end` events, if there are
        any.

        Raises:
            ConfigError: the source names no camera, or a live camera is opened without
                ``acknowledge_use`` here or in the constructor.
            CameraError: the camera cannot be opened, or fails.
        """
        camera = source if isinstance(source, Camera) else self._camera(os.fspath(source))
        if camera.live and not (self.settings.privacy.acknowledge_use or acknowledge_use):
            raise ConfigError(NOT_ACKNOWLEDGED)
        if acknowledge_use:
            _checked_use(acknowledge_use)
        return _watch(self._pipeline.copy(), camera)

    def _camera(self, source: str) -> Camera:
        replace = msgspec.structs.replace
        return cameras.open_camera(replace(self.settings.camera, source=source))


def open_camera(
    source: "str | os.PathLike[str]", *, acknowledge_use: Use | Literal[""] = ""
) -> Camera:
    """Return the camera of ``source``, as `camera.source` names it; ``with`` opens the device.

    It is a context manager and an iterator of `Frame`.

    Raises:
        ConfigError: the source names no camera, or a live one without ``acknowledge_use``.
    """
    settings = msgspec.structs.replace(Settings().camera, source=os.fspath(source))
    camera = cameras.open_camera(settings)
    if camera.live:
        if not acknowledge_use:
            raise ConfigError(NOT_ACKNOWLEDGED)
        _checked_use(acknowledge_use)
    return camera


def _watch(pipeline: Pipeline, camera: Camera) -> Generator[WatchedFrame, None, None]:
    frame: Frame | None = None
    with camera:
        for frame in camera:
            yield _watched_frame(frame, pipeline.process(frame))
    if frame is not None and (ends := pipeline.finish(frame.stamp)):
        yield WatchedFrame(frame.number, frame.time, frame.stamp, frame.luma, (), ends)


def _watched_frame(frame: Frame, report: Report) -> WatchedFrame:
    faces = [_watched_face(verdict) for verdict in report.verdicts]
    return WatchedFrame(frame.number, frame.time, frame.stamp, frame.luma, faces, report.events)


def _watched_face(verdict: Verdict) -> Face:
    scores = verdict.smooth or {}
    best = max(scores.values(), default=0.0)
    return Face(
        verdict.box,
        verdict.emotion,
        scores.get(verdict.emotion or "", best),
        scores,
        verdict.outcome,
        verdict.landmarks,
        verdict.quality,
        verdict.track,
    )


def _read_face(look: Look, enter: float) -> Face:
    scores = look.scores or {}
    emotion = max(scores, key=scores.__getitem__, default=None)
    confidence = scores[emotion] if emotion else 0.0
    outcome = look.unreadable
    if emotion and confidence < enter:
        emotion, outcome = UNCERTAIN, Outcome.UNSURE
    return Face(look.track.box, emotion, confidence, scores, outcome, look.landmarks, look.quality)


def _read_file(path: Path) -> Luma:
    luma = read_picture(path)
    height, width = luma.shape
    if min(height, width) < SMALLEST_SIDE:
        raise DataError(
            f"{path}: is {width}x{height} px, must be {SMALLEST_SIDE} px or more on each side"
        )
    return luma


def _settings(options: Mapping[str, object]) -> Settings:
    unknown = [name for name in options if name not in KEYWORDS]
    if unknown:
        near = difflib.get_close_matches(unknown[0], KEYWORDS, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ConfigError(f"Recognizer: unknown option {unknown[0]!r}{hint}")
    return combine(
        Settings, [Assignment("Recognizer", KEYWORDS[n], value) for n, value in options.items()]
    )


def _checked_use(use: str) -> str:
    combine(Settings, [Assignment("acknowledge_use", _USE, use)])
    return use
