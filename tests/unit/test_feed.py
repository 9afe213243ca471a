"""A camera on its own thread delivers the same frames, and cannot block the main thread."""

import threading

import pytest

from edge_fer.cameras import Camera, Reading, open_camera
from edge_fer.cameras.v4l2 import V4l2Camera
from edge_fer.config.settings import Camera as Settings
from edge_fer.daemon.camera_thread import CameraThread, frame_timeout_s
from edge_fer.errors import CameraError
from tests.fakes.v4l2 import FakeDevice
from tests.support.clips import HEIGHT, WIDTH, scenes, write_folder
from tests.support.wait import wait_until


def frames_of(thread):
    """All frames until the end."""
    frames = []
    while not thread.closed:
        thread.request()
        wait_until(lambda: thread.closed or add(frames, thread.poll()), "answered")
    return frames


def add(frames, frame):
    """Keep a frame; False where there is none."""
    frames += [] if frame is None else [frame]
    return frame is not None


def test_a_file_loses_no_frame_and_closes_at_its_end(tmp_path):
    camera = open_camera(Settings(source=f"file:{write_folder(tmp_path / 'many', scenes(12))}"))
    frames = frames_of(CameraThread(camera, 5, lambda: None))
    assert list(range(12)) == [frame.number for frame in frames]
    assert [scene.mean() for scene in scenes(12)] == [frame.luma.mean() for frame in frames]


class Slow(Camera):
    """Counts reads; each frame arrives when the test releases it."""

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
    thread = CameraThread(camera, 5, lambda: None)
    camera.go.release(3)
    thread.request()
    thread.request()
    wait_until(thread.poll, "taken")
    assert 1 == camera.reads
    thread.close()
    assert thread.join(5)
    assert (1, False) == (camera.reads, camera.opened)


def test_a_read_that_does_not_come_back_is_an_error_and_is_not_waited_for():
    camera = Slow()
    thread = CameraThread(camera, 0.2, lambda: None)
    thread.request()
    with pytest.raises(CameraError, match=r"v4l2:0: does not respond for 0\.2 s"):
        wait_until(thread.poll, "taken")
    thread.close()
    assert not thread.join(0.1)
    assert camera.opened
    camera.go.release()
    assert thread.join(5)
    assert not camera.opened


def test_an_error_of_the_camera_comes_out_of_poll_with_the_device_closed():
    device = FakeDevice(scenes(2))
    settings = Settings(source="v4l2:0", width=WIDTH, height=HEIGHT, timeout_s=0.1)
    notified = []
    thread = CameraThread(V4l2Camera(settings, "0", capture=device), 5, lambda: notified.append(1))
    with pytest.raises(CameraError, match="no frame for"):
        frames_of(thread) and thread.poll()
    assert thread.closed
    assert device.owner is None
    assert 3 == len(notified)


def test_what_a_driver_raises_is_an_error_of_the_camera():
    camera = Slow(RuntimeError("Camera frontend\nhas timed out"))
    camera.go.release()
    thread = CameraThread(camera, 5, lambda: None)
    thread.request()
    with pytest.raises(CameraError) as caught:
        wait_until(thread.poll, "taken")
    text = "camera v4l2:0: driver error (RuntimeError: Camera frontend has timed out)"
    assert text == str(caught.value)


def test_patience_is_longer_than_any_camera_takes_for_its_own_error():
    settings = Settings(timeout_s=5, fps=0.05)
    assert frame_timeout_s(Slow(), settings) > 2 * settings.timeout_s
    file = open_camera(Settings(source="file:a.mp4"))
    assert frame_timeout_s(file, settings) > 1 / settings.fps
