"""Following faces from frame to frame by the overlap of their boxes.

Knows nothing of who somebody is: a track's name is random and dies with the track.
"""

import dataclasses
import secrets
from collections.abc import Callable, Sequence

from edge_fer import settings
from edge_fer.types import Box


@dataclasses.dataclass(slots=True)
class Track:
    """One face being followed."""

    name: str
    box: Box
    last_seen: float
    """Stream time in seconds."""


class Tracker:
    """Gives each box the track it overlaps most, or a new one."""

    def __init__(
        self, options: settings.Tracking, *, name: Callable[[], str] = lambda: secrets.token_hex(4)
    ) -> None:
        self._options = options
        self._name = name
        self.tracks: list[Track] = []

    def update(self, boxes: Sequence[Box], time: float) -> list[Track]:
        """Return the track of each box, in the order of ``boxes``."""
        pairs = sorted(
            (
                (track.box.iou(box), index, number)
                for index, track in enumerate(self.tracks)
                for number, box in enumerate(boxes)
            ),
            reverse=True,
        )
        given: dict[int, Track] = {}
        taken: set[int] = set()
        for iou, index, number in pairs:
            if iou >= self._options.min_iou and index not in taken and number not in given:
                given[number] = self.tracks[index]
                taken.add(index)
        for number, box in enumerate(boxes):
            if number not in given:
                given[number] = Track(self._name(), box, time)
                self.tracks.append(given[number])
            given[number].box, given[number].last_seen = box, time
        return [given[number] for number in range(len(boxes))]

    def end_lost(self, time: float) -> list[Track]:
        """Forget and return the tracks without a box for longer than tracking.lost_s."""
        lost = [t for t in self.tracks if time - t.last_seen > self._options.lost_s]
        self.tracks = [t for t in self.tracks if t not in lost]
        return lost

    def end_all(self) -> list[Track]:
        """Forget and return every track."""
        ended, self.tracks = self.tracks, []
        return ended
