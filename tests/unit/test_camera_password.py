"""The password of a network camera stands in the configuration and is shown nowhere."""

import contextlib
import queue
import subprocess
import sys
from pathlib import Path

import pytest

from edge_fer.cameras import open_camera, without_password
from edge_fer.config.broker_url import parse_broker
from edge_fer.config.settings import Camera as Settings
from edge_fer.demo.demo import PrivateBroker
from edge_fer.errors import CameraError, ConfigError
from edge_fer.mqtt.connection import subscribe
from tests.support import ports
from tests.support.clips import scenes, write_folder
from tests.support.rtsp import needs_server, serving


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("rtsp://me:secret@cam/a", "rtsp://me:***@cam/a"),
        ("rtsp://me:sec@ret@cam/a", "rtsp://me:***@cam/a"),
        ("rtsp://me:sec/ret@cam:554/a", "rtsp://me:***@cam:554/a"),
        ("rtsp://me:secret@cam", "rtsp://me:***@cam"),
        ("rtsp://me:secret@cam/a@2", "rtsp://me:***@cam/a@2"),
        ("rtsp://:secret@cam/a", "rtsp://:***@cam/a"),
        ("rtsp://cam:554/a", "rtsp://cam:554/a"),
        ("rtsp://me@cam/a", "rtsp://me@cam/a"),
        ("rtsp://cam/a?user=me&password=secret&n=1", "rtsp://cam/a?user=me&password=***&n=1"),
        (
            "gst:rtspsrc location=rtsp://cam/a user-id=me user-pw=secret ! appsink",
            "gst:rtspsrc location=rtsp://cam/a user-id=me user-pw=*** ! appsink",
        ),
        (
            "gst:rtspsrc location=rtsp://me:secret@cam/a ! x ! appsink",
            "gst:rtspsrc location=rtsp://me:***@cam/a ! x ! appsink",
        ),
        ("file:/srv/a@b:c.mp4", "file:/srv/a@b:c.mp4"),
    ],
)
def test_a_source_is_shown_without_its_password(source: str, expected: str) -> None:
    assert expected == without_password(source)


@pytest.mark.parametrize(
    "source",
    [
        "rtps://me:secret@cam/a",
        "rtsp://me:secret@/a",
        "gst:rtspsrc location=rtsp://me:secret@cam/a",
        "gst:rtspsrc location=rtsp://me:secret@127.0.0.1:1/a ! appsink",
    ],
)
def test_a_source_that_is_wrong_is_told_without_its_password(source: str) -> None:
    with pytest.raises((ConfigError, CameraError)) as caught, open_camera(Settings(source=source)):
        pass
    assert "me:***@" in str(caught.value)
    assert "secret" not in str(caught.value)


def say(*arguments: str) -> str:
    """What a command says; it is ended after a while."""
    options = ["--set", "privacy.acknowledge_use=research"]
    command = [sys.executable, "-m", "edge_fer", *arguments, *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    return done.stdout + done.stderr


@needs_server
def test_neither_check_nor_demo_nor_log_nor_broker_is_told_a_password(tmp_path: Path) -> None:
    film, port = write_folder(tmp_path / "film", scenes(30, 320, 240)), ports.free_port()
    shown = f"rtsp://me:***@127.0.0.1:{port}/faces"
    camera = ["--camera", shown.replace("***", "secret"), "--set", "camera.timeout_s=9"]
    with (
        PrivateBroker() as broker,
        subscribe(parse_broker(broker.url), ["#"]) as inbox,
        serving(film, port) as server,
    ):
        told = {"check": say("check", *camera, "--mqtt", broker.url)}
        told["demo"] = say("demo", *camera, "--max-frames", "2")
        server.kill()
        lost = ["--set", "camera.give_up_s=1", "--set", "mqtt.outbox=memory"]
        told["log"] = say("run", *camera, "--mqtt", broker.url, *lost)
        messages = []
        with contextlib.suppress(queue.Empty):
            while True:
                messages.append(inbox.get(timeout=1))
        told["broker"] = "\n".join(f"{one.topic} {one.payload!r}" for one in messages)
    assert dict.fromkeys(told, True) == {name: bool(text) for name, text in told.items()}
    assert {"check": True, "demo": True, "log": True} == {
        name: shown in told[name] for name in ("check", "demo", "log")
    }
    assert [] == [name for name, text in told.items() if "secret" in text]
