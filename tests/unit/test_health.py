"""A live camera that is black, lost or of another size; and clocks that jump."""

import itertools
from pathlib import Path

import numpy as np
import pytest

import edge_fer
from edge_fer.cameras import Camera, open_camera
from edge_fer.config.settings import Camera as CameraSettings
from edge_fer.config.settings import Quality, Settings
from edge_fer.daemon.camera_monitor import (
    BLACK_S,
    STABLE_S,
    BlackDetector,
    CameraMonitor,
    Outage,
    build_monitor,
    is_black,
)
from edge_fer.daemon.load_shedding import Throttle
from edge_fer.daemon.service import Components
from edge_fer.daemon.stats import Stats
from edge_fer.daemon.systemd import Notifier
from edge_fer.daemon.watchdog import Watchdog
from edge_fer.emotion.card import Framing
from edge_fer.errors import CameraError
from edge_fer.pipeline import Pipeline
from edge_fer.testing import (
    CentredLandmarker,
    ScriptedClassifier,
    ScriptedDetector,
)
from edge_fer.types import Box, Frame
from edge_fer.vision.landmarks import Aligner
from edge_fer.vision.search import EveryFrame

NIGHT = np.random.default_rng(0).normal(18, 2, (48, 64)).clip(0, 255).astype(np.uint8)
DAY = np.linspace(0, 255, 48 * 64).reshape(48, 64).astype(np.uint8)
GREY = np.full((48, 64), 120, np.uint8)
DIM = (DAY / 8).astype(np.uint8)


@pytest.mark.parametrize(
    ("luma", "black"), [(NIGHT, True), (0 * DAY, True), (DAY, False), (GREY, False), (DIM, False)]
)
def test_black_is_dark_and_even(luma, black):
    assert black is is_black(luma)


def test_the_picture_is_black_after_a_while_and_no_longer_with_the_first_bright_frame():
    darkness = BlackDetector()
    changes = [
        number
        for number in range(40)
        if darkness.update(Frame(DAY if number == 5 or number >= 30 else NIGHT, number, number, 0))
    ]
    assert [6 + BLACK_S, 30] == changes


def test_tries_come_later_and_later_until_the_camera_was_steady():
    outage = Outage(0)
    pauses = [outage.on_error() for _ in range(12)]
    assert 0.25 <= pauses[0] <= 0.5
    assert 5 <= pauses[-1] <= 10
    outage.on_frame(100)
    assert outage.on_error() > 1
    outage.on_frame(200)
    outage.on_frame(200 + STABLE_S)
    assert outage.on_error() <= 0.5


def test_tries_of_many_devices_do_not_come_at_the_same_moment():
    assert 10 == len({Outage(0).on_error() for _ in range(10)})


class Silent(Camera):
    """A live camera that only gives its name."""

    live = True

    def _open(self): ...
    def _close(self): ...
    def _read(self): ...


def monitor(**options):
    stats, watchdog = Stats(), Watchdog(Notifier({}), first="camera")
    settings = CameraSettings(width=64, height=48, **options)
    return CameraMonitor(Silent("v4l2:0"), settings, Throttle(), stats, watchdog), stats, watchdog


def test_black_is_a_warning_a_counter_and_a_status_but_no_end(caplog):
    over, stats, watchdog = monitor()
    for number in range(20):
        over.on_frame(Frame(NIGHT, number, number, 0))
    assert (1, 1) == (stats.counts["camera_black"], stats.gauges["black"])
    assert "watching; the image is black; check the lens cover and the light" == watchdog.status
    assert 1 == caplog.text.count("WARNING")
    over.on_frame(Frame(DAY, 20, 20, 0))
    assert (1, 0) == (stats.counts["camera_black"], stats.gauges["black"])
    assert "watching" == watchdog.status


def test_another_size_than_asked_is_told_and_one_that_changes_is_an_error():
    over, stats, watchdog = monitor()
    small = np.ascontiguousarray(DAY[:24, :32])
    over.on_frame(Frame(small, 0, 0, 0))
    assert "watching; the camera delivers 32x24 instead of 64x48" == watchdog.status
    with pytest.raises(CameraError, match="v4l2:0: frame size changed from 32x24 to 64x48"):
        over.on_frame(Frame(DAY, 1, 1, 0))
    assert 2 == stats.counts["camera_wrong_size"]
    over.on_error(CameraError("gone"))
    over.on_frame(Frame(DAY, 0, 2, 0))
    assert 1 == stats.counts["camera_reopens"]


def test_no_patience_is_the_end_at_once():
    over, _, _ = monitor(give_up_s=0)
    with pytest.raises(CameraError, match=r"gone; gave up after 0 s \(camera.give_up_s\)"):
        over.on_error(CameraError("gone"))


def test_a_file_in_the_place_of_a_degraded_camera_is_looked_at_in_full():
    """As a reload may have it."""
    _, stats, watchdog = monitor()
    stats.gauges["degraded"] = 5
    watchdog.note("load", "degraded")
    camera = open_camera(CameraSettings(source="file:a.mp4"))
    components = Components(Settings(), None, camera, None, None, None, Throttle(8, 4))
    assert build_monitor(camera, CameraSettings(), components.throttle, stats, watchdog) is None
    assert (Throttle(1, 1), {}, "watching") == (components.throttle, stats.gauges, watchdog.status)


def events_of(stamps):
    """Events and verdicts of a face over 40 frames, 0.1 s apart, that have these stamps."""
    settings = Settings(
        quality=Quality(min_ipd_px=0, max_roll_deg=180, max_turn=1, min_sharpness=0, max_cover=1)
    )
    happy, sad = {"happy": 0.9, "sad": 0.1}, {"happy": 0.1, "sad": 0.9}
    detector = ScriptedDetector([Box(200, 150, 120, 120)])
    pipeline = Pipeline(
        settings,
        lambda shape: EveryFrame(settings, shape, detector),
        CentredLandmarker(),
        Aligner(Framing().points, 48),
        ScriptedClassifier(*[happy] * 20, sad),
    )
    texture = np.random.default_rng(1).integers(0, 255, (480, 640)).astype(np.uint8)
    events, outcomes = [], []
    for number, stamp in zip(range(40), stamps, strict=False):
        report = pipeline.process(Frame(texture, number, number / 10, stamp))
        events += [(event.phase, event.emotion, number, event.stamp) for event in report.events]
        outcomes += [(number, verdict.outcome) for verdict in report.verdicts]
    return events, outcomes


def test_a_wall_clock_that_jumps_changes_stamps_and_nothing_else():
    """A board without a clock of its own starts in 1970 and jumps when it receives the time."""
    steady = (1.7e9 + n / 10 for n in itertools.count())
    jumping = (n / 10 + (1.7e9 if n >= 10 else 0) - (3600 if n >= 25 else 0) for n in range(40))
    events, outcomes = events_of(steady)
    jumped, same = events_of(jumping)
    assert outcomes == same
    assert [event[:3] for event in events] == [event[:3] for event in jumped]
    assert 2 == len(events)
    assert all(stamp > 1.6e9 for *_, number, stamp in jumped if number >= 10)


def test_the_wall_clock_is_read_for_stamps_alone():
    """Wherever it is read, the line says what for; durations are not among it."""
    package = Path(edge_fer.__file__).parent
    lines = [
        line.strip()
        for room in ("cameras", "daemon", "vision", "emotion")
        for file in sorted((package / room).glob("*.py"))
        for line in file.read_text().splitlines()
        if "time.time()" in line
    ]
    assert [
        "return Reading(self._luma(np.asarray(picture)), time.monotonic(), time.time())",
        "now, stamp = time.monotonic(), time.time()",
        "now, stamp = self._clock(), time.time()",
        "return Reading(luma, now, time.time())",
        "publisher.publish_stats(numbers, time.time())",
    ] == lines
