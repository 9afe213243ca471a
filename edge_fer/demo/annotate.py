"""Draw the pipeline's results into a copy of the user's own file.

This is the only file of the package that writes pictures, and it accepts only file cameras.
"""

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_fer.cameras import Camera
from edge_fer.errors import CameraError, ConfigError
from edge_fer.pipeline import Pipeline
from edge_fer.types import Frame, Report, Verdict

CODECS = {".mp4": "mp4v", ".avi": "MJPG"}
"""Suffix of a video to its FourCC; OpenCV's wheels write these without anything installed."""

PICTURES = (".png", ".jpg")

GREEN, AMBER = (90, 220, 90), (60, 180, 250)
"""BGR colours of a face with an emotion and of one without."""

WHITE, BLACK = (255, 255, 255), (0, 0, 0)
FONT, TEXT_SIZE = cv2.FONT_HERSHEY_SIMPLEX, 0.4

READABLE_PX = 640
"""A frame less than half as wide is enlarged, so that the text fits."""

Picture = NDArray[np.uint8]
"""(height, width, 3) BGR."""


def annotate(pipeline: Pipeline, camera: Camera, target: Path) -> int:
    """Play ``camera``, a file, and write ``target`` with boxes, landmarks, tracks and scores.

    Return the number of frames. ``target`` is written completely or not at all.

    Raises:
        ConfigError: the camera is live, or ``target`` cannot be written.
        CameraError: the file cannot be read, or has more frames than ``target`` can hold.
    """
    if camera.live:
        raise ConfigError(
            f"camera.source = {camera.source!r}: must be file:PATH; no picture of a live camera "
            "leaves the process"
        )
    _check_target(target)
    part = target.with_name(f".{target.stem}.part{target.suffix}")
    count = 0
    try:
        with camera:
            frames = iter(_paired(camera))
            with contextlib.closing(_Writer(part)) as writer:
                for frame, step in frames:
                    writer.write(drawn(frame, pipeline.process(frame)), step)
                    count += 1
        if not count:
            raise CameraError(f"camera {camera.source}: has no frames")
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return count


def _check_target(target: Path) -> None:
    suffixes = (*CODECS, *PICTURES)
    if target.suffix.lower() not in suffixes:
        raise ConfigError(f"{target}: must end in {', '.join(suffixes)}")
    if not target.parent.is_dir():
        raise ConfigError(f"{target}: there is no folder {target.parent}")
    try:
        str(target).encode()
    except UnicodeEncodeError:
        # OpenCV would end the process.
        raise ConfigError(f"{target}: must be a UTF-8 name") from None
    if target.is_dir():
        raise ConfigError(f"{target}: is a folder; name a file")


def _paired(frames: Iterable[Frame]) -> Iterator[tuple[Frame, float]]:
    """Yield each frame with the seconds between the first two, which set the copy's frame rate."""
    source = iter(frames)
    first, second = next(source, None), next(source, None)
    step = second.time - first.time if first and second else 0.0
    for frame in (first, second):
        if frame is not None:
            yield frame, step
    for frame in source:
        yield frame, step


class _Writer:
    """Write a video or, for a file of one frame, a picture."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._video: Any = None
        self._count = 0

    def close(self) -> None:
        if self._video is not None:
            self._video.release()

    def write(self, picture: Picture, step: float) -> None:
        self._count += 1
        suffix = self._path.suffix.lower()
        if suffix in CODECS:
            self._write_frame(picture, CODECS[suffix], 1 / step if step > 0 else 1.0)
        elif self._count > 1:
            raise CameraError(f"the file has many frames: the copy must end in {', '.join(CODECS)}")
        elif not cv2.imwrite(str(self._path), picture):
            raise ConfigError(f"{self._path.parent}: a picture cannot be written there")

    def _write_frame(self, picture: Picture, codec: str, rate: float) -> None:
        if self._video is None:
            self._size = picture.shape[1::-1]
            self._video = cv2.VideoWriter(
                str(self._path), cv2.VideoWriter.fourcc(*codec), rate, self._size
            )
            if not self._video.isOpened():
                raise ConfigError(f"{self._path.parent}: a video cannot be written there")
        if picture.shape[1::-1] != self._size:
            raise CameraError("the file has frames of several sizes; a video cannot hold them")
        self._video.write(picture)


def drawn(frame: Frame, report: Report) -> Picture:
    """Return the frame's luma, enlarged if small, with all that the report holds of its faces."""
    zoom = max(1, READABLE_PX // frame.luma.shape[1])
    grey = frame.luma.repeat(zoom, axis=0).repeat(zoom, axis=1)
    picture = np.repeat(grey[:, :, None], 3, axis=2)
    for verdict in report.verdicts:
        _draw(picture, verdict, zoom)
    return picture


def _draw(picture: Picture, verdict: Verdict, zoom: int) -> None:
    box = verdict.box
    left, top, right = (zoom * value for value in (box.left, box.top, box.left + box.width))
    colour = GREEN if verdict.emotion and verdict.track else AMBER
    cv2.rectangle(picture, (left, top), (right, top + zoom * box.height), colour, 1)
    for x, y in () if verdict.landmarks is None else (verdict.landmarks * zoom).round().tolist():
        cv2.circle(picture, (int(x), int(y)), 1, colour, -1)
    for number, line in enumerate(_lines(verdict)):
        (wide, high), _ = cv2.getTextSize(line, FONT, TEXT_SIZE, 1)
        x = right + 4 if right + 4 + wide <= picture.shape[1] else max(0, left - 4 - wide)
        y = top + 14 * number
        cv2.rectangle(picture, (x, y), (x + wide, y + 14), BLACK, -1)
        cv2.putText(picture, line, (x, y + high + 1), FONT, TEXT_SIZE, WHITE, 1, cv2.LINE_AA)


def _lines(verdict: Verdict) -> list[str]:
    """Return track and emotion, outcome, and the three highest smoothed scores."""
    smooth = sorted((verdict.smooth or {}).items(), key=lambda item: item[1], reverse=True)
    return [
        f"{verdict.track or '-'} {verdict.emotion or ''}".rstrip(),
        verdict.outcome.name.lower().replace("_", " "),
        *(f"{label} {score:.2f}" for label, score in smooth[:3]),
    ]
