"""A running daemon with privacy.mode = "aggregate", and its data inventory."""

import contextlib
import json
import queue
import random
import signal
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from edge_fer.cli import main
from edge_fer.config.settings import Tracking
from edge_fer.daemon.stats import Stats
from edge_fer.mqtt import schema
from edge_fer.mqtt.data_inventory import NUMBERS, TOPICS, inventory
from edge_fer.types import Box
from edge_fer.vision.search import Tracker
from tests.support.mqtt import command, listening
from tests.support.wait import DEADLINE_S, wait_until

ROOT = Path(__file__).parents[2]
PER_FACE = ("track", "box", "confidence", "scores", "faces", "emotion")


def flat(value):
    """Every name in a JSON value."""
    if isinstance(value, dict):
        return {*value, *(name for inner in value.values() for name in flat(inner))}
    return {name for inner in value for name in flat(inner)} if isinstance(value, list) else set()


def heard(inbox):
    messages = []
    while True:
        try:
            messages.append(inbox.get(timeout=0.3))
        except queue.Empty:
            return messages


def next_message(daemon, inbox):
    """Return the next message; read the notify socket meanwhile, as systemd does."""
    got = []

    def there():
        daemon.receive(0.05)
        if not inbox.empty():
            got.append(inbox.get())
        return got

    wait_until(there, "heard")
    return got[0]


@pytest.fixture
def config(tmp_path, rig):
    file = tmp_path / "edge-fer.toml"
    rig.options += [f"--config={file}", "--set=log.level=debug"]

    def write(mode):
        file.write_text(f'[privacy]\nmode = "{mode}"\ninterval_s = 1\nmin_group = 3\n')

    return write


def test_nothing_of_single_faces_leaves_a_daemon_or_is_logged(rig, config):
    config("aggregate")
    rig.hardware.plug()
    with listening(rig.broker, "#") as inbox:
        with rig.run() as daemon:
            daemon.until("READY=1")
            messages = []
            while sum(message.topic.endswith("/aggregate") for message in messages) < 2:
                messages.append(next_message(daemon, inbox))
            command(rig.broker, "OFF")
            code, _ = daemon.stop()
            assert 0 == code
        messages += heard(inbox)
    intervals = [json.loads(it.payload) for it in messages if it.topic.endswith("/aggregate")]
    # One face is not a group.
    assert {(True, None, None)} == {
        (made["withheld"], made["people"], made["shares"]) for made in intervals
    }
    names = {message.topic.rpartition("/")[2] for message in messages}
    removed = {"state", "emotion", "faces", "presence"}
    assert (
        {"status", "stats", "response", "aggregate"}
        <= names
        <= {"status", "stats", "response", "aggregate", "enabled", "set", *removed}
    )
    said = [message for message in messages if message.payload[:1] == b"{"]
    assert not set(PER_FACE) & {name for it in said for name in flat(json.loads(it.payload))}
    assert not [name for it in said for name in flat(json.loads(it.payload)) if "face" in name]
    assert {b""} >= {it.payload for it in messages if it.topic.rpartition("/")[2] in removed}
    assert "withheld, fewer people than privacy.min_group" in daemon.log
    assert "track" not in daemon.log
    assert "Traceback" not in daemon.log


def test_a_reload_goes_from_one_mode_to_the_other_and_back(rig, config):
    config("faces")
    rig.hardware.plug()
    topics = ("event", "aggregate", "state")

    def until_topic(name):
        while not next_message(daemon, inbox).topic.endswith(f"/{name}"):
            pass

    with rig.run() as daemon, listening(rig.broker, *topics) as inbox:
        daemon.until("READY=1")
        until_topic("event")
        config("aggregate")
        daemon.process.send_signal(signal.SIGHUP)
        until_topic("aggregate")
        assert next_message(daemon, inbox).topic.endswith("/aggregate")
        with listening(rig.broker, "state", "status") as late:
            assert "edge-fer/porch/status" == late.get(timeout=DEADLINE_S).topic
            assert late.empty()
        config("faces")
        daemon.process.send_signal(signal.SIGHUP)
        until_topic("event")
    assert 2 == daemon.log.count("configuration reloaded; changed: publisher\n")


def test_a_tracks_name_can_be_neither_guessed_nor_found_again():
    boxes, names = [Box(100 * n, 0, 80, 80) for n in range(1000)], []
    for _ in range(2):
        # A known seed must not predict them.
        random.seed(0)
        np.random.seed(0)
        tracker = Tracker(Tracking())
        names += [track.name for track in tracker.match(boxes, 0)]
        tracker.end_all()
        names += [track.name for track in tracker.match(boxes, 0.1)]
    assert 3990 < len(set(names))
    ones = [sum(int(name, 16) >> bit & 1 for name in names) / len(names) for bit in range(32)]
    assert 0.4 < min(ones) < max(ones) < 0.6


def test_the_list_has_every_topic_and_field_of_the_wire():
    listed = {name for name, topic in TOPICS.items() if not topic.plain}
    assert schema.schemas().keys() - {"$schema", "$defs"} == listed
    fields = inventory()["topics"]["event"]["fields"]
    assert {"track", "box.left", "box.frame_width", "scores.*", "model.name"} < fields.keys()
    assert {"type": "integer", "unit": "px", "meaning": "Left edge of the face."} == (
        fields["box.left"]
    )
    every = [
        field
        for topic in inventory()["topics"].values()
        for field in topic.get("fields", {}).values()
    ]
    assert [] == [field for field in every if not field["meaning"]]


def test_the_list_has_every_number_of_stats(rig, config):
    config("faces")
    rig.hardware.plug()
    with rig.run() as daemon, listening(rig.broker, "stats") as inbox:
        daemon.until("READY=1")
        numbers = json.loads(inbox.get(timeout=DEADLINE_S).payload)
    names = {*numbers, *Stats().snapshot({})} - {"time"}
    assert set() == {name for name in names if not name.startswith("faces_")} - NUMBERS.keys()


def test_in_a_mode_the_list_has_the_topics_of_that_mode_alone():
    about = {
        mode: {topic["about"] for topic in inventory(mode)["topics"].values()}
        for mode in ("faces", "aggregate")
    }
    assert {"faces": {"face", "device"}, "aggregate": {"group", "device"}} == about


def test_the_command_line_prints_the_list(capsys):
    assert 0 == main(["config", "--leaves"])
    assert inventory() == json.loads(capsys.readouterr().out)
    assert 0 == main(["config", "--leaves", "--set=privacy.mode=aggregate"])
    assert inventory("aggregate") == json.loads(capsys.readouterr().out)


def test_the_copy_of_the_list_is_fresh():
    shown = json.loads((ROOT / "docs/reference/leaves.json").read_text())
    assert inventory() == shown, "run: python docs/generate_mqtt.py"


def test_the_outbox_of_a_group_holds_nothing_of_single_faces(rig, config, tmp_path):
    config("aggregate")
    rig.broker.stop()
    rig.hardware.plug()
    rig.options += [f"--set=mqtt.outbox={tmp_path / 'box'}", "--set=mqtt.spill_after_s=0.05"]
    with rig.run() as daemon:
        daemon.until("READY=1")
        wait_until(
            lambda: daemon.receive(0.05) is None or daemon.log.count("interval of") > 1,
            "two intervals",
        )
        assert 0 == daemon.stop()[0]
    path = tmp_path / "box" / "edge-fer-porch.db"
    with contextlib.closing(sqlite3.connect(path)) as kept:
        topics = {topic for (topic,) in kept.execute("SELECT topic FROM event")}
    assert {"edge-fer/porch/aggregate"} == topics
