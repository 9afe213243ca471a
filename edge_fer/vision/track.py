"""The faces that are followed.

Knows nothing of who somebody is: a track's name is random and dies with the track.
"""

import dataclasses
import secrets
from collections.abc import Callable, Sequence

from edge_fer.config import settings
from edge_fer.types import Box, Outcome


@dataclasses.dataclass(eq=False, slots=True)
class Track:
    """One face being followed."""

    name: str
    box: Box
    last_seen: float
    """Stream time in seconds."""
    last_look: float
    """Stream time at which it was last looked for, with or without success."""
    fresh: bool = False
    """Found, and nobody has looked at it since."""
    keen: bool = False
    """Its emotion is about to change, so it is worth more looks."""

    def sighted(self, box: Box, time: float) -> None:
        """It is at ``box`` now."""
        self.box, self.last_seen, self.last_look = box, time, time
        self.fresh = True

    @property
    def missed(self) -> bool:
        """The last look did not find it."""
        return self.last_look > self.last_seen

    def idle(self, time: float, coast_s: float) -> Outcome | None:
        """What to say of it in a frame without a look; None where its face is gone by now."""
        if not self.missed:
            return Outcome.NOT_DUE
        return Outcome.COASTING if time - self.last_seen <= coast_s else None


KEEN = 1.5
"""How many times as often a track is looked at whose emotion is about to change."""


class Tracker:
    """Keeps the tracks: which there are, which are due for a look, which box is whose."""

    def __init__(
        self, options: settings.Tracking, *, name: Callable[[], str] = lambda: secrets.token_hex(4)
    ) -> None:
        self._options = options
        self._name = name
        self._before: float | None = None
        self.tracks: list[Track] = []
        self._dropped: list[Track] = []

    def due(self, time: float) -> list[Track]:
        """The tracks to look at now.

        Looks are spread evenly over the frames; a face that was missed is looked for in every
        frame while its box is kept.
        """
        step = 0.0 if self._before is None else time - self._before
        self._before = time
        pause = 1 / self._options.looks_per_s
        share = max(1, round(0.49 + len(self.tracks) * step / pause))
        waiting = sorted(self.tracks, key=lambda track: track.last_look)
        late = [
            track
            for track in waiting
            if time - track.last_look >= (pause / KEEN if track.keen else pause) - step / 2
        ]
        chosen = late[:share]
        return chosen + [t for t in waiting if self._hidden(t, time) and t not in chosen]

    def match(self, boxes: Sequence[Box], time: float) -> list[Track]:
        """Return the track of each box that overlaps most, or a new one, in their order."""
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
                given[number] = Track(self._name(), box, time, time)
                self.tracks.append(given[number])
            given[number].sighted(box, time)
        return [given[number] for number in range(len(boxes))]

    def drop(self, track: Track) -> None:
        """Give up a track; `ended` tells of it."""
        self.tracks.remove(track)
        self._dropped.append(track)

    def expire(self, time: float) -> None:
        """Drop the tracks without a box for over tracking.lost_s."""
        for track in list(self.tracks):
            if time - track.last_seen > self._options.lost_s:
                self.drop(track)

    def sighted(self) -> list[Track]:
        """The tracks whose face was found since the last call."""
        found = [track for track in self.tracks if track.fresh]
        for track in found:
            track.fresh = False
        return found

    def ended(self, time: float) -> list[Track]:
        """Forget and return those dropped, those that `expire` now among them."""
        self.expire(time)
        gone, self._dropped = self._dropped, []
        return gone

    def end_all(self) -> list[Track]:
        """Forget and return every track."""
        gone, self.tracks = self.tracks, []
        return gone

    def _hidden(self, track: Track, time: float) -> bool:
        return track.missed and time - track.last_seen <= self._options.coast_s
