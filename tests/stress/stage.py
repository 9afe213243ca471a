"""A scene that makes two events a frame, and how the whole daemon reads it."""

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tests.stress.publisher_process import DEVICE, MAX_QUEUED, MAX_UNACKED, SPILL_AFTER_S
from tests.support.daemon import PROGRAM, options

SETTINGS = {
    "privacy.acknowledge_use": "research",
    "device.name": DEVICE,
    "log.level": "debug",
    "camera.pace": "real",
    "camera.fps": 15,
    "vision.min_face_px": 40,
    # An event whenever the face has moved, which it has in each frame.
    "vision.scan_s": 0.01,
    "vision.still_s": 0.01,
    "tracking.looks_per_s": 60,
    "tracking.coast_s": 0,
    "tracking.lost_s": 0.01,
    "smoothing.half_life_s": 0,
    "smoothing.settle_s": 0,
    "smoothing.hold_s": 0,
    "mqtt.spill_after_s": SPILL_AFTER_S,
    "mqtt.max_unacked": MAX_UNACKED,
    "mqtt.max_queued": MAX_QUEUED,
    "mqtt.drain_s": 0,
}


def build(portrait: NDArray[np.uint8], landmarks: Path, folder: Path, frames: int = 2000) -> Path:
    """Write pictures with a face alternately left and right, and a link to the landmark file.

    Return the folder.
    """
    face = cv2.resize(portrait[:256, 96:352], (144, 144), interpolation=cv2.INTER_AREA)
    pictures = folder / "pictures"
    pictures.mkdir(parents=True)
    for number in range(2):
        frame = np.full((144, 320), 90, np.uint8)
        left = 176 * number
        frame[:, left : left + 144] = face[:, :: 1 - 2 * number]
        cv2.imwrite(str(pictures / f"{number:05}.pgm"), frame)
    for number in range(2, frames):
        (pictures / f"{number:05}.pgm").symlink_to(pictures / f"{number % 2:05}.pgm")
    (folder / "landmarks.dat").symlink_to(landmarks)
    return folder


def command(url: str, outbox: Path, stage: Path, settings: Mapping[str, object] = {}) -> list[str]:
    """Return the command of a daemon on that stage; ``settings`` change `SETTINGS`."""
    own = {"mqtt.outbox": outbox, "vision.landmarks": stage / "landmarks.dat"}
    addresses = ["--camera", f"file:{stage / 'pictures'}", "--mqtt", url]
    return [*PROGRAM, *addresses, *options({**SETTINGS, **own, **settings})]
