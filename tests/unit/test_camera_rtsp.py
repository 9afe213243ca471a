"""Network cameras: a real RTSP server that comes, goes and comes back."""

import logging
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_fer.cameras import Camera, open_camera
from edge_fer.cameras.rtsp import PACED, RtspCamera
from edge_fer.config.settings import Camera as Settings
from edge_fer.errors import CameraError
from tests.fakes.stream import FakeCapture, FakeStream
from tests.support import ports
from tests.support.clips import scenes, write_folder
from tests.support.rtsp import needs_server, serving

WIDTH, HEIGHT = 320, 240


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "film", scenes(40, WIDTH, HEIGHT))


def settings(port: int, timeout_s: float = 5.0) -> Settings:
    return Settings(source=f"rtsp://me:secret@127.0.0.1:{port}/faces", timeout_s=timeout_s)


@needs_server
def test_frames_of_a_stream_are_those_that_were_sent(film: Path, caplog) -> None:
    port = ports.free_port()
    with (
        caplog.at_level(logging.INFO),
        serving(film, port),
        open_camera(settings(port)) as camera,
    ):
        frames = [next(camera) for _ in range(5)]
    assert [0, 1, 2, 3, 4] == [frame.number for frame in frames]
    for frame in frames:
        assert (HEIGHT, WIDTH) == frame.luma.shape
        # Video range is stretched and compressed on the way; the ramp is still one of them.
        likeness = [
            np.corrcoef(frame.luma.ravel(), one.ravel())[0, 1] for one in scenes(40, WIDTH, HEIGHT)
        ]
        assert max(likeness) > 0.99
    assert f"camera rtsp://me:***@127.0.0.1:{port}/faces: gives 320x240" in caplog.text
    assert "secret" not in caplog.text


@needs_server
def test_a_frame_is_not_older_than_the_wait_for_it(tmp_path: Path) -> None:
    """However long the one before was looked at; each frame is brighter by 1 than the last."""
    film = write_folder(tmp_path / "film", [np.full((HEIGHT, WIDTH), 20 + n) for n in range(200)])
    port = ports.free_port()
    with serving(film, port), open_camera(settings(port)) as camera:
        before = next(camera).luma.mean()
        time.sleep(1.0)
        after = next(camera).luma.mean()
    # A frame that had waited would be the next one; should the film begin anew, it is far darker.
    assert abs(after - before) > 4


@pytest.mark.parametrize(("waiting", "expected"), [(10, 10), (4, 4 + PACED)])
def test_what_came_while_a_stream_was_opened_is_not_looked_at(waiting: int, expected: int) -> None:
    """Opening takes two seconds of five frames each; not all that came then need have been kept."""
    now = 0.0

    def opened(*asked: Any) -> FakeCapture:
        nonlocal now
        now += 2.0
        return stream(*asked)

    def due() -> bool:
        nonlocal now
        assert stream.owner is not None
        if stream.owner._next < expected:
            now += 0 if stream.owner._next < waiting else 1 / 5
            return True
        drain = camera._drain
        return bool(drain and (drain._wanted.is_set() or drain._stopped.is_set()))

    stream = FakeStream(scenes(20))
    stream.due = due
    source = Settings(source="rtsp://host/a", fps=5)
    camera = RtspCamera(source, "//host/a", capture=opened, clock=lambda: now)
    with camera:
        assert expected == next(camera).luma[0, 0] // 4


def play_until_lost(camera: Camera, server: subprocess.Popen[str], number: int) -> None:
    with camera:
        next(camera)
        server.send_signal(number)
        for _ in range(1000):
            next(camera)


@needs_server
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["gone", "still"])
def test_a_stream_that_ends_or_stands_still_is_lost_and_can_be_entered_again(
    film: Path, number: int
) -> None:
    port = ports.free_port()
    camera = open_camera(settings(port))
    with serving(film, port) as server, pytest.raises(CameraError) as caught:
        play_until_lost(camera, server, number)
    assert (
        f"camera rtsp://me:***@127.0.0.1:{port}/faces: the stream has ended or gives no frames; "
        "is it reachable?" == str(caught.value)
    )
    with serving(film, port), camera:
        assert 0 == next(camera).number


def run_daemon(port: int) -> subprocess.Popen[str]:
    options = {
        "privacy.acknowledge_use": "research",
        "mqtt.outbox": "memory",
        "mqtt.drain_s": "0",
        "mqtt.brokers": "mqtt://127.0.0.1:1",
        "camera.timeout_s": "3",
    }
    command = [sys.executable, "-m", "edge_fer", "run", "--camera", settings(port).source]
    flags = [word for key, value in options.items() for word in ("--set", f"{key}={value}")]
    return subprocess.Popen([*command, *flags], stderr=subprocess.PIPE, text=True)


def wait_for(daemon: subprocess.Popen[str], text: str) -> list[str]:
    """What the daemon said up to a line with the text."""
    assert daemon.stderr is not None
    said: list[str] = []
    while not said or text not in said[-1]:
        line = daemon.stderr.readline()
        assert line, f"ended before {text!r}: {said}"
        said.append(line)
    return said


@needs_server
def test_the_daemon_opens_a_stream_again_that_comes_back(film: Path) -> None:
    port = ports.free_port()
    with run_daemon(port) as daemon:
        said = wait_for(daemon, "cannot be opened within 3 s")
        with serving(film, port):
            said += wait_for(daemon, "recovered after")
        said += wait_for(daemon, "retrying for up to")
        with serving(film, port):
            said += wait_for(daemon, "recovered after")
            daemon.terminate()
            said += daemon.communicate()[1].splitlines()
    assert 0 == daemon.returncode
    assert not [line for line in said if "secret" in line]


def test_an_address_where_nobody_listens_is_told_without_its_password() -> None:
    camera = open_camera(settings(ports.free_port(), timeout_s=1))
    with pytest.raises(CameraError, match="cannot be opened within 1 s") as caught, camera:
        next(camera)
    assert "rtsp://me:***@127.0.0.1" in str(caught.value)
    assert "\n" not in str(caught.value)
