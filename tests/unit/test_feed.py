"""A camera on its own thread gives what it gives without one, and cannot hold anybody up."""

import threading

import pytest
from fakes.media import HEIGHT, WIDTH, scenes, write_folder
from fakes.v4l2 import FakeDevice
from talk import until

from edge_fer.cameras import Camera, Reading, open_camera
from edge_fer.cameras.v4l2 import V4l2Camera
from edge_fer.config.settings import Camera as Settings
from edge_fer.daemon.camera_thread import Feed, patience_s
from edge_fer.errors import CameraError


def taken(feed):
    """All frames until the end."""
    frames = []
    while not feed.closed:
        feed.ask()
        until(lambda: feed.closed or add(frames, feed.take()), "answered")
    return frames


def add(frames, frame):
    """Keep a frame; False where there is none."""
    frames += [] if frame is None else [frame]
    return frame is not None


def test_a_file_loses_no_frame_and_closes_at_its_end(tmp_path):
    camera = open_camera(Settings(source=f"file:{write_folder(tmp_path / 'many', scenes(12))}"))
    frames = taken(Feed(camera, 5, lambda: None))
    assert list(range(12)) == [frame.number for frame in frames]
    assert [scene.mean() for scene in scenes(12)] == [frame.luma.mean() for frame in frames]


class Slow(Camera):
    """Counts what is read of it; each frame comes when it is told to."""

    live = True

    def __init__(self, fault=None):
        super().__init__("v4l2:0")
        self.reads, self.fault = 0, fault
        self.go, self.opened = threading.Semaphore(0), False

    def _open(self):
        self.opened = True

    def _close(self):
        self.opened = False

    def _read(self):
        self.go.acquire()
        self.reads += 1
        if self.fault:
            raise self.fault
        return Reading(scenes(1)[0], float(self.reads), 0.0)


def test_nothing_is_read_ahead():
    camera = Slow()
    feed = Feed(camera, 5, lambda: None)
    camera.go.release(3)
    feed.ask()
    feed.ask()
    until(feed.take, "taken")
    assert 1 == camera.reads
    feed.close()
    assert feed.join(5)
    assert (1, False) == (camera.reads, camera.opened)


def test_a_read_that_does_not_come_back_is_an_error_and_is_not_waited_for():
    camera = Slow()
    feed = Feed(camera, 0.2, lambda: None)
    feed.ask()
    with pytest.raises(CameraError, match=r"v4l2:0: hangs: no answer for 0\.2 s"):
        until(feed.take, "taken")
    feed.close()
    assert not feed.join(0.1)
    assert camera.opened
    camera.go.release()
    assert feed.join(5)
    assert not camera.opened


def test_an_error_of_the_camera_comes_out_of_take_with_the_device_closed():
    device = FakeDevice(scenes(2))
    settings = Settings(source="v4l2:0", width=WIDTH, height=HEIGHT, timeout_s=0.1)
    rings = []
    feed = Feed(V4l2Camera(settings, "0", capture=device), 5, lambda: rings.append(1))
    with pytest.raises(CameraError, match="no frame for"):
        taken(feed) and feed.take()
    assert feed.closed
    assert device.owner is None
    assert 3 == len(rings)


def test_what_a_driver_raises_is_an_error_of_the_camera():
    camera = Slow(RuntimeError("Camera frontend\nhas timed out"))
    camera.go.release()
    feed = Feed(camera, 5, lambda: None)
    feed.ask()
    with pytest.raises(CameraError) as caught:
        until(feed.take, "taken")
    text = "camera v4l2:0: its driver failed (RuntimeError: Camera frontend has timed out)"
    assert text == str(caught.value)


def test_patience_is_longer_than_any_camera_takes_for_its_own_error():
    settings = Settings(timeout_s=5, fps=0.05)
    assert patience_s(Slow(), settings) > 2 * settings.timeout_s
    file = open_camera(Settings(source="file:a.mp4"))
    assert patience_s(file, settings) > 1 / settings.fps
