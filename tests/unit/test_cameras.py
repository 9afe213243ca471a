"""From `camera.source` to a camera, and files that cannot be played."""

import logging
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from edge_fer.cameras import open_camera, split_source
from edge_fer.config.settings import Camera as Settings
from edge_fer.errors import CameraError, ConfigError
from tests.support.clips import HEIGHT, WIDTH, scenes, write_folder, write_video


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("v4l2:/dev/video0", ("v4l2", "/dev/video0")),
        ("v4l2:0", ("v4l2", "0")),
        ("/dev/video12", ("v4l2", "/dev/video12")),
        ("picamera2:1", ("picamera2", "1")),
        ("file:a:b.mp4", ("file", "a:b.mp4")),
        ("clips/eat.mkv", ("file", "clips/eat.mkv")),
        ("/dev/video", ("file", "/dev/video")),
        ("rtsp://me:secret@host:8554/a", ("rtsp", "//me:secret@host:8554/a")),
        ("gst:videotestsrc ! appsink", ("gst", "videotestsrc ! appsink")),
        ("csi:1", ("csi", "1")),
    ],
)
def test_a_source_is_a_scheme_and_an_address(source: str, expected: tuple[str, str]) -> None:
    assert expected == split_source(source)


def test_an_existing_path_with_a_colon_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "12:30.mp4"
    path.touch()
    assert ("file", str(path)) == split_source(str(path))


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("picamera:0", "did you mean 'picamera2:0'?"),
        ("V4L2:/dev/video3", "did you mean 'v4l2:/dev/video3'?"),
        ("v4l:0", "did you mean 'v4l2:0'?"),
        ("picamera2", "did you mean 'picamera2:0'?"),
        ("v4l2:", "did you mean 'v4l2:/dev/video0'?"),
        ("rtspp://me:secret@host/a", "did you mean 'rtsp://me:***@host/a'?"),
        ("rtsp:///stream", "rtsp://[USER:PASSWORD@]HOST[:PORT]/PATH"),
        ("rtsp://me:secret@host:port/a", "rtsp://[USER:PASSWORD@]HOST[:PORT]/PATH"),
        ("gst:videotestsrc", "best with video/x-raw,format=GRAY8 before it"),
        ("csi:front", "csi:N"),
        ("csi", "did you mean 'csi:0'?"),
        ("", "or csi:0"),
        ("v4l2:front", "v4l2:N"),
        ("picamera2:front", "picamera2:N"),
    ],
)
def test_an_unknown_source_is_told_in_one_line_that_says_what_is_right(
    source: str, hint: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        open_camera(Settings(source=source))
    shown = source.replace("secret", "***")
    assert str(caught.value).startswith(f"camera.source = {shown!r}: must be ")
    assert str(caught.value).endswith(hint)
    assert "\n" not in str(caught.value)


def _complaint(path: Path) -> str:
    camera = open_camera(Settings(source=f"file:{path}"))
    with pytest.raises(CameraError) as caught, camera:
        list(camera)
    return str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "none.mp4"
    assert f"camera file:{path}: does not exist" == _complaint(path)


def test_a_home_of_nobody_is_a_missing_file() -> None:
    assert "camera file:~nobody-at-all/a.mp4: does not exist" == _complaint(
        Path("~nobody-at-all/a.mp4")
    )


@pytest.mark.parametrize("name", ["a.mp4", "a.jpg"])
def test_an_empty_file_is_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.touch()
    assert f"camera file:{path}: is empty" == _complaint(path)


@pytest.mark.parametrize("name", ["a.mp4", "a.gif", "a.jpg", "a.png", "noname"])
def test_a_corrupt_file_is_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"this is not a picture " * 500)
    complaint = _complaint(path)
    assert complaint.startswith(f"camera file:{path}: ")
    assert "decoded" in complaint


@pytest.mark.parametrize("name", ["\udcff.mp4", "\udcff.png"])
def test_a_name_that_is_not_utf_8_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"x")
    assert _complaint(path).endswith("must have a name that is UTF-8 text")


def test_ffmpeg_writes_nothing_to_stderr(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"this is not a video " * 500)
    code = (
        "import sys; from edge_fer.cameras import open_camera; "
        "from edge_fer.config.settings import Camera\n"
        "try: open_camera(Camera(source=sys.argv[1])).__enter__()\n"
        "except Exception as error: print(error)"
    )
    # FFmpeg takes its log level once, so another test in this process may have fixed it already.
    done = subprocess.run(
        [sys.executable, "-c", code, path], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(f"camera file:{path}: ")
    assert not done.stderr


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".webp"])
def test_a_picture_cut_short_is_not_shown(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    cv2.imwrite(str(path), scenes(1)[0])
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    assert _complaint(path).startswith(f"camera file:{path}: ")


def test_a_whole_jpeg_may_have_a_thumbnail_before_and_bytes_after_its_picture(
    tmp_path: Path,
) -> None:
    small = cv2.imencode(".jpg", scenes(1, 16, 16)[0])[1].tobytes()
    whole = cv2.imencode(".jpg", scenes(1)[0])[1].tobytes()
    segment = b"\xff\xe2" + (len(small) + 2).to_bytes(2, "big") + small
    path = tmp_path / "a.jpg"
    path.write_bytes(whole[:2] + segment + whole[2:] + b"\0\0 trailer")
    with open_camera(Settings(source=str(path))) as camera:
        assert (HEIGHT, WIDTH) == next(camera).luma.shape
    path.write_bytes(whole[:2] + segment + whole[2:-40])
    assert f"camera file:{path}: is cut short" == _complaint(path)


def test_a_folder_without_pictures_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no picture")
    assert _complaint(tmp_path).startswith(f"camera file:{tmp_path}: holds no picture; must be ")


def test_a_bad_picture_in_a_folder_is_named(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "many", scenes(3))
    (folder / "001.png").write_bytes(b"no picture")
    assert f"{folder}/001.png" in _complaint(folder)


def test_a_truncated_video_plays_what_there_is_and_warns_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_video(tmp_path / "a.avi", scenes(30), "MJPG", 10)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    camera = open_camera(Settings(source=str(path)))
    with caplog.at_level(logging.WARNING, "edge_fer.cameras"):
        with camera:
            count = len(list(camera))
        with camera:
            list(camera)
    assert 5 < count < 25
    assert [
        f"camera {path}: only {count} of about 30 frames can be decoded; is the file cut short?"
    ] == [record.getMessage() for record in caplog.records]
