"""Run the daemon: read frames, publish events, until the camera ends or a stop is requested.

One loop runs on the main thread and never sleeps longer than `TICK_S`. The camera has its own
thread (`CameraThread`), and so has the MQTT client behind `Publisher`.
"""

import dataclasses
import logging
import math
import time
from collections.abc import Callable

from edge_fer.cameras import Camera
from edge_fer.config.load import device_name
from edge_fer.config.settings import Settings
from edge_fer.daemon.camera_monitor import CameraMonitor, build_monitor
from edge_fer.daemon.camera_thread import CameraThread, frame_timeout_s
from edge_fer.daemon.control import ServiceControl, pause_file
from edge_fer.daemon.load_shedding import Throttle, temperature
from edge_fer.daemon.prometheus import Textfile
from edge_fer.daemon.reporting import Reporter
from edge_fer.daemon.stats import Stats, release_memory, rss_mb
from edge_fer.daemon.systemd import Notifier
from edge_fer.daemon.watchdog import DeliveryMonitor, Watchdog
from edge_fer.emotion.card import Card
from edge_fer.errors import BrokerError, CameraError, EdgeFerError
from edge_fer.mqtt.publisher import Publisher
from edge_fer.pipeline import Pipeline
from edge_fer.types import Frame, Report

log = logging.getLogger(__name__)

PAUSED = "paused by enabled/set; the camera is closed"
CLOSING = "paused by enabled/set; the camera does not respond and is not closed yet"

TICK_S = 0.5
"""Longest sleep of the main loop."""

CLOSE_S = 0.5
"""Longest time that the main loop waits for a camera to close."""


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class Components:
    """The objects of a running service; a reload keeps those that it does not change."""

    settings: Settings
    card: Card
    """Card of the running model."""
    camera: Camera
    pipeline: Pipeline
    publisher: Publisher
    reporter: Reporter
    throttle: Throttle
    """Written by `LoadShedder`, read by the pipeline's search."""

    def shares_camera_with(self, other: "Components") -> bool:
        """Return True if the camera may stay open on the way from one to the other."""
        return self.camera is other.camera and self.publisher is other.publisher


class Service:
    """Reads frames, passes reports on and keeps the statistics.

    For a reload, ``rebuild`` makes new components from the old ones. If it raises EdgeFerError,
    because the configuration or the model is invalid, the old components stay in use.
    """

    def __init__(
        self,
        components: Components,
        control: ServiceControl,
        *,
        rebuild: Callable[[Components], Components] | None = None,
        max_frames: int | None = None,
        notifier: Notifier | None = None,
    ) -> None:
        self._control, self._rebuild, self._max = control, rebuild, max_frames
        self._watchdog = Watchdog(notifier or Notifier(), first="camera")
        self._stats, self._textfile = Stats(), Textfile()
        self._monitor: CameraMonitor | None = None
        self._use(components)
        self._closing: list[CameraThread] = []
        """Threads whose cameras are not closed yet, though they should be."""
        self._started = now = time.monotonic()
        self._stats_due = now + components.settings.stats.interval_s
        self._delivery = DeliveryMonitor(self._watchdog)
        self._stamp = 0.0

    def run(self) -> None:
        """Work until a file ends, `max_frames` are processed or a stop is requested.

        Raises:
            CameraError: a file cannot be read, or a live camera delivered no frames for
                camera.give_up_s.
            BrokerError: the service has ended and some events could not be delivered.
        """
        over, undelivered = False, 0
        while not over:
            with self._components.publisher as publisher:
                publisher.publish_enabled(self._control.enabled or not self._is_closed())
                over = True
                try:
                    over = self._serve()
                finally:
                    if over:
                        self._watchdog.stopping()
                        self._publish_stats()
            undelivered += publisher.undelivered
        if undelivered:
            raise BrokerError(
                f"{undelivered} events could not be delivered: no broker in "
                "mqtt.brokers acknowledged them within mqtt.drain_s"
            )

    def _serve(self) -> bool:
        """Work until the end (True), or until a reload replaces the publisher (False)."""
        publisher = self._components.publisher
        while not self._control.stopped and self._components.publisher is publisher:
            if self._control.reload_requested:
                self._reload()
            elif not self._control.enabled:
                self._pause()
            elif self._capture():
                return True
        return self._control.stopped

    def _capture(self) -> bool:
        """Read the camera; return True at its end. After an error wait for the next retry."""
        try:
            return self._read_camera()
        except CameraError as error:
            if self._monitor is None:
                raise
            until = time.monotonic() + self._monitor.on_error(error)
        while self._control.running and time.monotonic() < until:
            self._tick()
            self._control.wait(min(TICK_S, until - time.monotonic()))
        return False

    def _read_camera(self) -> bool:
        """Read the camera until its end (True), or until another request is pending (False)."""
        thread = self._open()
        components = self._components
        try:
            while self._control.running:
                frame = self._next_frame(thread)
                if frame is not None:
                    self._process(frame, thread.waited_s)
                if thread.closed or (self._max is not None and self._stats.frames >= self._max):
                    return True
                if self._control.reload_requested:
                    self._reload()
                    if not self._components.shares_camera_with(components):
                        break
                    components = self._components
            return False
        finally:
            # Also after a camera error: nobody is in view of a closed camera.
            self._end_tracks(components)
            thread.close()
            if not thread.join(CLOSE_S):
                self._closing.append(thread)

    def _open(self) -> CameraThread:
        camera = self._components.camera
        if not self._is_closed() and any(thread.camera is camera for thread in self._closing):
            # A second thread would block as well; only a new process can abandon the first one.
            raise camera.error("does not respond and cannot be closed")
        return CameraThread(camera, self._timeout_s, self._control.notify)

    def _next_frame(self, thread: CameraThread) -> Frame | None:
        """Return the next frame; None at the end, or if another request is pending."""
        thread.request()
        frame = thread.poll()
        while frame is None and not thread.closed and self._control.running:
            self._control.wait(TICK_S)
            frame = thread.poll()
            if frame is None:
                self._tick()
        return frame or thread.poll()

    def _process(self, frame: Frame, waited: float) -> None:
        """Run the pipeline on the frame, unless it is skipped, and publish the result."""
        monitor, wanted = self._monitor, True
        if monitor is not None:
            wanted = monitor.on_frame(frame)
        began = time.monotonic()
        if wanted:
            self._report(self._components.pipeline.process(frame))
        if monitor is not None:
            monitor.on_processed(waited, time.monotonic() - began if wanted else 0.0)
        self._watchdog.progress("camera", within_s=self._timeout_s + 2 * TICK_S)
        self._tick()

    def _report(self, report: Report) -> None:
        self._stats.add(report, time.monotonic())
        self._stamp = report.stamp
        if report.fault:
            log.warning("frame %d: %s", report.number, report.fault)
        self._stats.events += self._components.reporter.report(report)

    def _end_tracks(self, components: Components) -> None:
        events = components.pipeline.finish(self._stamp)
        self._stats.events += components.reporter.finish(events, self._stamp)

    def _pause(self) -> None:
        """Wait with the camera closed until the service is enabled, stopped or reloaded."""
        publisher, published = self._components.publisher, False
        control = self._control
        while not (control.enabled or control.stopped or control.reload_requested):
            closed = self._is_closed()
            if closed and not published:
                published = True
                publisher.publish_enabled(False)
                log.info("paused: the camera is closed")
            # A pause lasts until the user ends it, so this wait has no bound.
            self._watchdog.wait("camera", PAUSED if closed else CLOSING, math.inf)
            self._tick()
            control.wait(TICK_S)
        if self._monitor is not None:
            self._monitor.reset()
        if control.enabled and not control.stopped:
            log.info("enabled: reopening the camera")
            publisher.publish_enabled(True)

    def _is_closed(self) -> bool:
        """Return True if no camera is open that should be closed."""
        self._closing = [thread for thread in self._closing if not thread.closed]
        return not self._closing

    def _reload(self) -> None:
        """Apply a new configuration; everything that it does not change keeps running."""
        self._control.reload_requested = False
        self._watchdog.reloading()
        before = self._components
        after = self._rebuilt(before)
        if after.pipeline is not before.pipeline or after.publisher is not before.publisher:
            self._end_tracks(before)
        self._use(after)
        self._control.use_pause_file(pause_file(after.settings))
        self._watchdog.reloaded()

    def _rebuilt(self, before: Components) -> Components:
        """Return the new components, or those from before if the new configuration is invalid.

        The status shows a failed reload until the next successful one.
        """
        try:
            after = self._rebuild(before) if self._rebuild else before
        except EdgeFerError as error:
            self._stats.counts["reloads_refused"] += 1
            lines = str(error).splitlines()
            log.error("reload failed, keeping the previous configuration: %s", "; ".join(lines))
            self._watchdog.note("reload", f"reload failed: {lines[0]}")
            return before
        self._watchdog.note("reload", "")
        self._stats.counts["reloads"] += 1
        names = ("camera", "pipeline", "publisher")
        new = [name for name in names if getattr(after, name) is not getattr(before, name)]
        log.info("configuration reloaded; changed: %s", ", ".join(new) or "nothing")
        return after

    def _use(self, components: Components) -> None:
        self._components = components
        camera, settings = components.camera, components.settings.camera
        self._timeout_s = frame_timeout_s(camera, settings)
        if self._monitor is None or self._monitor.camera is not camera:
            self._monitor = build_monitor(
                camera, settings, components.throttle, self._stats, self._watchdog
            )

    def _tick(self) -> None:
        """Do all periodic work beside the camera: delivery, statistics and the watchdog."""
        now = time.monotonic()
        self._delivery.check(self._components.publisher, now)
        self._watchdog.note("pause", self._control.failure)
        if now >= self._stats_due:
            self._stats_due = now + self._components.settings.stats.interval_s
            self._publish_stats()
        self._watchdog.tick()

    def _publish_stats(self) -> None:
        release_memory()
        if self._monitor is not None:
            self._monitor.update_gauges()
        uptime_s = round(time.monotonic() - self._started, 1)
        publisher = self._components.publisher
        now = {"rss_mb": rss_mb(), "uptime_s": uptime_s, **temperature()}
        extra = {**publisher.counters(), **now}
        numbers = self._components.reporter.filter_stats(self._stats.snapshot(extra))
        publisher.publish_stats(numbers, time.time())
        settings = self._components.settings
        if settings.stats.textfile:
            self._textfile.write(settings.stats.textfile, numbers, device_name(settings))
