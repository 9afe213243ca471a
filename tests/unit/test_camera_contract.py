"""What every camera promises; one list of checks for real files and for the fakes of hardware."""

import dataclasses
import itertools
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_fer.cameras import Camera, open_camera
from edge_fer.cameras.gstreamer import CsiCamera, GstCamera
from edge_fer.cameras.pi import PiCamera
from edge_fer.cameras.rtsp import RtspCamera
from edge_fer.cameras.v4l2 import V4l2Camera
from edge_fer.config.settings import Camera as Settings
from edge_fer.testing import ScriptedCamera
from tests.fakes.picamera2 import FakePicamera2
from tests.fakes.stream import FakeStream
from tests.fakes.v4l2 import FakeDevice
from tests.support.clips import HEIGHT, WIDTH, scenes, write_folder, write_gif, write_video


@dataclasses.dataclass
class Case:
    camera: Camera
    is_open: Callable[[], bool]
    count: int
    tolerance: int = 0
    """Grey levels that the codec may change."""


def _has_open(path: Path) -> bool:
    links = [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return any(str(link.readlink()) == str(path) for link in links)


def _file(path: Path, count: int, tolerance: int) -> Case:
    camera = open_camera(Settings(source=f"file:{path}"))
    return Case(camera, lambda: _has_open(path), count, tolerance)


def _mp4(folder: Path) -> Case:
    return _file(write_video(folder / "a.mp4", scenes(6), "mp4v", 10), 6, 8)


def _avi(folder: Path) -> Case:
    return _file(write_video(folder / "a.avi", scenes(6), "MJPG", 10), 6, 8)


def _gif(folder: Path) -> Case:
    return _file(write_gif(folder / "a.gif", scenes(6), [10] * 6), 6, 2)


def _folder(folder: Path) -> Case:
    return _file(write_folder(folder / "many", scenes(6)), 6, 0)


def _picture(folder: Path) -> Case:
    cv2.imwrite(str(folder / "a.png"), scenes(1)[0])
    return _file(folder / "a.png", 1, 0)


def _v4l2(kind: str, pad: int, tolerance: int = 0) -> Callable[[Path], Case]:
    def build(folder: Path) -> Case:
        device = FakeDevice(scenes(6), [kind], pad)
        settings = Settings(source="v4l2:0", width=WIDTH, height=HEIGHT)
        camera = V4l2Camera(settings, "0", capture=device)
        return Case(camera, lambda: device.owner is not None, 6, tolerance)

    return build


def _picamera2(folder: Path) -> Case:
    module = FakePicamera2(scenes(6))
    settings = Settings(source="picamera2:0", width=WIDTH, height=HEIGHT)
    camera = PiCamera(settings, "0", module=lambda: module)
    return Case(camera, lambda: module.owner is not None, 6)


def _rtsp(folder: Path) -> Case:
    stream = FakeStream(scenes(6))
    # On this clock opening takes no time, so that nothing can have come meanwhile.
    clock = itertools.count(0, 0.001).__next__
    camera = RtspCamera(Settings(source="rtsp://host/a"), "//host/a", capture=stream, clock=clock)

    def due() -> bool:
        # What the thread takes off the stream between two reads is left out on purpose.
        drain = camera._drain
        return bool(drain and (drain._wanted.is_set() or drain._stopped.is_set()))

    stream.due = due
    return Case(camera, lambda: stream.owner is not None, 6)


def _gst(source: str, channels: int) -> Callable[[Path], Case]:
    def build(folder: Path) -> Case:
        stream, address = FakeStream(scenes(6), channels), source.partition(":")[2]
        kind = CsiCamera if source.startswith("csi:") else GstCamera
        camera = kind(Settings(source=source), address, capture=stream, has_gstreamer=lambda: True)
        return Case(camera, lambda: stream.owner is not None, 6)

    return build


def _scripted(folder: Path) -> Case:
    camera = ScriptedCamera(scenes(6))
    return Case(camera, lambda: camera.is_open, 6)


CASES = {
    "scripted": _scripted,
    "mp4": _mp4,
    "avi": _avi,
    "gif": _gif,
    "folder": _folder,
    "picture": _picture,
    "v4l2-yuyv": _v4l2("YUYV", 0),
    "v4l2-yuyv-padded": _v4l2("YUYV", 32),
    "v4l2-uyvy": _v4l2("UYVY", 0),
    "v4l2-grey": _v4l2("GREY", 16),
    "v4l2-nv12": _v4l2("NV12", 0),
    "v4l2-mjpg": _v4l2("MJPG", 0, 8),
    "picamera2": _picamera2,
    "rtsp": _rtsp,
    "gst-bgr": _gst("gst:videotestsrc ! appsink", 3),
    "gst-grey": _gst("gst:videotestsrc ! appsink", 1),
    "csi": _gst("csi:0", 1),
}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    return CASES[request.param](tmp_path)


def test_luma_is_a_contiguous_plane_of_bytes(case: Case) -> None:
    with case.camera as camera:
        for _ in range(case.count):
            luma = next(camera).luma
            assert (HEIGHT, WIDTH) == luma.shape
            assert np.uint8 == luma.dtype
            assert luma.flags.c_contiguous


def test_luma_is_that_of_the_scene_and_stays_so(case: Case) -> None:
    with case.camera as camera:
        frames = [next(camera) for _ in range(case.count)]
    for scene, frame in zip(scenes(case.count), frames, strict=True):
        assert np.abs(scene.astype(int) - frame.luma).max() <= case.tolerance


def test_numbers_count_up_from_0(case: Case) -> None:
    with case.camera as camera:
        assert list(range(case.count)) == [next(camera).number for _ in range(case.count)]


def test_time_increases(case: Case) -> None:
    with case.camera as camera:
        times = [next(camera).time for _ in range(case.count)]
    assert all(before < after for before, after in itertools.pairwise(times))


def test_a_live_stamp_is_wall_clock_time_and_that_of_a_file_is_its_time(case: Case) -> None:
    with case.camera as camera:
        frame = next(camera)
    assert frame.stamp > 1e9 if camera.live else frame.stamp == frame.time


def test_nothing_is_opened_before_enter(case: Case) -> None:
    assert not case.is_open()
    with pytest.raises(RuntimeError, match="inside a with block"):
        next(case.camera)


def test_exit_closes(case: Case) -> None:
    with case.camera as camera:
        next(camera)
    assert not case.is_open()
    with pytest.raises(RuntimeError):
        next(camera)


def test_exit_after_an_exception_closes_too(case: Case) -> None:
    def fail() -> None:
        with case.camera as camera:
            next(camera)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert not case.is_open()


def test_it_can_be_entered_again_and_counts_anew(case: Case) -> None:
    with case.camera as camera:
        first = next(camera)
    with case.camera as camera:
        again = next(camera)
    assert (first.number, first.luma.tolist()) == (again.number, again.luma.tolist())


def test_the_device_is_open_inside_the_block(case: Case) -> None:
    with case.camera as camera:
        assert camera.source.endswith((".png", "many")) or case.is_open()
