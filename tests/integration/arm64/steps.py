"""Every step from file to scores by itself, given what x86 made of the step before.

Runs in a system with the package installed, by the package's own Python:
`steps.py CONFIG FRAMES OUT [GIVEN]`, where GIVEN is the OUT of x86.
"""

from __future__ import annotations

import dataclasses
import itertools
import sys
from collections import ChainMap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_fer.build import build_classifier
from edge_fer.cameras import open_camera
from edge_fer.config.load import load
from edge_fer.types import Box, Detection, Frame, Luma
from edge_fer.vision.detector import build_detector
from edge_fer.vision.landmarks import Aligner, Landmarker
from edge_fer.vision.pixels import rescale
from edge_fer.vision.search import LENIENT, TrackingSearch

ENLARGED = 1.7
"""In terms of the frame: an odd factor, as when a followed face is shown to the detector."""

Values = dict[str, NDArray[Any]]


class Steps:
    """The parts of a pipeline, one after the other instead of wired together."""

    def __init__(self, config: Path) -> None:
        self._settings = load(config, environ={})
        self._classifier = build_classifier(self._settings)
        card = self._classifier.card
        self._detector = build_detector(self._settings.vision)
        self.smallest_px, self.zoom = self._detector.smallest_px, self._detector.zoom
        self._landmarker = Landmarker(self._settings.vision.landmarks)
        self._aligner = Aligner(card.framing.points, self._classifier.size)
        self._search: TrackingSearch | None = None
        self._shown = np.zeros((0, 0), np.uint8)

    def find(self, luma: Luma, threshold: float) -> list[Detection]:
        """As the detector, whose place this takes; remembers what it was shown."""
        self._shown = luma.copy()
        return self._detector.find(luma, threshold)

    def look(self, frame: Frame) -> Values:
        """What the detector is shown last of a frame, and where the first face is; or nothing."""
        self._search = self._search or TrackingSearch(self._settings, frame.luma.shape, self)
        self._search.follow(frame.luma, frame.time)
        self._search.scan(frame.luma, frame.time)
        for track in self._search.tracker.take_updated():
            return {"shown": self._shown, "place": np.array(dataclasses.astuple(track.box))}
        return {}

    def follow(self, luma: Luma, given: Mapping[str, NDArray[Any]]) -> Values:
        """What each step makes of a frame: of what is ``given``, else of what this side has."""
        got: Values = {"frame": luma}
        known = ChainMap(dict(given), got)
        frame = known["frame"]
        got["enlarged"] = rescale(frame, ENLARGED)
        found = self._detector.find(known["shown"], self._settings.vision.threshold - LENIENT)
        got["box"] = np.array([dataclasses.astuple(one.box) for one in found], int)
        got["landmarks"] = self._landmarker.locate(frame, Box(*known["place"].tolist()))
        got["chip"] = self._aligner.chip(frame, known["landmarks"])
        chips = known["chip"][None]
        got["logits"] = self._classifier.logits(chips) / self._classifier.card.temperature
        got["scores"] = self._classifier.probabilities(chips)
        return got


def main(config: Path, frames: int, out: Path, given: Path | None = None) -> None:
    """Go through the camera's first frames; write each value as "FRAME NAME"."""
    steps, wanted = Steps(config), dict(np.load(given)) if given else {}
    made: Values = {}
    with open_camera(load(config, environ={}).camera) as camera:
        for frame in itertools.islice(camera, frames):
            start = f"{frame.number} "
            known = {k.removeprefix(start): v for k, v in wanted.items() if k.startswith(start)}
            if seen := known if given else steps.look(frame):
                looked = {**seen, **steps.follow(frame.luma, seen)}
                made |= {f"{start}{name}": value for name, value in looked.items()}
    np.savez(out, **made)


if __name__ == "__main__":
    _, _config, _frames, _out, *_given = sys.argv
    main(Path(_config), int(_frames), Path(_out), *map(Path, _given))
