"""The daemon as its users run it: a real clip, real dlib, onnxruntime, mosquitto, a process."""

import json
import os
import queue
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from jsonschema import Draft202012Validator

from edge_fer.config.broker_url import parse_broker
from edge_fer.demo.demo import PrivateBroker
from edge_fer.emotion.card import sha256_of
from edge_fer.errors import ModelError
from edge_fer.mqtt.connection import subscribe
from edge_fer.mqtt.schema import schemas
from edge_fer.vision.landmarks import find_landmarks
from tests.support.mqtt import command
from tests.support.tiny_model import write_tiny_model
from tests.support.wait import DEADLINE_S, wait_until


@pytest.fixture(scope="module")
def options(tmp_path_factory):
    try:
        find_landmarks()
    except ModelError as error:
        pytest.skip(str(error))
    model = write_tiny_model(tmp_path_factory.mktemp("model"), "tiny-fp32", temperature=0.2)
    settings = {
        "model.path": model,
        "vision.min_face_px": 40,
        "device.name": "porch",
        "privacy.acknowledge_use": "research",
        "smoothing.enter": 0.2,
        "smoothing.leave": 0.1,
        "stats.interval_s": 0.2,
    }
    return [f"--set={key}={value}" for key, value in settings.items()]


def daemon(broker, camera, options, **keywords):
    arguments = ["run", "--camera", str(camera), "--mqtt", broker.url, *options]
    return subprocess.Popen(
        [sys.executable, "-m", "edge_fer", *arguments],
        stderr=subprocess.PIPE,
        text=True,
        **keywords,
    )


def drain(inbox):
    messages = []
    try:
        while True:
            messages.append(inbox.get(timeout=0.3))
    except queue.Empty:
        return messages


def until_seen(inbox, suffix, **wanted):
    """The next message on that topic whose content has these values."""
    while True:
        message = inbox.get(timeout=DEADLINE_S)
        if message.topic.endswith(suffix):
            content = json.loads(message.payload)
            if wanted.items() <= content.items():
                return content


def one_run(camera, options):
    """One whole run over the clip; gives the messages by topic."""
    with PrivateBroker() as broker, subscribe(parse_broker(broker.url), ["#"]) as inbox:
        process = daemon(broker, camera, options)
        _, errors = process.communicate(timeout=120)
        assert (0, "Traceback" in errors) == (process.returncode, False), errors
        messages = drain(inbox)
    topics = {}
    for message in messages:
        topics.setdefault(message.topic, []).append(message.payload)
    return topics


@pytest.fixture(scope="module")
def run(mosquitto_installed, carphone, options):
    return one_run(carphone, options)


@pytest.fixture(scope="module")
def mosquitto_installed():
    if not shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin"):
        pytest.skip("mosquitto is not installed")


def test_a_clip_becomes_events_that_tell_a_whole_story(run, options):
    events = [json.loads(payload) for payload in run["edge-fer/porch/event"]]
    assert list(range(1, len(events) + 1)) == [event["seq"] for event in events]
    assert ("begin", None) == (events[0]["phase"], events[0]["previous"])
    assert "end" == events[-1]["phase"]
    assert 1 == len({event["session"] for event in events})
    assert len(events) == len({event["id"] for event in events})
    first = events[0]
    assert "1970-01-01T00:00:00.300Z" == first["time"]
    assert ("porch", "cam0", 2) == (first["device"], first["camera"], first["schema"])
    assert {"name": "tiny-fp32"} == first["model"]
    model = Path(options[0].partition("model.path=")[2])
    status = json.loads(run["edge-fer/porch/status"][0])
    assert {"name": "tiny-fp32", "sha256": sha256_of(model)} == status["model"]
    assert (176, 144) == (first["box"]["frame_width"], first["box"]["frame_height"])


def test_every_message_of_a_run_fits_the_published_schema(run):
    published = schemas()
    for topic in ("event", "status", "state", "stats"):
        validator = Draft202012Validator({**published, **published[topic]})
        for payload in run[f"edge-fer/porch/{topic}"]:
            validator.validate(json.loads(payload))
    assert [b"ON"] == run["edge-fer/porch/enabled"]
    flat = {f"edge-fer/porch/{topic}" for topic in ("emotion", "faces", "presence")}
    assert flat < set(run)
    assert 8 == len(run)


def test_status_goes_from_online_to_stopped_and_state_ends_empty(run):
    states = [json.loads(payload)["state"] for payload in run["edge-fer/porch/status"]]
    assert ["online", "stopped"] == states
    assert [] == json.loads(run["edge-fer/porch/state"][-1])["faces"]


def test_stats_are_flat_numbers_that_add_up(run):
    stats = json.loads(run["edge-fer/porch/stats"][-1])
    assert 120 == stats["frames"]
    assert {int, float, str} >= {type(value) for value in stats.values()}
    faces = sum(value for key, value in stats.items() if key.startswith("faces_"))
    assert 90 < faces <= 120
    assert 0 == stats["dropped_full"]
    assert len(run["edge-fer/porch/event"]) == stats["events"] == stats["queued"]


def test_two_runs_over_the_same_clip_tell_the_same_story(run, carphone, options):
    stories = []
    for topics in (run, one_run(carphone, options)):
        events = [json.loads(payload) for payload in topics["edge-fer/porch/event"]]
        ignored = ("id", "session", "track")
        stories.append([{k: v for k, v in event.items() if k not in ignored} for event in events])
    assert stories[0] == stories[1]


def test_a_killed_daemon_is_reported_offline_by_the_broker(broker, carphone, options):
    with subscribe(parse_broker(broker.url), ["edge-fer/porch/status"]) as inbox:
        process = daemon(broker, carphone, [*options, "--set=camera.pace=real"])
        online = until_seen(inbox, "/status", state="online")
        process.kill()
        process.communicate()
        assert online["session"] == until_seen(inbox, "/status", state="offline")["session"]


def test_a_signal_ends_the_daemon_in_an_orderly_way(broker, carphone, options):
    with subscribe(parse_broker(broker.url), ["edge-fer/porch/#"]) as inbox:
        process = daemon(broker, carphone, [*options, "--set=camera.pace=real"])
        until_seen(inbox, "/event", phase="begin")
        process.send_signal(signal.SIGTERM)
        until_seen(inbox, "/event", phase="end")
        until_seen(inbox, "/status", state="stopped")
        assert 0 == process.wait(timeout=DEADLINE_S)
        process.communicate()


def test_the_pause_switch_closes_the_camera_and_opens_it_again(broker, tmp_path, options):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(300):
        cv2.imwrite(str(folder / f"{number:03}.png"), np.full((60, 80), 90, np.uint8))
    with subscribe(parse_broker(broker.url), ["edge-fer/porch/#"]) as inbox:
        process = daemon(broker, folder, [*options, "--set=camera.pace=real"])
        until_seen(inbox, "/stats")
        command(broker, "OFF")
        wait_for(inbox, "/enabled", b"OFF")
        held = f"/proc/{process.pid}/fd"
        assert process.poll() is None
        assert not [link for link in links(held) if str(folder) in link]
        command(broker, "ON")
        wait_for(inbox, "/enabled", b"ON")
        before = until_seen(inbox, "/stats")["frames"]
        wait_until(
            lambda: until_seen(inbox, "/stats")["frames"] > before, "went on after the pause"
        )
        process.terminate()
        process.communicate(timeout=DEADLINE_S)
        assert 0 == process.returncode


def links(folder):
    return [str(link.readlink()) for link in Path(folder).iterdir() if link.is_symlink()]


def wait_for(inbox, suffix, payload):
    while True:
        message = inbox.get(timeout=DEADLINE_S)
        if message.topic.endswith(suffix) and message.payload == payload:
            return


def test_without_a_broker_the_run_ends_with_a_clear_line(free_port, carphone, options):
    class Nowhere:
        url = f"mqtt://127.0.0.1:{free_port}"

    process = daemon(
        Nowhere, carphone, [*options, "--set=mqtt.drain_s=0.2", "--set=mqtt.outbox=memory"]
    )
    _, errors = process.communicate(timeout=60)
    assert 69 == process.returncode
    assert "Traceback" not in errors
    assert "cannot be reached" in errors
    assert "events could not be delivered" in errors


def test_max_frames_ends_the_run(broker, carphone, options):
    with subscribe(parse_broker(broker.url), ["edge-fer/porch/stats"]) as inbox:
        process = daemon(broker, carphone, [*options, "--max-frames", "30"])
        process.communicate(timeout=60)
        frames = [json.loads(message.payload)["frames"] for message in drain(inbox)]
    assert (0, 30) == (process.returncode, frames[-1])
