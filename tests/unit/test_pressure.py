"""The work for a live camera is reduced under load and restored afterwards."""

import itertools

import numpy as np
import pytest

from edge_fer.config.settings import Settings, Vision
from edge_fer.daemon.load_shedding import (
    CALM_S,
    HIGH,
    HOT_HIGH,
    LEVELS,
    LOW,
    LoadShedder,
    Throttle,
    is_hot,
)
from edge_fer.testing import BrightDetector, scene
from edge_fer.types import Box
from edge_fer.vision.search import TrackingSearch

FPS = 10


class Device:
    """A camera of `FPS` and a machine as slow as the test says; time passes in frames."""

    def __init__(self, root):
        self.throttle, self.now = Throttle(), 1000.0
        self.shedder = LoadShedder(self.throttle, FPS, root)
        self.levels = [0]

    def run(self, seconds, cost):
        """``cost``: seconds that a frame takes at full pace; half of them are the scans."""
        end = self.now + seconds
        while self.now < end:
            took = 0.0 if self.shedder.should_skip() else cost * (0.5 + 0.5 / self.throttle.scan)
            waited = max(0.0, 1 / FPS - took)
            self.now += waited + took
            if self.shedder.update(self.now, waited, took):
                self.levels.append(self.shedder.level)
        return self.shedder.level


@pytest.fixture
def device(tmp_path):
    return Device(tmp_path)


def test_a_machine_that_keeps_up_is_left_alone(device):
    assert 0 == device.run(60, 0.08)
    assert Throttle() == device.throttle


def test_scans_go_first_and_frames_after_them(device):
    device.run(60, 0.25)
    steps = [LEVELS[level] for level in device.levels]
    assert list(range(len(device.levels))) == device.levels
    scans_only = [step for step in steps if step.frame == 1]
    assert [1, 2, 4, 8] == [step.scan for step in scans_only]
    assert device.throttle.frame > 1


def test_degradation_brings_the_load_below_the_bound_and_stays_there(device):
    device.run(30, 0.13)
    level, changes = device.shedder.level, len(device.levels)
    assert level > 0
    assert device.shedder.load < HIGH
    device.run(300, 0.13)
    assert (level, changes) == (device.shedder.level, len(device.levels))


def test_all_is_given_back_step_by_step_when_the_pressure_is_over(device):
    top = device.run(60, 0.25)
    assert 0 == device.run((top + 1) * (CALM_S + 5), 0.02)
    assert list(range(top, -1, -1)) == device.levels[-top - 1 :]
    assert Throttle() == device.throttle


def test_what_is_given_back_is_not_taken_away_again(device):
    """A step at most doubles the work, and LOW is half of HIGH."""
    assert 2 * LOW <= HIGH
    for before, after in itertools.pairwise(LEVELS):
        assert 2 >= after.scan / before.scan * after.frame / before.frame


def test_a_slow_camera_is_not_pressure(tmp_path):
    """It gives 5 frames a second where 10 were asked for, and each may take its time."""
    device = Device(tmp_path)
    for _ in range(300):
        device.now += 0.2
        device.shedder.update(device.now, 0.11, 0.09)
    assert 0 == device.shedder.level


def test_heat_lowers_the_bound_and_keeps_what_is_left_out(tmp_path):
    write(tmp_path / "sys/class/thermal/cooling_device0/type", "cpufreq-cpu0")
    state = write(tmp_path / "sys/class/thermal/cooling_device0/cur_state", "2")
    device = Device(tmp_path)
    cost = (HOT_HIGH + 0.05) / FPS
    assert device.run(20, cost) > 0
    assert device.run(3 * CALM_S, 0.001) > 0
    state.write_text("0")
    assert 0 == device.run(len(LEVELS) * (CALM_S + 10), 0.001)


@pytest.mark.parametrize(
    ("path", "text", "hot"),
    [
        ("sys/devices/platform/soc/soc:firmware/get_throttled", "0x50000", False),
        ("sys/devices/platform/soc/soc:firmware/get_throttled", "0x50004", True),
        ("sys/devices/platform/soc/soc:firmware/get_throttled", "no answer", None),
        ("sys/class/thermal/cooling_device0/cur_state", "3", None),
    ],
)
def test_heat_is_what_the_board_says(tmp_path, path, text, hot):
    write(tmp_path / path, text)
    assert hot == is_hot(tmp_path)


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize("scan", [level.scan for level in LEVELS[1:4]])
def test_a_slower_scan_looks_at_fewer_pixels_and_still_follows(scan):
    pixels = []
    for every in (1, scan):
        detector = BrightDetector()
        settings = Settings(vision=Vision(min_face_px=20, scan_s=0.2))
        search = TrackingSearch(settings, (240, 320), detector, Throttle(scan=every))
        faces = [Box(40 + 2 * n, 60, 40, 40) for n in range(60)]
        walker = [Box(260 - 3 * n, 180, 30, 30) for n in range(60)]
        for number, (face, other) in enumerate(zip(faces, walker, strict=True)):
            luma = scene(face, other)
            search.follow(luma, number / 10)
            followed = detector.pixels
            search.scan(luma, number / 10)
            if number:
                pixels.append((every, detector.pixels - followed))
        assert any(track.box.iou(faces[-1]) > 0.7 for track in search.tracker.tracks)
    full, less = (np.sum([n for which, n in pixels if which == every]) for every in (1, scan))
    assert less < 0.8 * full


def test_a_pace_tells_what_is_left_out():
    assert "scanning for new faces at 1/2 of the normal rate" == str(LEVELS[1])
    whole = "scanning for new faces at 1/8 of the normal rate, processing every 2nd frame"
    assert whole == str(LEVELS[4])
