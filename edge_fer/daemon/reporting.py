"""What is told of a report: each face, or with `privacy.mode = "aggregate"` the sum of many.

The log is told no more than the broker.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Protocol

from edge_fer.config.settings import Privacy
from edge_fer.mqtt.aggregate import Aggregate, Summary
from edge_fer.mqtt.publisher import Publisher
from edge_fer.types import Event, Report

log = logging.getLogger(__name__)


class Teller(Protocol):
    """Has a publisher say what may be said; `tell` and `end` give how many events that were."""

    def tell(self, report: Report) -> int:
        """Of one frame."""

    def end(self, events: Sequence[Event], stamp: float) -> int:
        """That the camera is closed, which ended these tracks: nobody is in view."""

    def numbers(self, numbers: Mapping[str, float]) -> Mapping[str, float]:
        """Those of stats that may be told."""


class Faces:
    """Each face's events, and who is in view."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._size = (0, 0)

    def tell(self, report: Report) -> int:
        """An event each, and the state if there was any."""
        self._size = report.size
        if log.isEnabledFor(logging.DEBUG):
            for verdict in report.verdicts:
                log.debug(
                    "frame %d track %s: %s", report.number, verdict.track, verdict.outcome.value
                )
        self._publish(report.events)
        if report.events:
            self._publisher.publish_state(report.present, report.size, report.stamp)
        return len(report.events)

    def end(self, events: Sequence[Event], stamp: float) -> int:
        """The last event of each, and an empty state."""
        self._publish(events)
        self._publisher.publish_state([], self._size, stamp)
        return len(events)

    def numbers(self, numbers: Mapping[str, float]) -> Mapping[str, float]:
        """All."""
        return numbers

    def _publish(self, events: Sequence[Event]) -> None:
        for event in events:
            log.info(
                "track %s %s: %s %.2f",
                event.track,
                event.phase.value,
                event.emotion,
                event.confidence,
            )
            self._publisher.publish_event(event, self._size)


class Crowd:
    """The shares of emotions in each interval, and nothing of single faces."""

    def __init__(self, publisher: Publisher, privacy: Privacy) -> None:
        self._publisher = publisher
        self._aggregate = Aggregate(privacy.interval_s, privacy.min_group)

    def tell(self, report: Report) -> int:
        """An interval that this frame completes."""
        return self._publish(self._aggregate.add(report.present, report.time, report.stamp))

    def end(self, events: Sequence[Event], stamp: float) -> int:
        """What there is of an interval."""
        return self._publish(self._aggregate.finish(stamp))

    def numbers(self, numbers: Mapping[str, float]) -> Mapping[str, float]:
        """No counts of faces: of few people they tell when each came, and how many there are."""
        return {name: numbers[name] for name in numbers if not name.startswith("faces_")}

    def _publish(self, summary: Summary | None) -> int:
        if summary is None:
            return 0
        log.info("interval of %.1f s: %s", summary.seconds, _worded(summary))
        self._publisher.publish_aggregate(summary)
        return 1


def build_teller(privacy: Privacy, publisher: Publisher) -> Teller:
    """What privacy.mode names."""
    return Faces(publisher) if privacy.mode == "faces" else Crowd(publisher, privacy)


def _worded(summary: Summary) -> str:
    if summary.shares is None:
        return "withheld, fewer people than privacy.min_group"
    shares = ", ".join(f"{label} {share:.2f}" for label, share in summary.shares.items())
    return f"{summary.people} people or more: {shares}"
