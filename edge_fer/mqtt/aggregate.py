"""Who was in view in an interval, to shares of emotions: all that `mode = "aggregate"` tells.

No clock; it remembers an interval and nobody beyond it.

A group is hidden among its members only if it is one: a person who is lost and found again is
not two people, and one who stays is worth no more than one who passes. So a track that begins
where another has just ended counts as its return, and each person has one vote, divided among
the emotions by the frames in which they were seen with each.
"""

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence

from edge_fer.types import Box, Presence

RETURN_S = 10.0
"""A track that begins near where another ended within that time is taken for the same person."""
REACH = 2.0
"""How near, in widths of the larger box, centre to centre."""


@dataclasses.dataclass(frozen=True, slots=True)
class Summary:
    """One interval."""

    stamp: float
    """Its end, Unix seconds."""
    seconds: float
    """What was filmed of it."""
    people: int | None
    """At least, a multiple of the smallest group; None where there were fewer than that."""
    shares: Mapping[str, float] | None
    """Label to its share of the votes, which sum to 1; None where people is None."""


@dataclasses.dataclass(eq=False, slots=True)
class _Person:
    box: Box
    seen: float
    """Seconds into the interval, the last time."""
    frames: Counter[str] = dataclasses.field(default_factory=Counter)


class Aggregate:
    """Adds up one interval after the other.

    Fewer than ``min_group`` people in ``interval_s`` are nobody's business.
    """

    def __init__(self, interval_s: float, min_group: int) -> None:
        self._interval_s, self._min_group = interval_s, min_group
        self._time: float | None = None
        self._restart()

    def add(self, present: Sequence[Presence], time: float, stamp: float) -> Summary | None:
        """Take in a frame at stream time ``time``; what it completes, if it does.

        A time before that of the frame before begins a new stream within the same interval.
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
        """The camera is closed: what there is of the interval; None where that is nothing."""
        self._time = None
        return self._end(stamp) if self._seconds else None

    def _restart(self) -> None:
        self._seconds = 0.0
        self._tracks: dict[str, _Person] = {}
        self._people: list[_Person] = []

    def _enter(self, face: Presence, present: Sequence[Presence]) -> _Person:
        """Whose track it is: somebody's who has just gone from there, or a new person's."""
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
