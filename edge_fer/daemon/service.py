"""The daemon: frames in, messages out, until the camera ends or somebody says stop.

One loop on the main thread, and nothing in it waits longer than `TICK_S` without looking
around: the camera has a thread of its own (`Feed`), and so has paho behind `Publisher`.
"""

import logging
import math
import time
from collections.abc import Callable

from edge_fer.config.load import device_name
from edge_fer.daemon.camera_monitor import Lookout, look_out
from edge_fer.daemon.camera_thread import Feed, patience_s
from edge_fer.daemon.components import Parts, reload
from edge_fer.daemon.control import Switch, mark_of
from edge_fer.daemon.load_shedding import temperature
from edge_fer.daemon.memory import release, rss_mb
from edge_fer.daemon.prometheus import Textfile
from edge_fer.daemon.stats import Stats
from edge_fer.daemon.systemd import Notifier
from edge_fer.daemon.watchdog import Receipts, Watch
from edge_fer.errors import BrokerError, CameraError
from edge_fer.types import Frame, Report

log = logging.getLogger(__name__)

PAUSED = "paused by enabled/set; the camera is closed"
CLOSING = "paused by enabled/set; the camera hangs and is not closed yet"

TICK_S = 0.5
"""Longest sleep of the main loop, and how often delivery is looked at."""

CLOSE_S = 0.5
"""How long the main loop waits for a camera to close before it goes on without it."""


class Service:
    """Pulls frames, hands reports on, keeps count.

    ``rebuild`` makes new parts of the old ones for a reload; it raises EdgeFerError for a
    configuration or a model that is not good, and the old parts go on.
    """

    def __init__(
        self,
        parts: Parts,
        switch: Switch,
        *,
        rebuild: Callable[[Parts], Parts] | None = None,
        max_frames: int | None = None,
        notifier: Notifier | None = None,
    ) -> None:
        self._switch, self._rebuild, self._max = switch, rebuild, max_frames
        self._watch = Watch(notifier or Notifier(), first="camera")
        self._stats, self._textfile = Stats(), Textfile()
        self._lookout: Lookout | None = None
        self._use(parts)
        self._stuck: list[Feed] = []
        """Cameras that are not closed yet, though they should be."""
        self._started = now = time.monotonic()
        self._stats_due = now + parts.settings.stats.interval_s
        self._receipts = Receipts(self._watch)
        self._stamp = 0.0

    def run(self) -> None:
        """Work until a file ends, `max_frames` are done or the switch says stop.

        Raises:
            CameraError: a file cannot be read, or a live camera gave no frames for
                camera.give_up_s.
            BrokerError: it is over and some events could not be delivered.
        """
        over, undelivered = False, 0
        while not over:
            with self._parts.publisher as publisher:
                publisher.publish_enabled(self._switch.enabled or not self._is_closed())
                over = True
                try:
                    over = self._serve()
                finally:
                    if over:
                        self._watch.stopping()
                        self._publish_stats()
            undelivered += publisher.undelivered
        if undelivered:
            raise BrokerError(
                f"{undelivered} events could not be delivered: no broker of "
                "mqtt.brokers took them within mqtt.drain_s"
            )

    def _serve(self) -> bool:
        """Work until it is over, or until a reload has brought another publisher: False."""
        publisher = self._parts.publisher
        while not self._switch.stopped and self._parts.publisher is publisher:
            if self._switch.reload_wanted:
                self._reload()
            elif not self._switch.enabled:
                self._pause()
            elif self._film():
                return True
        return self._switch.stopped

    def _film(self) -> bool:
        """Film until there is no more to do: True; a live camera that is lost is waited for."""
        try:
            return self._read()
        except CameraError as error:
            if self._lookout is None:
                raise
            until = time.monotonic() + self._lookout.failed(error)
        while self._switch.running and time.monotonic() < until:
            self._tick()
            self._switch.wait(min(TICK_S, until - time.monotonic()))
        return False

    def _read(self) -> bool:
        """Read the camera until it ends: True, or until something else is wanted."""
        feed = self._open()
        parts = self._parts
        try:
            while self._switch.running:
                frame = self._next(feed)
                if frame is not None:
                    self._look(frame, feed.waited_s)
                if feed.closed or (self._max is not None and self._stats.frames >= self._max):
                    return True
                if self._switch.reload_wanted:
                    self._reload()
                    if not self._parts.one_camera_with(parts):
                        break
                    parts = self._parts
            return False
        finally:
            # Also when the camera fails: whoever was there is gone now.
            self._forget_faces(parts)
            feed.close()
            if not feed.join(CLOSE_S):
                self._stuck.append(feed)

    def _open(self) -> Feed:
        camera = self._parts.camera
        if not self._is_closed() and any(stuck.camera is camera for stuck in self._stuck):
            # A second thread would hang as well; only a new process can leave this one behind.
            raise camera.error("hangs, and cannot be closed")
        return Feed(camera, self._patience_s, self._switch.ring)

    def _next(self, feed: Feed) -> Frame | None:
        """The next frame; None at the end, or when something else is wanted first."""
        feed.ask()
        while (frame := feed.take()) is None and not feed.closed and self._switch.running:
            self._switch.wait(TICK_S)
            self._tick()
        return frame or feed.take()

    def _look(self, frame: Frame, waited: float) -> None:
        """Do all that a frame is for."""
        lookout, wanted = self._lookout, True
        if lookout is not None:
            wanted = lookout.see(frame)
        began = time.monotonic()
        if wanted:
            self._handle(self._parts.pipeline.process(frame))
        if lookout is not None:
            lookout.spent(waited, time.monotonic() - began if wanted else 0.0)
        self._watch.step("camera", within_s=self._patience_s + 2 * TICK_S)
        self._tick()

    def _handle(self, report: Report) -> None:
        self._stats.add(report, time.monotonic())
        self._stamp = report.stamp
        if report.fault:
            log.warning("frame %d: %s", report.number, report.fault)
        self._stats.events += self._parts.teller.tell(report)

    def _forget_faces(self, parts: Parts) -> None:
        events = parts.pipeline.finish(self._stamp)
        self._stats.events += parts.teller.end(events, self._stamp)

    def _pause(self) -> None:
        """The camera is to be closed; wait for the switch."""
        publisher, told = self._parts.publisher, False
        while not (self._switch.enabled or self._switch.stopped or self._switch.reload_wanted):
            closed = self._is_closed()
            if closed and not told:
                told = True
                publisher.publish_enabled(False)
                log.info("paused: the camera is closed")
            # A pause lasts as long as it was asked for, so it has no bound of ours.
            self._watch.wait("camera", PAUSED if closed else CLOSING, math.inf)
            self._tick()
            self._switch.wait(TICK_S)
        if self._lookout is not None:
            self._lookout.pause()
        if self._switch.enabled and not self._switch.stopped:
            log.info("enabled: the camera is opened again")
            publisher.publish_enabled(True)

    def _is_closed(self) -> bool:
        """No camera is open that should not be."""
        self._stuck = [feed for feed in self._stuck if not feed.closed]
        return not self._stuck

    def _reload(self) -> None:
        """Take what a new configuration has changed; what it has not goes on."""
        self._switch.reload_wanted = False
        self._watch.reloading()
        before = self._parts
        after = reload(before, self._rebuild, self._stats, self._watch)
        if after.pipeline is not before.pipeline or after.publisher is not before.publisher:
            self._forget_faces(before)
        self._use(after)
        self._switch.keep_in(mark_of(after.settings))
        self._watch.reloaded()

    def _use(self, parts: Parts) -> None:
        self._parts = parts
        self._patience_s = patience_s(parts.camera, parts.settings.camera)
        if self._lookout is None or self._lookout.camera is not parts.camera:
            self._lookout = look_out(parts, self._stats, self._watch)

    def _tick(self) -> None:
        """Look after all that is not the camera."""
        now = time.monotonic()
        self._receipts.look(self._parts.publisher, now)
        self._watch.note("pause", self._switch.failure)
        if now >= self._stats_due:
            self._stats_due = now + self._parts.settings.stats.interval_s
            self._publish_stats()
        self._watch.tick()

    def _publish_stats(self) -> None:
        release()
        if self._lookout is not None:
            self._lookout.gauge()
        uptime_s = round(time.monotonic() - self._started, 1)
        publisher = self._parts.publisher
        now = {"rss_mb": rss_mb(), "uptime_s": uptime_s, **temperature()}
        extra = {**publisher.counters(), **now}
        numbers = self._parts.teller.numbers(self._stats.snapshot(extra))
        publisher.publish_stats(numbers, time.time())
        settings = self._parts.settings
        if settings.stats.textfile:
            self._textfile.write(settings.stats.textfile, numbers, device_name(settings))
