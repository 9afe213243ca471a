"""GStreamer pipelines: what is asked of OpenCV, and what is said where it has no GStreamer."""

import cv2
import pytest

from edge_fer.cameras import open_camera
from edge_fer.cameras.gstreamer import CsiCamera, GstCamera
from edge_fer.config.settings import Camera as Settings
from edge_fer.errors import CameraError
from tests.fakes.stream import FakeStream
from tests.support.clips import scenes

PIPELINE = "videotestsrc num-buffers=9 ! video/x-raw,format=GRAY8,width=320,height=240 ! appsink"
has_gstreamer = cv2.videoio_registry.hasBackend(cv2.CAP_GSTREAMER)


def fake(source: str, stream: FakeStream, **options) -> GstCamera:
    settings = Settings(source=source, **options)
    address = source.partition(":")[2]
    kind = CsiCamera if source.startswith("csi:") else GstCamera
    return kind(settings, address, capture=stream, has_gstreamer=lambda: True)


@pytest.mark.skipif(has_gstreamer, reason="this OpenCV has GStreamer")
@pytest.mark.parametrize("source", [f"gst:{PIPELINE}", "csi:0"])
def test_an_opencv_without_gstreamer_is_told_with_what_to_install(source: str) -> None:
    with pytest.raises(CameraError) as caught, open_camera(Settings(source=source)):
        pass
    assert (
        f"camera {source}: OpenCV {cv2.__version__} is built without GStreamer; pip uninstall "
        "opencv-python-headless, apt install python3-opencv (JetPack has its own) and make the "
        "venv with --system-site-packages" == str(caught.value)
    )


@pytest.mark.skipif(not has_gstreamer, reason="this OpenCV has no GStreamer")
def test_a_real_pipeline_plays_to_its_end() -> None:
    with open_camera(Settings(source=f"gst:{PIPELINE}")) as camera:
        frames = [next(camera) for _ in range(9)]
        with pytest.raises(CameraError, match="has ended or gives no frame"):
            next(camera)
    assert {(240, 320)} == {frame.luma.shape for frame in frames}
    assert frames[0].luma.std() > 30


@pytest.mark.skipif(not has_gstreamer, reason="this OpenCV has no GStreamer")
def test_a_real_pipeline_that_is_wrong_is_told_with_how_to_try_it() -> None:
    wrong = "gst:nosuchelement ! appsink"
    with (
        pytest.raises(CameraError, match=r"gst-launch-1.0 nosuchelement ! appsink"),
        open_camera(Settings(source=wrong)),
    ):
        pass


def test_a_pipeline_is_handed_on_as_it_is_with_time_limits() -> None:
    stream = FakeStream(scenes(1))
    with fake(f"gst: {PIPELINE}", stream, timeout_s=2.5):
        limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, 2500, cv2.CAP_PROP_READ_TIMEOUT_MSEC, 2500]
        assert (PIPELINE, cv2.CAP_GSTREAMER, limits) == stream.asked


def test_a_csi_camera_is_a_pipeline_of_the_settings_size_and_rate() -> None:
    camera = fake("csi:1", FakeStream(scenes(1)), width=1280, height=720, fps=29.97)
    assert camera.pipeline.startswith(
        "nvarguscamerasrc sensor-id=1 ! video/x-raw(memory:NVMM),width=1280,height=720,"
        "framerate=2997/100 ! "
    )
    assert camera.pipeline.endswith("format=GRAY8 ! appsink drop=true max-buffers=1 sync=false")


def test_a_pipeline_that_cannot_be_opened_or_ends_is_told() -> None:
    stream = FakeStream(scenes(1))
    with fake(f"gst:{PIPELINE}", stream) as camera:
        with pytest.raises(CameraError, match=r"cannot be opened; try gst-launch-1.0 videotestsrc"):
            fake(f"gst:{PIPELINE}", stream).__enter__()
        next(camera)
        with pytest.raises(CameraError, match="the pipeline has ended or gives no frame for 5 s"):
            next(camera)
    assert stream.owner is None


def test_a_picture_that_is_neither_grey_nor_bgr_is_told() -> None:
    with (
        fake(f"gst:{PIPELINE}", FakeStream(scenes(1), 4)) as camera,
        pytest.raises(CameraError, match="gives neither GRAY8 nor BGR"),
    ):
        next(camera)
