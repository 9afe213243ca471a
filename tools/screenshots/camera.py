"""`edge-fer` with one camera more, `scene:PATH`: a video, and beside it a portrait now and then.

    python -m tools.screenshots.camera run --camera scene:.cache/carphone_pristine.mp4

The video begins anew when it ends; the portrait, astronaut.png in the same folder, comes and
goes. Frames are stamped by the wall clock, as those of a live camera are. Everything else is
`edge-fer` as it is.
"""

import sys
import time
from pathlib import Path

import cv2
import numpy as np

from edge_fer.cameras import CAMERAS, Reading
from edge_fer.cli import main
from edge_fer.config.settings import Camera as CameraSettings
from edge_fer.errors import CameraError
from tools.torture.looped import LoopCamera

THERE_S, AWAY_S = 14, 6
"""How long the portrait is shown, and then not shown, in turn."""
CROP = slice(0, 288), slice(80, 432)
"""Of the portrait: the head and what is around it."""
DARK = 40
"""Luma where the portrait is not."""


class SceneCamera(LoopCamera):
    """Twice as wide as its video."""

    def __init__(self, settings: CameraSettings, address: str) -> None:
        super().__init__(settings, address)
        picture = Path(address).with_name("astronaut.png")
        portrait = cv2.imread(str(picture), cv2.IMREAD_GRAYSCALE)
        if portrait is None:
            raise CameraError(f"{picture}: cannot be read")
        self._portrait = portrait[CROP]

    def _read(self) -> Reading | None:
        reading = super()._read()
        assert reading is not None, "it begins anew"
        luma, seconds = reading[:2]
        height, width = luma.shape
        if seconds % (THERE_S + AWAY_S) < THERE_S:
            beside = cv2.resize(self._portrait, (width, height), interpolation=cv2.INTER_AREA)
        else:
            beside = np.full_like(luma, DARK)
        return Reading(np.hstack([luma, beside]), seconds, time.time())


if __name__ == "__main__":
    CAMERAS["scene"] = "tools.screenshots.camera:SceneCamera"
    sys.exit(main(sys.argv[1:]))
