"""Publish the results of the pipeline: each face, or only the sums of a group of people.

`privacy.mode` selects the reporter. The log never holds more than the reporter publishes.
"""

import logging
import math
from collections.abc import Mapping, Sequence
from typing import Protocol

from edge_fer.config.settings import Privacy
from edge_fer.mqtt.aggregate import Aggregate, Summary
from edge_fer.mqtt.publisher import Publisher
from edge_fer.types import Event, Report

log = logging.getLogger(__name__)


class Reporter(Protocol):
    """Publishes what `privacy.mode` permits; `report` and `finish` return the number of events."""

    def report(self, report: Report) -> int:
        """Publish the events of one frame."""

    def finish(self, events: Sequence[Event], stamp: float) -> int:
        """Publish that the camera is closed, which ended these tracks; no face is in view."""

    def filter_stats(self, numbers: Mapping[str, float]) -> Mapping[str, float]:
        """Return the statistics that may be published."""


class FaceReporter:
    """Publishes the events of each face and the state, which lists the faces in view."""

    def __init__(self, publisher: Publisher, live_hz: float = 0.0) -> None:
        self._publisher = publisher
        self._size = (0, 0)
        # A frame may be a little early: frames do not come at multiples of this.
        self._live_s = 0.9 / live_hz if live_hz else math.inf
        self._live: float | None = None
        self._main: str | None = None

    def report(self, report: Report) -> int:
        """Publish each event, then the new state if there was one or the main face changed."""
        self._size = report.size
        if log.isEnabledFor(logging.DEBUG):
            for verdict in report.verdicts:
                log.debug(
                    "frame %d track %s: %s", report.number, verdict.track, verdict.outcome.value
                )
        self._publish(report.events)
        before, self._main = self._main, report.present[0].track if report.present else None
        if report.events or self._main != before:
            self._publisher.publish_state(report.present, report.size, report.stamp)
        # Stream time goes back where a camera is opened again.
        if self._live is None or not 0 <= report.time - self._live < self._live_s:
            self._live = report.time
            if self._live_s < math.inf:
                self._publisher.publish_live(report.present, report.size, report.stamp)
        return len(report.events)

    def finish(self, events: Sequence[Event], stamp: float) -> int:
        """Publish the last event of each track, then an empty state."""
        self._publish(events)
        self._publisher.publish_state([], self._size, stamp)
        return len(events)

    def filter_stats(self, numbers: Mapping[str, float]) -> Mapping[str, float]:
        """Return all statistics."""
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


class AggregateReporter:
    """Publishes the shares of the emotions in each interval, and nothing about single faces."""

    def __init__(self, publisher: Publisher, privacy: Privacy) -> None:
        self._publisher = publisher
        self._aggregate = Aggregate(privacy.interval_s, privacy.min_group)

    def report(self, report: Report) -> int:
        """Publish the interval that this frame completes, if it completes one."""
        return self._publish(self._aggregate.add(report.present, report.time, report.stamp))

    def finish(self, events: Sequence[Event], stamp: float) -> int:
        """Publish the incomplete interval."""
        return self._publish(self._aggregate.finish(stamp))

    def filter_stats(self, numbers: Mapping[str, float]) -> Mapping[str, float]:
        """Return the statistics without face counts.

        In a small group, face counts reveal how many people are present and when each arrived.
        """
        return {name: numbers[name] for name in numbers if not name.startswith("faces_")}

    def _publish(self, summary: Summary | None) -> int:
        if summary is None:
            return 0
        log.info("interval of %.1f s: %s", summary.seconds, _describe(summary))
        self._publisher.publish_aggregate(summary)
        return 1


def build_reporter(privacy: Privacy, publisher: Publisher, live_hz: float = 0.0) -> Reporter:
    """Return the reporter for `privacy.mode`."""
    if privacy.mode == "faces":
        return FaceReporter(publisher, live_hz)
    return AggregateReporter(publisher, privacy)


def _describe(summary: Summary) -> str:
    if summary.shares is None:
        return "withheld, fewer people than privacy.min_group"
    shares = ", ".join(f"{label} {share:.2f}" for label, share in summary.shares.items())
    return f"at least {summary.people} people: {shares}"
