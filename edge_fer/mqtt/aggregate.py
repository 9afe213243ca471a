"""Aggregate the faces in view over an interval, for `privacy.mode = "aggregate"`.

It has no clock, and keeps nothing of a person beyond one interval.

Members of a group stay anonymous only if the count is right: a person who is lost and found again
is not two people, and one who stays counts as much as one who passes. So a track that begins
where another has just ended counts as the same person. Each person has one vote, divided among
the emotions by the number of frames with each.
"""

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence

from edge_fer.types import Box, Presence

RETURN_S = 10.0
"""Longest gap between two tracks that count as the same person."""
REACH = 2.0
"""Largest distance of their centres, in widths of the larger box."""


@dataclasses.dataclass(frozen=True, slots=True)
class Summary:
    """The result of one interval."""

    stamp: float
    """End of the interval in Unix seconds."""
    seconds: float
    """How much of it was filmed."""
    people: int | None
    """Minimum number of people, a multiple of the smallest group; None if there were fewer."""
    shares: Mapping[str, float] | None
    """Share of the votes by label, with sum 1; None if ``people`` is None."""


@dataclasses.dataclass(eq=False, slots=True)
class _Person:
    box: Box
    seen: float
    """Seconds into the interval when last in view."""
    frames: Counter[str] = dataclasses.field(default_factory=Counter)


class Aggregate:
    """Add up one interval after the other.

    The result is withheld for fewer than ``min_group`` people in ``interval_s`` seconds.
    """

    def __init__(self, interval_s: float, min_group: int) -> None:
        self._interval_s, self._min_group = interval_s, min_group
        self._time: float | None = None
        self._restart()

    def add(self, present: Sequence[Presence], time: float, stamp: float) -> Summary | None:
        """Add a frame at stream time ``time``; return the summary if that completes an interval.

        A time before the previous frame's starts a new stream within the same interval.
        """
        if self._time is not None:
            self._seconds += max(0.0, time - self._time)
        self._time = time
        for face in present:
            person = self._tracks.get(face.track) or self._enter(face, present)
            person.box, person.seen = face.box, self._seconds
            person.frames[face.emotion] += 1
        return self._end(stamp) if self._seconds >= self._interval_s else None

    def finish(self, stamp: float) -> Summary | None:
        """Return the summary of the unfinished interval when the camera closes; None if empty."""
        self._time = None
        return self._end(stamp) if self._seconds else None

    def _restart(self) -> None:
        self._seconds = 0.0
        self._tracks: dict[str, _Person] = {}
        self._people: list[_Person] = []

    def _enter(self, face: Presence, present: Sequence[Presence]) -> _Person:
        """Return the person of a new track: one who has just left that place, or a new one."""
        here = [self._tracks.get(other.track) for other in present]
        gone = [
            person
            for person in self._people
            if person not in here
            and self._seconds - person.seen <= RETURN_S
            and _near(person.box, face.box)
        ]
        if gone:
            person = max(gone, key=lambda it: it.seen)
        else:
            person = _Person(face.box, self._seconds)
            self._people.append(person)
        self._tracks[face.track] = person
        return person

    def _end(self, stamp: float) -> Summary:
        seconds, people = self._seconds, self._people
        self._restart()
        if len(people) < self._min_group:
            return Summary(stamp, seconds, None, None)
        votes: dict[str, float] = {}
        for person in people:
            for emotion, frames in person.frames.items():
                share = frames / person.frames.total() / len(people)
                votes[emotion] = votes.get(emotion, 0.0) + share
        coarse = len(people) // self._min_group * self._min_group
        return Summary(stamp, seconds, coarse, votes)


def _near(one: Box, other: Box) -> bool:
    across = 2 * one.left + one.width - 2 * other.left - other.width
    down = 2 * one.top + one.height - 2 * other.top - other.height
    return max(abs(across), abs(down)) / 2 <= REACH * max(one.width, other.width)
