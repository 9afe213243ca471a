"""What runs in the Debian 13 of `make picamera`: comparing cameras, and the daemon.

python -m tests.integration.picamera.inside compare FOLDER    prints a JSON list, its last line
python -m tests.integration.picamera.inside daemon …          edge-fer with the virtual camera
"""

from __future__ import annotations

import dataclasses
import functools
import gc
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edge_fer.build import build_classifier, build_pipeline
from edge_fer.cameras import Camera, open_camera
from edge_fer.cameras.pi import PiCamera
from edge_fer.config.load import load
from edge_fer.config.settings import Camera as CameraSettings
from edge_fer.pipeline import Pipeline
from edge_fer.types import Box, Event, Frame
from edge_fer.vision.dlib_hog import HogDetector
from edge_fer.vision.scan import plan_tiles
from tests.integration.picamera import virtual

FRAMES, FPS = 23, 15
"""Of each picture. A live frame gets the time that the file's has: what the virtual camera and
this machine make of time is not what is compared."""

LEAST_PX = {640: 60, 1280: 160}
"""vision.min_face_px by the width of the frame."""

REOPENINGS = 4
STALL_AT = 60


def main() -> int:
    """Do what the first argument says."""
    what, *arguments = sys.argv[1:]
    if what == "daemon":
        from edge_fer.cli import main as edge_fer

        fake: Any = virtual.module(STALL_AT)
        sys.modules["picamera2"] = fake
        return edge_fer(arguments)
    folder = Path(arguments[0])
    looking = {least: _pipeline(least) for least in LEAST_PX.values()}
    rows = []
    # Cameras were made in the order of the pictures.
    for number, path in enumerate(sorted(folder.iterdir())):
        rows.append(_compare(looking, path, number))
        print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    print(json.dumps(rows))
    return 0


def _pipeline(min_face_px: int) -> Pipeline:
    settings = load(None, [f"vision.min_face_px={min_face_px}"], {})
    return build_pipeline(settings, build_classifier(settings))


def _compare(looking: Mapping[int, Pipeline], path: Path, number: int) -> dict[str, Any]:
    """The same picture, WIDTH-HEIGHT-NAME.jpg, through both cameras."""
    width, height, name = path.stem.split("-", 2)
    size = (int(width), int(height))
    settings = CameraSettings(source=f"picamera2:{number}", width=size[0], height=size[1])
    live = PiCamera(settings, str(number), module=virtual.module)
    least = LEAST_PX[size[0]]
    ours, first = _events(looking[least], live)
    with tempfile.TemporaryDirectory() as folder:
        _write_film(path, Path(folder))
        theirs, still = _events(looking[least], open_camera(CameraSettings(source=folder)))
    return {
        "picture": name,
        "size": f"{size[0]}x{size[1]}",
        "tracks": len({event.track for event in theirs}),
        "emotions": [[event.emotion for event in side] for side in (theirs, ours)],
        "phases": [[event.phase.value for event in side] for side in (theirs, ours)],
        "scores": _worst(
            abs(a.scores[label] - b.scores[label])
            for a, b in zip(theirs, ours, strict=False)
            for label in a.scores
        ),
        "boxes": _worst(_apart(a.box, b.box) for a, b in zip(theirs, ours, strict=False)),
        "luma": int(np.abs(first.luma.astype(int) - still.luma).max()),
        "tiles": _tiles(first, still, least),
        "descriptors": _reopen(live),
    }


def _write_film(picture: Path, folder: Path) -> None:
    """The picture's luma as files without loss, decoded as libcamera does it.

    libcamera has libyuv decode a JPEG with libjpeg's fast DCT; a decoder with the exact one differs
    by up to 18 grey levels in single pixels. picamera2 brings simplejpeg, which has both.
    """
    import simplejpeg

    luma = simplejpeg.decode_jpeg(picture.read_bytes(), colorspace="GRAY", fastdct=True)
    first = folder / "00.png"
    cv2.imwrite(str(first), luma)
    for copy in range(1, FRAMES + 1):
        (folder / f"{copy:02}.png").hardlink_to(first)


def _events(pipeline: Pipeline, camera: Camera) -> tuple[list[Event], Frame]:
    """What the pipeline tells of a picture, the leftmost face first, and the first frame."""
    events: list[Event] = []
    first: Frame | None = None
    with camera:
        for frame in camera:
            first = first or frame
            if frame.number == FRAMES:
                break
            time = frame.number / FPS
            events += pipeline.process(dataclasses.replace(frame, time=time, stamp=time)).events
    assert first is not None
    pipeline.finish(first.stamp)
    return sorted(events, key=lambda event: event.box.left), first


@functools.cache
def hog() -> HogDetector:
    """The detector, which takes a while to load."""
    return HogDetector()


def _tiles(live: Frame, still: Frame, min_face_px: int) -> dict[str, Any] | None:
    """What the detector finds in each tile, out of the camera's second picture and without."""
    if live.small is None:
        return None
    detector, apart, counts = hog(), [0.0], [0, 0]
    for tile in plan_tiles(live.luma.shape, min_face_px, detector.smallest_px):
        found = [
            sorted(tile.to_frame(one.box).left for one in detector.find(part, 0.0))
            for part in (tile.cut(still.luma), tile.cut(live.luma, live.small))
        ]
        counts = [count + len(side) for count, side in zip(counts, found, strict=True)]
        apart += [abs(a - b) for a, b in zip(*found, strict=False)]
    return {"found": counts, "px": max(apart), "size": list(live.small.shape)}


def _reopen(camera: Camera) -> list[int]:
    """Descriptors that are open after each of some openings."""
    counts = []
    for _ in range(REOPENINGS):
        with camera:
            next(camera)
        # picamera2's objects refer to each other in circles.
        gc.collect()
        counts.append(len(list(Path("/proc/self/fd").iterdir())))
    return counts


def _apart(a: Box, b: Box) -> int:
    edges = [(a.left, b.left), (a.top, b.top), (a.width, b.width), (a.height, b.height)]
    return max(abs(one - other) for one, other in edges)


def _worst(values: Any) -> float:
    found: Sequence[float] = list(values)
    return round(max(found, default=0.0), 4)


if __name__ == "__main__":
    sys.exit(main())
