"""Live cameras that are missing, in use, stalled or cut short."""

import importlib.util
import logging

import cv2
import pytest

from edge_fer.cameras import Camera, open_camera
from edge_fer.cameras.pi import PiCamera
from edge_fer.cameras.v4l2 import V4l2Camera
from edge_fer.config.settings import Camera as Settings
from edge_fer.errors import CameraError
from tests.fakes.clock import Clock
from tests.fakes.picamera2 import FakePicamera2
from tests.fakes.v4l2 import FakeDevice
from tests.support.clips import HEIGHT, WIDTH, scenes


def _play(camera: Camera) -> None:
    with camera:
        for _ in camera:
            pass


def _v4l2(device: FakeDevice, clock: Clock) -> V4l2Camera:
    settings = Settings(source="v4l2:/dev/video7", width=WIDTH, height=HEIGHT, timeout_s=2)
    return V4l2Camera(settings, "/dev/video7", capture=device, clock=clock, sleep=clock.sleep)


def test_a_device_that_is_not_there_is_named() -> None:
    camera = open_camera(Settings(source="v4l2:/dev/video77"))
    with pytest.raises(CameraError) as caught:
        _play(camera)
    assert (
        "camera v4l2:/dev/video77: cannot be opened; is it plugged in, "
        "is another process using it?" == str(caught.value)
    )


def test_a_device_that_is_in_use_cannot_be_opened() -> None:
    device, clock = FakeDevice(scenes(3)), Clock()
    with _v4l2(device, clock), pytest.raises(CameraError, match="is another process using it"):
        _play(_v4l2(device, clock))


def test_a_device_without_a_usable_format_is_closed_again() -> None:
    device = FakeDevice(scenes(3), ["BGR3"])
    with pytest.raises(CameraError, match="gives BGR3; must be one of YUYV"):
        _play(_v4l2(device, Clock()))
    assert device.owner is None


def test_a_device_is_asked_for_one_buffer_and_raw_frames() -> None:
    device = FakeDevice(scenes(3), ["MJPG", "YUYV"])
    with _v4l2(device, Clock()):
        assert 1 == device.properties[cv2.CAP_PROP_BUFFERSIZE]
        assert 0 == device.properties[cv2.CAP_PROP_CONVERT_RGB]
        assert 15 == device.properties[cv2.CAP_PROP_FPS]
        assert b"YUYV" == int(device.properties[cv2.CAP_PROP_FOURCC]).to_bytes(4, "little")


@pytest.mark.parametrize(
    ("rates", "expected"),
    [
        ({}, "YUYV, 96x64, 15 frames"),
        ({"YUYV": 14.985}, "YUYV, 96x64, 14.98 frames"),
        ({"YUYV": 5}, "MJPG, 96x64, 15 frames"),
        ({"YUYV": 5, "MJPG": 10}, "MJPG, 96x64, 10 frames"),
        ({"YUYV": 10, "MJPG": 10}, "YUYV, 96x64, 10 frames"),
    ],
)
def test_compression_is_taken_where_raw_frames_come_too_slowly(
    rates: dict[str, float], expected: str, caplog: pytest.LogCaptureFixture
) -> None:
    device = FakeDevice(scenes(3), ["MJPG", "YUYV"])
    device.rates = rates
    with caplog.at_level(logging.INFO), _v4l2(device, Clock()) as camera:
        assert (HEIGHT, WIDTH) == next(camera).luma.shape
    assert [f"camera v4l2:/dev/video7: {expected} a second"] == caplog.messages


def test_a_device_that_gives_another_size_is_told(caplog: pytest.LogCaptureFixture) -> None:
    device, clock = FakeDevice(scenes(3, 32, 24)), Clock()
    with caplog.at_level("WARNING"), _v4l2(device, clock) as camera:
        assert (24, 32) == next(camera).luma.shape
    assert ["camera v4l2:/dev/video7: gives 32x24, not 96x64"] == caplog.messages


@pytest.mark.parametrize("kind", ["YUYV", "MJPG"])
def test_a_frame_that_usb_has_cut_short_is_counted_and_the_next_one_is_taken(kind: str) -> None:
    device, clock = FakeDevice(scenes(3), [kind]), Clock()
    device.short = {1}
    with _v4l2(device, clock) as camera:
        frames = [next(camera), next(camera)]
    assert [0, 1] == [frame.number for frame in frames]
    assert scenes(3)[2].mean() == pytest.approx(frames[1].luma.mean(), abs=1)
    assert 1 == camera.failed_reads


def test_a_device_that_gives_no_frame_is_lost_after_the_timeout() -> None:
    device, clock = FakeDevice(scenes(1)), Clock()
    with _v4l2(device, clock) as camera:
        next(camera)
        clock.now += 60
        with pytest.raises(CameraError, match=r"video7: no frame for 2\.0 s; is it still plugged"):
            next(camera)
    assert 162 == pytest.approx(clock.now, abs=0.1)
    assert camera.failed_reads > 50
    assert device.owner is None


def _pi(module: FakePicamera2, index: str = "0") -> PiCamera:
    settings = Settings(source=f"picamera2:{index}", width=WIDTH, height=HEIGHT, timeout_s=2)
    return PiCamera(settings, index, module=lambda: module)


def test_a_missing_picamera2_is_told_with_what_to_install() -> None:
    def missing() -> None:
        raise ModuleNotFoundError("No module named 'picamera2'")

    with pytest.raises(CameraError, match="apt install python3-picamera2") as caught:
        _play(PiCamera(Settings(source="picamera2:0"), "0", module=missing))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("index", ["0", "1"])
def test_a_pi_camera_that_is_in_use_or_not_there_is_told(index: str) -> None:
    module = FakePicamera2(scenes(1))
    with (
        _pi(module),
        pytest.raises(CameraError, match=f"picamera2:{index}: cannot be opened .*ribbon"),
    ):
        _play(_pi(module, index))


def test_a_pi_camera_is_asked_for_fresh_yuv420_frames() -> None:
    module = FakePicamera2(scenes(1))
    with _pi(module):
        assert not module.config["queue"]
        assert 4 == module.config["buffer_count"]
        assert (66667, 66667) == module.config["controls"]["FrameDurationLimits"]


def test_a_camera_without_a_rate_is_not_asked_for_one() -> None:
    module = FakePicamera2(scenes(1))
    module.controls = {}
    with _pi(module):
        assert {} == module.config["controls"]


def test_a_small_picture_comes_once() -> None:
    module = FakePicamera2(scenes(1))
    with _pi(module) as camera:
        assert next(camera).small is None
    assert module.config["lores"] is None


def test_a_large_picture_comes_with_one_of_half_its_size() -> None:
    module = FakePicamera2(scenes(2, 1280, 960))
    settings = Settings(source="picamera2:0", width=1280, height=960)
    with PiCamera(settings, "0", module=lambda: module) as camera:
        frames = [next(camera), next(camera)]
    for scene, frame in zip(scenes(2, 1280, 960), frames, strict=True):
        assert scene.tolist() == frame.luma.tolist()
        assert frame.small is not None
        assert scene[::2, ::2].tolist() == frame.small.tolist()
        assert frame.small.flags.c_contiguous


def test_a_format_without_a_plane_of_luma_is_told_and_the_camera_closed() -> None:
    module = FakePicamera2(scenes(1))
    module.format = "MJPEG"
    with pytest.raises(CameraError, match=r"picamera2:0: gives MJPEG, must be one of YUV420.*v4l2"):
        _play(_pi(module))
    assert module.owner is None


def test_every_request_is_released() -> None:
    module = FakePicamera2(scenes(9))
    with _pi(module) as camera:
        for _ in range(9):
            next(camera)
            assert module.owner is not None
            assert [] == module.owner.lent


def test_a_pi_camera_that_stalls_is_lost_closed_and_can_be_entered_again() -> None:
    module = FakePicamera2(scenes(3))
    camera = _pi(module)
    module.stalled = True
    with pytest.raises(CameraError, match="picamera2:0: no frame for 2 s; is the ribbon seated"):
        _play(camera)
    assert [2] == module.waits
    assert module.owner is None
    module.stalled = False
    with camera:
        assert 0 == next(camera).number


@pytest.mark.skipif(bool(importlib.util.find_spec("picamera2")), reason="picamera2 is installed")
def test_picamera2_is_not_needed_before_the_camera_is_entered() -> None:
    camera = open_camera(Settings(source="picamera2:0"))
    with pytest.raises(CameraError, match="picamera2 cannot be imported"):
        _play(camera)
