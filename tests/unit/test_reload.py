"""SIGHUP: what is good is taken without losing the process, what is not changes nothing."""

import json
import signal

import pytest

from tests.support.mqtt import listening
from tests.support.tiny_model import write_tiny_model
from tests.support.wait import DEADLINE_S, wait_until

FILE = """
[model]
path = "{model}"
[smoothing]
hold_s = {hold_s}
"""


@pytest.fixture
def models(tmp_path):
    """Two models; the second is the first with other weights."""
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
    return [
        write_tiny_model(folder, f"tiny-{folder.name}-fp32", temperature=0.2) for folder in folders
    ]


@pytest.fixture
def config(tmp_path, models, rig):
    """A configuration file, from which the daemon reads its model."""
    file = tmp_path / "edge-fer.toml"
    file.write_text(FILE.format(model=models[0], hold_s=0.2))
    rig.options = [option for option in rig.options if "model.path" not in option]
    rig.options += [f"--config={file}"]
    return file


def reload(daemon):
    """Send SIGHUP and wait for the end of the reload."""
    daemon.process.send_signal(signal.SIGHUP)
    heard = daemon.until("RELOADING=1")
    stamp = next(line for line in heard if line.startswith("MONOTONIC_USEC="))
    assert int(stamp.partition("=")[2]) > 0
    daemon.until("READY=1")


def test_another_model_takes_over_without_losing_the_process(rig, config, models):
    rig.hardware.plug()
    with rig.run() as daemon, listening(rig.broker, "event", "stats") as inbox:
        daemon.until("READY=1")
        assert "tiny-one-fp32" == next_event(inbox)["model"]["name"]
        config.write_text(FILE.format(model=models[1], hold_s=0.2))
        reload(daemon)
        wait_until(lambda: next_event(inbox)["model"]["name"] == "tiny-two-fp32", "taken over")
        code, seconds = daemon.stop()
        assert (0, True) == (code, seconds < 2)
    assert "configuration reloaded; changed: pipeline, publisher" in daemon.log


def test_a_bad_configuration_or_model_changes_nothing_and_is_told_in_one_line(rig, config, models):
    rig.hardware.plug()
    with rig.run() as daemon, listening(rig.broker, "event", "stats") as inbox:
        daemon.until("READY=1")
        good = config.read_text()
        config.write_text(good.replace("hold_s", "hold_ms"))
        reload(daemon)
        models[1].write_bytes(models[1].read_bytes() + b"\0")
        config.write_text(FILE.format(model=models[1], hold_s=0.2))
        reload(daemon)
        spoil_golden(models[0])
        config.write_text(good)
        reload(daemon)
        wait_until(lambda: next_stats(inbox)["reloads_refused"] == 3, "counted")
        frames = next_stats(inbox)["frames"]
        wait_until(lambda: next_stats(inbox)["frames"] > frames, "went on")
    refused = [line for line in daemon.log.splitlines() if "reload failed" in line]
    assert 3 == len(refused)
    assert "hold_ms" in refused[0]
    assert "did you mean" in refused[0]
    assert "sha256" in refused[1]
    assert "golden vector" in refused[2]
    assert "Traceback" not in daemon.log


def test_the_status_says_that_a_reload_was_refused_until_one_is_taken(rig, config):
    rig.hardware.plug()
    with rig.run() as daemon:
        daemon.until("READY=1")
        good = config.read_text()
        config.write_text(good.replace("hold_s", "hold_ms"))
        daemon.process.send_signal(signal.SIGHUP)
        heard = daemon.until("STATUS=watching; reload failed: ")
        assert [True] == ["hold_ms" in line for line in heard if "reload failed" in line]
        assert "READY=1" in heard
        config.write_text(good)
        reload(daemon)
        assert "STATUS=watching" in daemon.messages[-3:]


def test_a_change_of_looking_alone_keeps_camera_and_broker(rig, config, models):
    rig.hardware.plug()
    with rig.run() as daemon, listening(rig.broker, "event", "stats") as inbox:
        daemon.until("READY=1")
        session = next_event(inbox)["session"]
        config.write_text(FILE.format(model=models[0], hold_s=0.3))
        reload(daemon)
        wait_until(lambda: next_stats(inbox)["reloads"] == 1, "counted")
        assert session == next_event(inbox)["session"]
        assert 0 == next_stats(inbox)["camera_losses"]
    assert "configuration reloaded; changed: pipeline\n" in daemon.log


def test_a_hung_camera_can_be_exchanged_by_a_reload(rig, config, models):
    rig.hardware.plug()
    rig.options = [option for option in rig.options if "camera.source" not in option]
    source = f'[camera]\nsource = "{{}}:{rig.hardware.path}"'
    config.write_text(config.read_text() + source.format("hung"))
    with rig.run() as daemon:
        daemon.until("READY=1")
        rig.hardware.stall()
        daemon.until("STATUS=camera lost")
        rig.hardware.unplug()
        rig.hardware.plug()
        config.write_text(FILE.format(model=models[0], hold_s=0.2) + source.format("fifo"))
        reload(daemon)
        assert "STATUS=watching" in daemon.messages or daemon.until("STATUS=watching")


def spoil_golden(model):
    """Have the card expect scores that the file does not give."""
    file = model.with_suffix(".json")
    card = json.loads(file.read_text())
    scores = dict.fromkeys(card["labels"], 0.0) | {card["labels"][0]: 1.0}
    card["golden"] = [{"pattern": [1, 2, 3], "scores": scores}]
    file.write_text(json.dumps(card))


def next_of(inbox, suffix):
    while True:
        message = inbox.get(timeout=DEADLINE_S)
        if message.topic.endswith(suffix):
            return json.loads(message.payload)


def next_event(inbox):
    return next_of(inbox, "/event")


def next_stats(inbox):
    return next_of(inbox, "/stats")
