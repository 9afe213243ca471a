"""The daemon: frames in, messages out, until the camera ends or somebody says stop.

One loop on the main thread; paho's thread behind `Publisher` is the only other one.
"""

import logging
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from edge_fer.cameras import Camera
from edge_fer.daemon.memory import release, rss_mb
from edge_fer.daemon.pipeline import Pipeline
from edge_fer.daemon.stats import Stats
from edge_fer.daemon.systemd import Notifier
from edge_fer.delivery.publisher import Publisher
from edge_fer.errors import BrokerError
from edge_fer.types import Event, Report

log = logging.getLogger(__name__)

PAUSE_CHECK_S = 1.0
"""How often a paused service feeds the watchdog."""


class Switch:
    """On or off, from any thread; the pause switch and the stop signal in one place."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.enabled = True
        self.stopped = False

    def enable(self, value: bool) -> None:
        """Let the camera run, or have it closed."""
        with self._changed:
            self.enabled = value
            self._changed.notify_all()

    def stop(self) -> None:
        """End the service."""
        # No lock: a signal handler may interrupt the very thread that holds it.
        self.stopped = True

    @property
    def running(self) -> bool:
        """Frames are wanted."""
        return self.enabled and not self.stopped

    def wait(self, seconds: float) -> None:
        """Sleep until something changes, or for that long."""
        with self._changed:
            if not self.enabled and not self.stopped:
                self._changed.wait(seconds)


class Service:
    """Pulls frames, hands reports on, keeps count."""

    def __init__(
        self, camera: Camera, pipeline: Pipeline, publisher: Publisher, switch: Switch,
        *, stats_interval_s: float, max_frames: int | None = None, notifier: Notifier | None = None,
    ) -> None:  # fmt: skip
        self._camera, self._pipeline, self._publisher = camera, pipeline, publisher
        self._switch, self._interval, self._max = switch, stats_interval_s, max_frames
        self._notifier = notifier or Notifier()
        self._stats = Stats()
        self._stats_due = time.monotonic() + stats_interval_s
        self._stamp = 0.0
        self._size = (0, 0)

    def run(self) -> None:
        """Work until a file ends, `max_frames` are done or the switch says stop.

        Raises:
            CameraError: the camera cannot be opened or gives no frames any more.
            BrokerError: it is over and some events could not be delivered.
        """
        with self._publisher:
            self._publisher.publish_enabled(self._switch.enabled)
            ended = False
            while not ended and not self._switch.stopped:
                if self._switch.enabled:
                    ended = self._watch()
                else:
                    self._pause()
            self._notifier.stopping()
            self._publish_stats()
        if self._publisher.undelivered:
            raise BrokerError(
                f"{self._publisher.undelivered} events could not be delivered: no broker of "
                "mqtt.brokers took them within mqtt.drain_s"
            )

    def _watch(self) -> bool:
        """Read the camera until it ends or is switched off; True when there is no more to do."""
        ended = True
        try:
            with self._camera:
                for frame in self._camera:
                    self._handle(self._pipeline.process(frame))
                    if self._max is not None and self._stats.frames >= self._max:
                        break
                    if not self._switch.running:
                        ended = self._switch.stopped
                        break
        finally:
            # Also when the camera fails: whoever was there is gone now.
            self._tell(self._pipeline.finish(self._stamp))
            self._publisher.publish_state([], self._size, self._stamp)
        return ended

    def _handle(self, report: Report) -> None:
        if self._stats.frames == 0:
            self._notifier.ready("watching")
        now = time.monotonic()
        self._stats.add(report, now)
        self._stamp, self._size = report.stamp, report.size
        _log_report(report)
        self._tell(report.events)
        if report.events:
            self._publisher.publish_state(report.present, report.size, report.stamp)
        if now >= self._stats_due:
            self._stats_due = now + self._interval
            self._publish_stats()
        self._notifier.alive()

    def _tell(self, events: Sequence[Event]) -> None:
        for event in events:
            log.info(
                "track %s %s: %s %.2f", event.track, event.phase.value, event.emotion,
                event.confidence,
            )  # fmt: skip
            self._publisher.publish_event(event, self._size)
            self._stats.events += 1

    def _pause(self) -> None:
        """The camera is closed; wait for the switch."""
        self._publisher.publish_enabled(False)
        self._notifier.ready("paused by enabled/set; the camera is closed")
        log.info("paused: the camera is closed")
        while not self._switch.enabled and not self._switch.stopped:
            self._switch.wait(PAUSE_CHECK_S)
            self._notifier.alive()
        if not self._switch.stopped:
            log.info("enabled: the camera is opened again")
            self._publisher.publish_enabled(True)
            self._notifier.status("watching")

    def _publish_stats(self) -> None:
        release()
        extra = {**self._publisher.counters(), "rss_mb": rss_mb()}
        self._publisher.publish_stats(self._stats.snapshot(extra), time.time())


@contextmanager
def signals(switch: Switch) -> Iterator[None]:
    """SIGTERM and SIGINT end the service in an orderly way while this is entered."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        switch.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _log_report(report: Report) -> None:
    if report.fault:
        log.warning("frame %d: %s", report.number, report.fault)
    if log.isEnabledFor(logging.DEBUG):
        for verdict in report.verdicts:
            log.debug("frame %d track %s: %s", report.number, verdict.track, verdict.outcome.value)
